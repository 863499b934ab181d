import { gamma, tiny } from '../../rigorous/rounding.ts';
import type { ReducedProblem } from './contexts.ts';
import { type Box, createMoments, type Enclosed, type Moments, roundings } from './moments.ts';
import { leastNuclear, nuclearSlope } from './nuclear-slope.ts';
import { isNowhereStationary } from './stationary.ts';

/** What is known of `F(B) = λ√k‖B‖_* − |M(B)|²_F/(2λ)` on a box. */
export interface BoxBound {
  /** `F(B_0)`, to rounding. */
  readonly value: number;
  /** F is nowhere in the box lower. */
  readonly lower: number;
  /** Whether it is proved that no minimum of F over all matrices lies in the box. */
  readonly isWithoutMinimum: boolean;
  /** The entry of B whose side loosens the bound most: where the box is cut. */
  readonly widest: number;
}

const loss = gamma(roundings);
const up = 1 + loss;

/**
 * Bounds F from below on a box, by the largest of three bounds, or finds that no minimum lies in it ({@link isNowhereStationary}).
 *
 * With `M(B_0 + E) = M_0 + T[E] + Δ`, `|Δ|_F ≤ ε`, and any G with `|G|_2 ≤ 1`, for which `‖B‖_* ≥ ⟨G, B⟩`,
 * `F ≥ λ√k⟨G,B_0⟩ − |M_0|²/(2λ) − Σ h|λ√k G − T*M_0/λ| − (τ² + 2ε(|M_0| + τ) + ε²)/(2λ)`, `τ = max|T[E]|`: of second order where G
 * makes the gradient vanish. Once with T at the centre, where ε is a third cumulant, once with the midpoint of T on the box, where it
 * is the width of that; the first is better in small boxes, the second in large ones. In the largest, `|M(B)|` is bounded by the
 * weights' own intervals. Every number is rounded outwards by what its roundings can do. The proof is in docs/proofs/heads.md.
 */
export function createBoxBound(problem: ReducedProblem): (box: Box) => BoxBound {
  const { contexts, dimension: d, classes: C, regularisation: lambda, slope } = problem;
  const momentsOn = createMoments(contexts, d, C);
  const taylor = createExpansion(problem);
  const mean = createExpansion(problem);
  const left = new Float64Array(C * d);
  return (box) => {
    const moments = momentsOn(box);
    for (let e = 0; e < C * d; e++) left[e] = moments.centre.open[e] + moments.remainder[e];
    const first = taylor(box, moments, moments.slope, left);
    const second = mean(box, moments, moments.slopes, moments.centre.open);
    const whole = wideBound(box, moments, problem, first.slopes);
    const value = slope * first.nuclear - first.square / (2 * lambda);
    const lower = Math.max(first.lower, second.lower, whole);
    const isWithoutMinimum = isNowhereStationary(box, moments, problem, first.slopes);
    return { value, lower, isWithoutMinimum, widest: second.widest };
  };
}

interface Expansion {
  readonly lower: number;
  /** Matrices G. */
  readonly slopes: readonly Float64Array[];
  /** The largest ⟨G, B_0⟩: ‖B_0‖_* to rounding. */
  readonly nuclear: number;
  /** |M_0|². */
  readonly square: number;
  readonly widest: number;
}

function createExpansion({
  dimension: d,
  classes: C,
  regularisation: lambda,
  slope,
}: ReducedProblem) {
  const target = new Float64Array(d * d);
  const targetSize = new Float64Array(d * d);
  const looseness = new Float64Array(d * d);
  return (
    { centre, half }: Box,
    { centre: { middle: M } }: Moments,
    T: Enclosed,
    open: Float64Array,
  ): Expansion => {
    let [square, tauSquare, openSquare] = [0, 0, 0];
    target.fill(0);
    targetSize.fill(0);
    for (let e = 0; e < C * d; e++) {
      square += M[e] * M[e];
      let reach = 0;
      let left = open[e];
      for (let b = 0; b < d * d; b++) {
        const derivative = T.middle[e * d * d + b];
        reach += Math.abs(derivative) * half[b];
        left += T.open[e * d * d + b] * half[b];
        target[b] += (M[e] * derivative) / lambda;
        targetSize[b] += Math.abs((M[e] * derivative) / lambda);
      }
      tauSquare += reach * reach;
      openSquare += left * left;
    }
    const size = Math.sqrt(square) * up;
    const tau = Math.sqrt(tauSquare) * up;
    const epsilon = Math.sqrt(openSquare) * up + tiny;
    const second = tau * tau + 2 * epsilon * (size + tau) + epsilon * epsilon;
    let lower = Number.NEGATIVE_INFINITY;
    let nuclear = 0;
    const slopes = nuclearSlope(centre, target, slope, d);
    for (const G of slopes) {
      let [pairing, pairingSize, first] = [0, 0, 0];
      for (let b = 0; b < d * d; b++) {
        pairing += G[b] * centre[b];
        pairingSize += Math.abs(G[b] * centre[b]);
        const gradient =
          Math.abs(slope * G[b] - target[b]) + loss * (slope * Math.abs(G[b]) + targetSize[b]);
        looseness[b] = half[b] * gradient;
        first += half[b] * gradient;
      }
      nuclear = Math.max(nuclear, pairing);
      const parts = slope * pairingSize + square / (2 * lambda) + first + second / (2 * lambda);
      const bound =
        slope * pairing -
        square / (2 * lambda) -
        first -
        second / (2 * lambda) -
        loss * parts -
        tiny;
      lower = Math.max(lower, bound);
    }
    let widest = 0;
    for (let b = 0; b < d * d; b++) {
      for (let e = 0; e < C * d; e++) {
        looseness[b] += (half[b] * Math.abs(T.middle[e * d * d + b]) * (tau + epsilon)) / lambda;
      }
      if (looseness[b] > looseness[widest]) widest = b;
    }
    return { lower, slopes, nuclear, square, widest };
  };
}

/** `λ√k min‖B‖_* − max|M(B)|²/(2λ)`. */
function wideBound(
  box: Box,
  { box: { middle, open } }: Moments,
  { regularisation: lambda, slope }: ReducedProblem,
  slopes: readonly Float64Array[],
): number {
  let square = 0;
  for (let e = 0; e < middle.length; e++) square += (Math.abs(middle[e]) + open[e]) ** 2;
  const least = slope * leastNuclear(box, slopes);
  return least - (square * up) / (2 * lambda) - loss * (least + square / lambda) - tiny;
}
