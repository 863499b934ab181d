import { singularValueDecomposition } from '../../numeric/decompositions.ts';
import { gamma, tiny } from '../../rigorous/rounding.ts';
import type { ReducedProblem } from './contexts.ts';
import { type Box, type Moments, roundings } from './moments.ts';
import { leastNuclear } from './nuclear-slope.ts';

const loss = gamma(roundings);

/**
 * Whether it is proved that no minimum of F lies in a box. At a minimum B the gradient `g = T*M/λ` of the smooth part is a subgradient
 * of λ√k‖·‖_* there: `|g|_2 ≤ λ√k`, and `⟨g, B⟩ = λ√k‖B‖_*`. None lies in a box where everywhere `|g|_2 > λ√k`, or `⟨g, B⟩ < λ√k‖B‖_*`;
 * the latter is so without a look at B where `|g|_2 < λ√k` and 0 lies outside.
 */
export function isNowhereStationary(
  box: Box,
  { centre, box: MBox, slopes, slope: T, remainder }: Moments,
  { dimension: d, classes: C, regularisation: lambda, slope }: ReducedProblem,
  nuclearSlopes: readonly Float64Array[],
): boolean {
  const { centre: B, half } = box;
  const middle = new Float64Array(d * d);
  const open = new Float64Array(d * d);
  for (let e = 0; e < C * d; e++) {
    // M on the box: by its own intervals, or about the centre.
    let reach = centre.open[e] + remainder[e];
    for (let b = 0; b < d * d; b++) {
      const at = e * d * d + b;
      reach += (Math.abs(T.middle[at]) + T.open[at]) * half[b];
    }
    const isClose = reach < MBox.open[e];
    const M = isClose ? centre.middle[e] : MBox.middle[e];
    const left = (isClose ? reach : MBox.open[e]) * (1 + loss);
    for (let b = 0; b < d * d; b++) {
      const [value, width] = [slopes.middle[e * d * d + b], slopes.open[e * d * d + b]];
      middle[b] += (M * value) / lambda;
      open[b] +=
        (Math.abs(M) * width + left * (Math.abs(value) + width) + loss * Math.abs(M * value)) /
        lambda;
    }
  }
  const most = slope * (1 + loss);
  if (leastNorm(middle, open, d) > most) return true;
  const least = leastNuclear(box, nuclearSlopes);
  if (least <= 0) return false;
  let [pairing, size] = [0, 0];
  for (let b = 0; b < d * d; b++) {
    const [g, opened] = [Math.abs(middle[b]), open[b] * (1 + loss)];
    pairing += middle[b] * B[b];
    size += opened * Math.abs(B[b]) + (g + opened) * half[b] + loss * g * Math.abs(B[b]);
  }
  return pairing + size * (1 + loss) + tiny < slope * least * (1 - loss);
}

/** A lower bound of `|g|_2` for every g of an interval matrix: `uᵀ g v` for vectors of norm at most 1. */
function leastNorm(middle: Float64Array, open: Float64Array, d: number): number {
  const { left, right } = singularValueDecomposition({ rows: d, columns: d, data: middle });
  let [value, size] = [0, 0];
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      const weight = left.data[i * d] * right.data[j * d];
      value += weight * middle[i * d + j];
      size += Math.abs(weight) * (open[i * d + j] + loss * Math.abs(middle[i * d + j]));
    }
  }
  const norms = norm(left.data, d) * norm(right.data, d);
  return (value - size) / (Math.max(1, norms) * (1 + loss)) - tiny;
}

/** Of the first column. */
function norm(data: Float64Array, d: number): number {
  let square = 0;
  for (let i = 0; i < d; i++) square += data[i * d] ** 2;
  return Math.sqrt(square) * (1 + loss);
}
