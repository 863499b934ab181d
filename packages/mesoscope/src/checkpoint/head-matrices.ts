import type { ParameterBlock } from '../field/field.ts';
import { block, type Matrix } from '../numeric/matrix.ts';
import type { LoadedLayer } from './model.ts';
import { blockKey } from './weights.ts';

/** The matrices of one head: scores are `⟨Q u_i, K u_j⟩/√k`, and what it adds is `O V` of a mean of the u_j. */
export interface HeadMatrices {
  /** k × d. */
  readonly Q: Matrix;
  /** k × d. */
  readonly K: Matrix;
  /** v × d. */
  readonly V: Matrix;
  /** d × v. */
  readonly O: Matrix;
}

/**
 * The matrices of every head of a layer. Where attention sees normalised tokens, the gain g of that normalisation is folded
 * in, `Q diag(g)` and so on, so that u is the token normalised without gain; a scale s of the increment too, `diag(s) O`.
 * Heads that share a key and a value have the same K and V. Biases are left out, and so is the rotation of positions: with
 * rotary ones Q and K are those of a token with itself.
 */
export function headMatrices({ field, plan, parameters }: LoadedLayer): HeadMatrices[] {
  const { attention, order = 'pre' } = plan.options;
  const { heads, keyHeads = heads } = attention;
  const find = (name: string): Matrix | undefined => {
    const found = field.parameters.blocks.find(({ name: full }) => blockKey(full) === name);
    return found && matrixAt(parameters, found);
  };
  const require = (name: string): Matrix => {
    const found = find(name);
    if (found === undefined) throw new RangeError(`no parameter block "${name}"`);
    return found;
  };
  const [Q, K, V, O] = ['Q', 'K', 'V', 'O'].map((name) => require(`attention.${name}`));
  const gain = order === 'pre' ? find('attention.gain')?.data : undefined;
  const scale = find('attention.scale')?.data;
  const rowsOf = (matrix: Matrix, part: number, parts: number) => {
    const rows = matrix.rows / parts;
    return scaled(block(matrix, part * rows, 0, rows, matrix.columns), undefined, gain);
  };
  const v = O.columns / heads;
  return Array.from({ length: heads }, (_, h) => {
    const shared = Math.floor((h * keyHeads) / heads);
    return {
      Q: rowsOf(Q, h, heads),
      K: rowsOf(K, shared, keyHeads),
      V: rowsOf(V, shared, keyHeads),
      O: scaled(block(O, 0, h * v, O.rows, v), scale, undefined),
    };
  });
}

function matrixAt(parameters: Float64Array, place: ParameterBlock): Matrix {
  const { rows, columns, offset } = place;
  return { rows, columns, data: parameters.subarray(offset, offset + rows * columns) };
}

/** `diag(left) A diag(right)`. */
function scaled(
  { rows, columns, data }: Matrix,
  left: ArrayLike<number> | undefined,
  right: ArrayLike<number> | undefined,
): Matrix {
  const entry = (x: number, at: number) =>
    x * (left?.[Math.floor(at / columns)] ?? 1) * (right?.[at % columns] ?? 1);
  return { rows, columns, data: data.map(entry) };
}
