import type { FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { stateLength } from '../../kernels/program.ts';
import type { TerminalLoss } from '../terminal-loss.ts';
import {
  add,
  constant,
  type Dual,
  divide,
  logSumExp,
  multiply,
  squareRoot,
  subtract,
  sum,
} from './dual.ts';

/** ε of the kernels' normalisations. */
const epsilon = 1e-5;

/**
 * The gradient in h_T of each sample's loss `(S/Σw) Σ_i w_i (logsumexp(z_i) − z_{i,y_i})`, `z = U pool(norm(h_T))`,
 * by forward-mode differentiation, one entry of h_T after the other: it shares no formula with the readout's pullback.
 *
 * @param states S states d × n
 * @returns S states d × n, padding 0
 */
export function differentiateLoss(
  loss: TerminalLoss,
  states: FloatArray,
  shape: { readonly dimension: number; readonly tokens: number; readonly samples: number },
): Float64Array {
  const { dimension: d, tokens: n, samples } = shape;
  const stride = columnStride(n);
  const size = stateLength(d, n);
  const gradient = new Float64Array(samples * size);
  const scale = constant(samples / loss.totalWeight);
  for (let s = 0; s < samples; s++) {
    const entry = (i: number, j: number) => s * size + i * stride + j;
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < d; i++) {
        const moved = Array.from({ length: d }, (_, k) => ({
          value: states[entry(k, j)],
          derivative: k === i ? 1 : 0,
        }));
        const token = (column: number): Dual[] =>
          column === j
            ? moved
            : Array.from({ length: d }, (_, k) => constant(states[entry(k, column)]));
        gradient[entry(i, j)] = multiply(
          scale,
          sum(columnsThatSee(loss, j, n).map((column) => columnLoss(loss, token, s, column, n))),
        ).derivative;
      }
    }
  }
  return gradient;
}

/** Columns of the logits that depend on token j; the derivative of the others is zero. */
function columnsThatSee({ pooling }: TerminalLoss, j: number, n: number): readonly number[] {
  if (pooling === 'position') return [j];
  return pooling === 'mean' || j === n - 1 ? [0] : [];
}

/** `w (logsumexp(z) − z_y)` of one column of the logits. */
function columnLoss(
  loss: TerminalLoss,
  token: (column: number) => Dual[],
  sample: number,
  column: number,
  n: number,
): Dual {
  const { readout: U, classes, labels, weights, columns } = loss;
  const index = sample * columns + column;
  if (weights[index] === 0) return constant(0);
  const seen = pooled(loss, token, column, n);
  const d = seen.length;
  const z = Array.from({ length: classes }, (_, c) =>
    sum(seen.map((x, i) => multiply(constant(U[c * d + i]), x))),
  );
  return multiply(constant(weights[index]), subtract(logSumExp(z), z[labels[index]]));
}

function pooled(
  loss: TerminalLoss,
  token: (column: number) => Dual[],
  column: number,
  n: number,
): readonly Dual[] {
  const { pooling, normalisation } = loss;
  const read = (j: number) => normalised(token(j), normalisation);
  if (pooling === 'position') return read(column);
  if (pooling === 'last') return read(n - 1);
  const total = Array.from({ length: n }, (_, j) => read(j)).reduce((a, b) =>
    a.map((x, i) => add(x, b[i])),
  );
  return total.map((x) => divide(x, constant(n)));
}

function normalised(x: readonly Dual[], kind: TerminalLoss['normalisation']): readonly Dual[] {
  if (kind === 'none') return x;
  const d = constant(x.length);
  const mean = kind === 'layer' ? divide(sum(x), d) : constant(0);
  const centred = x.map((entry) => subtract(entry, mean));
  const square = divide(sum(centred.map((entry) => multiply(entry, entry))), d);
  const scale = squareRoot(add(square, constant(epsilon)));
  return centred.map((entry) => divide(entry, scale));
}
