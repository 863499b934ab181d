import { parameterMatrix } from '../../field/field.ts';
import type { FieldSequence } from '../../field/sequence.ts';
import { createLayerStep } from '../../flow/layer-step.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride, type NormalisationKind } from '../../kernels/instruction.ts';
import { ProgramBuilder, stateLength } from '../../kernels/program.ts';
import { packRows } from '../../kernels/tokens.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import type { TokenCloud, TokenCloudSource } from './token-cloud.ts';

/** One block, repeated L times with weights of its own. */
export interface BlockStack {
  readonly name: string;
  readonly layers: number;
  /** H, and k of one head. */
  readonly heads: number;
  readonly keyDimension: number;
  /** Of what every part of a block sees; `none`: the tokens as they are. */
  readonly normalisation: NormalisationKind | 'none';
  /** The first part is attention, which has blocks Q and K. */
  readonly block: FieldSequence;
  /** The parameters of each part of one layer. */
  parametersOf(layer: number): readonly ArrayLike<number>[];
}

/**
 * The token clouds of a stack of blocks fed with given tokens. Layers pass one at a time, since all their weights together may be
 * more than fits.
 *
 * @param input - n × d, one token a row
 */
export function stackClouds(backend: Backend, stack: BlockStack, input: Matrix): TokenCloudSource {
  async function* clouds(): AsyncGenerator<TokenCloud> {
    let points = input;
    for (let layer = 0; layer < stack.layers; layer++) {
      const next = backend.scoped(() => passLayer(backend, stack, layer, points));
      yield { layer, points, tilt: next.tilt };
      points = next.points;
    }
    yield { layer: stack.layers, points, tilt: null };
  }
  return { name: stack.name, layers: stack.layers, clouds };
}

/** One layer: the tokens after it, and the tilt of its attention. */
function passLayer(backend: Backend, stack: BlockStack, layer: number, points: Matrix) {
  const { block } = stack;
  const [n, d] = [points.rows, points.columns];
  const layerStep = createLayerStep(backend, { field: block, tokens: n });
  const theta = layerStep.parameters;
  stack.parametersOf(layer).forEach((vector, p) => {
    theta.set(vector, block.parts[p].start);
  });
  const before = packRows(points, backend.allocate(stateLength(d, n)));
  return { points: layerStep.step(points), tilt: tiltOf(backend, stack, theta, before, n) };
}

/** The tilt of a layer's attention at tokens x, d × n. */
function tiltOf(
  backend: Backend,
  stack: BlockStack,
  theta: FloatArray,
  x: FloatArray,
  n: number,
): number {
  const { heads, keyDimension, normalisation, block } = stack;
  const [{ field: attention, start }] = block.parts;
  const builder = new ProgramBuilder();
  const state = builder.state('sample', 'x', block.dimension, n);
  const seen = normalisation === 'none' ? state : builder.normalise(normalisation, 1e-5, state);
  const slot = builder.slot('shared', 'theta', block.parameters.length);
  const rows = heads * keyDimension;
  const buffers: Record<string, FloatArray> = { x, theta };
  for (const name of ['Q', 'K']) {
    const map = parameterMatrix(attention.parameters, { slot, offset: start }, name);
    builder.product(map, seen, { into: builder.state('sample', name, rows, n) });
    buffers[name] = backend.allocate(stateLength(rows, n));
  }
  backend.compile(builder.program())({ samples: 1, buffers });
  return largestTilt(buffers.Q, buffers.K, stack, n);
}

/** `max_h (mean over i of q_iᵀ Cov(k) q_i)^{1/2}/√k`, from queries and keys of (H·k) × n. */
function largestTilt(
  queries: FloatArray,
  keys: FloatArray,
  { heads, keyDimension: k }: BlockStack,
  n: number,
): number {
  const stride = columnStride(n);
  const moment = (rows: FloatArray, a: number, b: number, centred: boolean) => {
    let product = 0;
    let sumA = 0;
    let sumB = 0;
    for (let i = 0; i < n; i++) {
      const [u, v] = [rows[a * stride + i], rows[b * stride + i]];
      product += u * v;
      sumA += u;
      sumB += v;
    }
    return product / n - (centred ? (sumA / n) * (sumB / n) : 0);
  };
  let largest = 0;
  for (let h = 0; h < heads; h++) {
    let square = 0;
    for (let a = h * k; a < (h + 1) * k; a++) {
      for (let b = h * k; b <= a; b++) {
        const weight = a === b ? 1 : 2;
        square += weight * moment(queries, a, b, false) * moment(keys, a, b, true);
      }
    }
    largest = Math.max(largest, square / k);
  }
  return Math.sqrt(largest);
}
