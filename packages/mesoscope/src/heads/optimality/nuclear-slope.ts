import { singularValueDecomposition } from '../../numeric/decompositions.ts';
import { gamma, tiny } from '../../rigorous/rounding.ts';
import { type Box, roundings } from './moments.ts';

const loss = gamma(roundings);

/**
 * Matrices G with `|G|_2 ≤ 1`, so that `‖B‖_* ≥ ⟨G, B⟩` for every B: the polar factor of a centre, which is sharp there where it has
 * full rank, and what the gradient of the smooth part asks of a subgradient, with its singular values cut at 1, which is sharp near a
 * minimum of any rank. Both are scaled by a bound of their own norm, `|G|_2² ≤ ‖GᵀG‖_∞`, so that it does not matter how they were
 * computed.
 *
 * @param target - gradient of `|M(B)|²/(2λ)`
 * @param slope - λ√k
 */
export function nuclearSlope(
  centre: Float64Array,
  target: Float64Array,
  slope: number,
  d: number,
): Float64Array[] {
  const wanted = target.map((entry) => entry / slope);
  return [
    withSingularValues(centre, d, () => 1),
    withSingularValues(wanted, d, (s) => Math.min(s, 1)),
  ].map((G) => scaled(G, d));
}

/** `U f(S) Wᵀ` of `A = U S Wᵀ`. */
function withSingularValues(
  A: Float64Array,
  d: number,
  f: (value: number) => number,
): Float64Array {
  const { left, values, right } = singularValueDecomposition({ rows: d, columns: d, data: A });
  return Float64Array.from({ length: d * d }, (_, at) => {
    const [i, j] = [Math.floor(at / d), at % d];
    let sum = 0;
    for (let k = 0; k < d; k++) sum += left.data[i * d + k] * f(values[k]) * right.data[j * d + k];
    return sum;
  });
}

/** G over a bound of its norm, where that passes 1. */
function scaled(G: Float64Array, d: number): Float64Array {
  let bound = 0;
  for (let j = 0; j < d; j++) {
    let row = 0;
    for (let k = 0; k < d; k++) {
      let entry = 0;
      let size = 0;
      for (let i = 0; i < d; i++) {
        entry += G[i * d + j] * G[i * d + k];
        size += Math.abs(G[i * d + j] * G[i * d + k]);
      }
      row += Math.abs(entry) + gamma(d + 2) * size;
    }
    bound = Math.max(bound, row * (1 + gamma(d + 2)));
  }
  return bound <= 1 ? G : G.map((entry) => entry / (Math.sqrt(bound) * (1 + gamma(8))));
}

/** A lower bound of `‖B‖_*` on the box: `⟨G, B_0⟩ − Σ h|G|` for some G with `|G|_2 ≤ 1`. */
export function leastNuclear({ centre, half }: Box, slopes: readonly Float64Array[]): number {
  let least = 0;
  for (const G of slopes) {
    let [pairing, reach, size] = [0, 0, 0];
    for (let b = 0; b < G.length; b++) {
      pairing += G[b] * centre[b];
      reach += half[b] * Math.abs(G[b]);
      size += Math.abs(G[b] * centre[b]);
    }
    least = Math.max(least, pairing - reach - loss * (size + reach) - tiny);
  }
  return least;
}
