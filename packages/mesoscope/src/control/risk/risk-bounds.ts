/** `B_ℓ √(log(2m/δ)/2N)`: Hoeffding's inequality for m functions with values in an interval of length B_ℓ, and a union bound. */
export function finiteClassBound(options: {
  /** B_ℓ. */
  readonly range: number;
  /** m; default 1. */
  readonly functions?: number;
  /** δ in (0, 1). */
  readonly failure: number;
  /** N. */
  readonly samples: number;
}): number {
  const { range, functions = 1, failure, samples } = options;
  return range * Math.sqrt((Math.log(2 * functions) - Math.log(failure)) / (2 * samples));
}

/** A bound by an η-net, at its best η. */
export interface EntropyBound {
  readonly value: number;
  /** The best η. */
  readonly radius: number;
  /** log 𝒩(η). */
  readonly logCovering: number;
}

/**
 * `inf_η {2 Lip η + B_ℓ √((log 2𝒩(η) + log 1/δ)/2N)}`, over 400 values of η between 1e-8 and 1 times `largest`.
 *
 * @param options.logCovering `log 𝒩(η)` of the class
 * @param options.largest the largest η for which it holds: the radius of the class
 */
export function entropyBound(options: {
  readonly range: number;
  /** Lip of the loss in the controls. */
  readonly lipschitz: number;
  readonly logCovering: (radius: number) => number;
  readonly failure: number;
  readonly samples: number;
  readonly largest: number;
}): EntropyBound {
  const { range, lipschitz, logCovering, failure, samples, largest } = options;
  let best: EntropyBound = { value: Number.POSITIVE_INFINITY, radius: largest, logCovering: 0 };
  for (let i = 0; i <= 400; i++) {
    const radius = largest * 10 ** (-i / 50);
    const entropy = Math.max(0, logCovering(radius));
    const deviation = Math.sqrt((Math.log(2) + entropy - Math.log(failure)) / (2 * samples));
    const value = 2 * lipschitz * radius + range * deviation;
    if (value < best.value) best = { value, radius, logCovering: entropy };
  }
  return best;
}

/** `log 𝒩(η) ≤ D log(3r/η)` of a ball of radius r in R^D, η ≤ r, in its own norm (Vershynin, High-Dimensional Probability, 4.2). */
export function logCoveringOfBall(dimension: number, radius: number): (eta: number) => number {
  return (eta) => dimension * Math.log((3 * radius) / eta);
}

/**
 * `log 𝒩(η) ≤ P ⌈2L_tT/η⌉ log(6r/η)` in the supremum norm over depth, of controls in a ball of radius r of R^P that are
 * L_t-Lipschitz in depth: piecewise constant on cells in which they move by η/2, each value within η/2 of a net of the ball.
 * The number of layers does not enter.
 */
export function logCoveringOfLipschitz(options: {
  /** P. */
  readonly parameters: number;
  readonly radius: number;
  /** L_t. */
  readonly lipschitz: number;
  /** T. */
  readonly horizon: number;
}): (eta: number) => number {
  const { parameters, radius, lipschitz, horizon } = options;
  return (eta) =>
    parameters *
    Math.max(1, Math.ceil((2 * lipschitz * horizon) / eta)) *
    Math.log((6 * radius) / eta);
}
