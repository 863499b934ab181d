import type { Interval } from '../../numeric/fit.ts';

/** How far a distance's value can be off, and how that is known. */
export type Certificate =
  /** A closed form: an estimate of the rounding error of `value`. */
  | { readonly kind: 'rounding'; readonly error: number }
  /**
   * Optimal transport. `primal` is the cost of the plan found, `dual` a lower bound of every plan's cost, both of
   * the quantity named in the function's documentation; `gap = primal − dual`. `marginalError` is the sum of the
   * absolute differences between the plan's marginals and the laws' weights: with it at 0, the true optimum lies
   * between dual and primal.
   */
  | {
      readonly kind: 'duality';
      readonly primal: number;
      readonly dual: number;
      readonly gap: number;
      readonly marginalError: number;
    }
  /** An average over random draws: the interval (95 %) of `value` and the number of draws. */
  | { readonly kind: 'sampling'; readonly interval: Interval; readonly draws: number };

/** Why a computation of a distance stopped. */
export type DistanceStatus =
  /** Exact up to rounding. */
  | { readonly kind: 'exact' }
  /** An average over random draws; the certificate holds its interval. */
  | { readonly kind: 'estimated' }
  /** Solved, but rounding leaves the certificate's gap open: the value is known no better than primal and dual agree. */
  | { readonly kind: 'bounded'; readonly relativeGap: number }
  /** An iteration reached its tolerance. */
  | { readonly kind: 'converged'; readonly iterations: number }
  /** An iteration stopped before its tolerance: `value` must not be used without its certificate. */
  | {
      readonly kind: 'not-converged';
      readonly iterations: number;
      readonly error: number;
      readonly tolerance: number;
    };

/** A distance between two laws. */
export interface Distance {
  readonly value: number;
  readonly certificate: Certificate;
  readonly status: DistanceStatus;
}

/** The sentence for a status, with what to try. */
export function distanceStatusSentence(status: DistanceStatus): string {
  switch (status.kind) {
    case 'exact':
      return 'Exact up to rounding.';
    case 'estimated':
      return 'An average over random draws; see its interval. More draws narrow it.';
    case 'bounded':
      return `Rounding leaves the transport's cost open by ${status.relativeGap.toExponential(1)} of itself; it lies between dual and primal. Points far from all others drown the rest: look at them apart.`;
    case 'converged':
      return `Converged after ${status.iterations} iterations.`;
    case 'not-converged':
      return `Stopped after ${status.iterations} iterations with a marginal error of ${status.error.toExponential(1)}, above the tolerance ${status.tolerance.toExponential(1)}. Allow more iterations or a larger ε.`;
  }
}
