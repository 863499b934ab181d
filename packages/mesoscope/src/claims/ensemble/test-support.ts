import type { TokenMap } from '../../ensemble/token-map.ts';
import { type Conclusion, concludeClaim } from '../claim.ts';
import { experimentOf } from './instance.ts';

export const experiment = (index: number) => experimentOf({ explicit: false }, 1, index);
export const verdictOf = (conclusion: Conclusion) =>
  concludeClaim({ conclude: () => conclusion }, [], { given: {}, seed: 1 }).verdict;

/** The values of every head times a factor. */
export function withValues(theta: Float64Array, map: Pick<TokenMap, 'layout'>, factor: number) {
  const { dimension: d, keyDimension: k, heads, layerLength } = map.layout;
  return theta.map((x, i) => (i % layerLength >= 2 * heads * k * d ? factor * x : x));
}

/** A map whose gradient, and nothing else, is changed. */
export const withGradient =
  (change: (entry: number, share: number) => number) =>
  <M extends TokenMap>(map: M): M => ({
    ...map,
    differentiate(
      theta: Float64Array,
      costate: (x: Float64Array) => Float64Array,
      gradient: Float64Array,
    ) {
      const finals = map.differentiate(theta, costate, gradient);
      const { dimension: d, keyDimension: k, heads, layerLength } = map.layout;
      gradient.forEach((entry, i) => {
        gradient[i] = change(entry, (i % layerLength) / (heads * k * d));
      });
      return finals;
    },
  });
