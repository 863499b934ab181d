import { dot, norm } from '../numeric/vector.ts';
import type { SphereHead } from './attention.ts';
import type { Tokens } from './tokens.ts';

/** `|(1/n) Σ x_i|`: 1 where all tokens are one point; `√(1/n)` on average for uniform ones. */
export function orderParameter(tokens: Tokens): number {
  const mean = tokens[0].map((_, a) => tokens.reduce((sum, x) => sum + x[a], 0) / tokens.length);
  return norm(mean);
}

/** The angle between two unit vectors, `2 atan2(|x − y|, |x + y|)`: exact to rounding where they nearly coincide. */
export function angleBetween(x: readonly number[], y: readonly number[]): number {
  const apart = Math.hypot(...x.map((entry, a) => entry - y[a]));
  const together = Math.hypot(...x.map((entry, a) => entry + y[a]));
  return 2 * Math.atan2(apart, together);
}

/** Angles of all pairs i < j, row by row. */
export function pairAngles(tokens: Tokens): number[] {
  return tokens.flatMap((x, i) => tokens.slice(i + 1).map((y) => angleBetween(x, y)));
}

/** The largest angle between two tokens; 0 for one token. */
export function angularDiameter(tokens: Tokens): number {
  return pairAngles(tokens).reduce((most, angle) => Math.max(most, angle), 0);
}

/**
 * Sizes of the clusters of tokens, largest first: two tokens belong together if a chain of tokens joins them whose
 * neighbours are within `threshold` (radians) of each other.
 */
export function clusterSizes(tokens: Tokens, threshold: number): number[] {
  const label = tokens.map((_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (label[at] !== at) at = label[at];
    return at;
  };
  tokens.forEach((x, i) => {
    for (let j = 0; j < i; j++) {
      if (angleBetween(x, tokens[j]) <= threshold) label[root(i)] = root(j);
    }
  });
  const sizes = new Map<number, number>();
  for (const i of tokens.keys()) sizes.set(root(i), (sizes.get(root(i)) ?? 0) + 1);
  return [...sizes.values()].sort((a, b) => b - a);
}

/** How many clusters there are at each threshold, in radians: a curve that falls from n to 1. */
export function clusterCurve(tokens: Tokens, thresholds: readonly number[]): number[] {
  return thresholds.map((threshold) => clusterSizes(tokens, threshold).length);
}

/** `⟨Bx, y⟩`. */
export function score(B: SphereHead['B'], x: readonly number[], y: readonly number[]): number {
  return B.reduce((sum, row, a) => sum + dot(row, x) * y[a], 0);
}

/**
 * `E = (1/2n²) Σ_ij e^{⟨Bx_i, x_j⟩ − shift}`, the interaction energy. With `B = βI` and shift 0, E/β is `E_β` of arXiv
 * 2312.10794. A shift of the largest score keeps it in range.
 */
export function interactionEnergy(B: SphereHead['B'], tokens: Tokens, shift: number): number {
  const total = tokens.reduce(
    (sum, x) => sum + tokens.reduce((row, y) => row + Math.exp(score(B, x, y) - shift), 0),
    0,
  );
  return total / (2 * tokens.length ** 2);
}
