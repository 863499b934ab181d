import { MesoscopeError } from '../errors.ts';
import type { ParameterBlock, ParameterLayout } from '../field/field.ts';
import type { WeightPlace } from './architecture.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Tensor } from './tensor.ts';

/** What the forward pass needs of a checkpoint. */
export type Weights = Pick<Checkpoint, 'source' | 'config' | 'tensors'>;

/** The tensors of a checkpoint by the names that its architecture gives them. */
export interface NamedWeights {
  readonly source: string;
  find(name: string): Tensor | undefined;
  /** @throws MesoscopeError `file` where there is none of that name */
  tensor(name: string): Tensor;
}

/** @param prefix - what the names in the checkpoint may begin with */
export function namedWeights({ source, tensors }: Weights, prefix: string): NamedWeights {
  const find = (name: string) => tensors.get(`${prefix}${name}`) ?? tensors.get(name);
  return {
    source,
    find,
    tensor(name) {
      const found = find(name);
      if (found !== undefined) return found;
      throw new MesoscopeError({
        code: 'file',
        path: source,
        reason: `there is no tensor "${prefix}${name}"`,
        wayOut: 'See what there is with: mesoscope inspect.',
      });
    },
  };
}

/** `attention.Q` of the block `attention.field.Q`: its part, and its own name without what stands between. */
export function blockKey(name: string): string {
  const words = name.split('.');
  return words.length < 2 ? name : `${words[0]}.${words[words.length - 1]}`;
}

/**
 * A parameter vector from the tensors where its blocks stand. Places of blocks that the layout does not have are passed over.
 *
 * @throws MesoscopeError `file` (a tensor is missing), `shape-mismatch`
 */
export async function readParameters(
  layout: ParameterLayout,
  places: readonly WeightPlace[],
  weights: NamedWeights,
): Promise<Float64Array> {
  const vector = new Float64Array(layout.length);
  for (const block of layout.blocks) {
    const place = places.find((candidate) => candidate.block === blockKey(block.name));
    if (place === undefined) throw new RangeError(`no place for the block "${block.name}"`);
    await fillBlock(vector, block, place, weights);
  }
  return vector;
}

async function fillBlock(
  vector: Float64Array,
  { rows, columns, offset }: ParameterBlock,
  place: WeightPlace,
  weights: NamedWeights,
): Promise<void> {
  const { rows: [from, to] = [0, rows], transposed = false } = place;
  const tensor = weights.tensor(place.tensor);
  const flat = columns === 1;
  const [height, width] = flat
    ? [tensor.shape.length === 1 ? tensor.shape[0] : Number.NaN, 1]
    : matrixShape(tensor, transposed);
  const all = place.rows === undefined;
  if (to - from !== rows || width !== columns || (all ? height !== rows : !(height >= to))) {
    const expected = flat ? [to] : transposed ? [columns, to] : [to, columns];
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: `${weights.source}, ${tensor.name}`,
      received: tensor.shape,
      expected: all ? expected : expected.map((size) => (size === to ? `at least ${to}` : size)),
    });
  }
  if (!transposed || flat) {
    const numbers = all ? await tensor.read() : await tensor.readRows(from, to);
    vector.set(numbers, offset);
    return;
  }
  const numbers = await tensor.read();
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      vector[offset + i * columns + j] = numbers[j * height + from + i];
    }
  }
}

/** Height and width of a matrix once it is out × in; further axes of a tensor of patches count to its width. */
function matrixShape({ shape }: Tensor, transposed: boolean): readonly [number, number] {
  const height = shape[0];
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  return transposed ? [width, height] : [height, width];
}
