import { fitLine, type Interval } from '../numeric/fit.ts';

/** `slope ≥ c (R − R_∞)^a` along a run, fitted. */
export interface LojasiewiczFit {
  /** a. */
  readonly exponent: number;
  readonly exponentInterval: Interval | null;
  /** c. */
  readonly constant: number;
}

/**
 * Fits the Łojasiewicz inequality `|∇R| = c (R − R_∞)^a` by least squares in log–log (Łojasiewicz, 1963).
 *
 * @param excess - R − R_∞ > 0 along a run
 * @param slopes - `(∫|∇Ψ|²dρ)^{1/2}` at the same times
 */
export function fitLojasiewicz(
  excess: ArrayLike<number>,
  slopes: ArrayLike<number>,
): LojasiewiczFit {
  const fit = fitLine(Array.from(excess, Math.log), Array.from(slopes, Math.log));
  return {
    exponent: fit.slope,
    exponentInterval: fit.slopeInterval,
    constant: Math.exp(fit.intercept),
  };
}

/**
 * Time that `dR/dt = −c²(R − R_∞)^{2a}` takes from one excess to a smaller one: exponential with rate c² at a = ½, algebraic
 * with rate `1/(2a − 1)` beyond.
 */
export function decayTime(
  { exponent, constant }: LojasiewiczFit,
  from: number,
  to: number,
): number {
  const power = 1 - 2 * exponent;
  const rate = constant * constant;
  if (Math.abs(power) < 1e-9) return Math.log(from / to) / rate;
  return (from ** power - to ** power) / (power * rate);
}
