import type { Backend } from '../../kernels/backend.ts';
import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import type { ParticleLaw } from '../law.ts';
import { lawCovariance, lawMean } from '../moments.ts';
import type { Distance } from './distance.ts';
import {
  solveEntropicTransport,
  solveSelfTransport,
  type WeightedPoints,
} from './entropic-transport.ts';

export interface SinkhornOptions {
  /**
   * ε, in units of the cost ½|x−y|². Default: 1 % of the mean cost between a point of μ and one of ν (1 for two
   * Diracs in the same place).
   */
  readonly epsilon?: number;
  /** Largest marginal error Σ|row sum − weight| at which an iteration may stop. Default 1e-4. */
  readonly tolerance?: number;
  /** Iterations at the final ε, for each of the three problems. Default 500. */
  readonly maximalIterations?: number;
}

/** A Sinkhorn divergence with what it was computed with. */
export interface SinkhornDivergence extends Distance {
  readonly epsilon: number;
}

/**
 * The Sinkhorn divergence `S_ε(μ,ν) = OT_ε(μ,ν) − ½OT_ε(μ,μ) − ½OT_ε(ν,ν)` with cost ½|x−y|² and
 * `OT_ε = min_π ⟨c,π⟩ + ε KL(π|μ⊗ν)` (Feydy et al., arXiv 1810.08278): 0 exactly if the laws are equal, `½W_2²` as
 * ε → 0. Log-domain iterations, ε halved from the clouds' squared diameter down to its value; large clouds start from
 * the potentials of a random part of 2,000 points; no n × m matrix, so 20,000 points fit. In the certificate S_ε lies
 * between `dual` and `primal`, up to rounding; `marginalError` is the largest of the three problems'. The value's own
 * error is of second order in the marginal error.
 *
 * @throws MesoscopeError `shape-mismatch` if dimensions differ, `invalid-value` for ε, tolerance or iterations ≤ 0
 */
export function sinkhornDivergence(
  backend: Backend,
  mu: ParticleLaw,
  nu: ParticleLaw,
  options: SinkhornOptions = {},
): SinkhornDivergence {
  if (mu.dimension !== nu.dimension) throw shapeMismatch('ν', [nu.dimension], [mu.dimension]);
  const epsilon = options.epsilon ?? defaultEpsilon(mu, nu);
  const settings = {
    epsilon,
    squaredDiameter: squaredDiameter(mu, nu),
    tolerance: options.tolerance ?? 1e-4,
    maximalIterations: options.maximalIterations ?? 500,
  };
  for (const path of ['epsilon', 'tolerance', 'maximalIterations'] as const) {
    if (!(settings[path] > 0)) {
      refuse(path, settings[path], 'a number > 0');
    }
  }
  const origin = lawMean(mu);
  const x = support(mu, origin);
  const y = support(nu, origin);
  const across = backend.scoped(() => solveEntropicTransport(backend, x, y, settings));
  const ofMu = backend.scoped(() => solveSelfTransport(backend, x, settings));
  const ofNu = backend.scoped(() => solveSelfTransport(backend, y, settings));
  const solutions = [across, ofMu, ofNu];
  const primal = across.primal - 0.5 * (ofMu.dual + ofNu.dual);
  const dual = across.dual - 0.5 * (ofMu.primal + ofNu.primal);
  const marginalError = Math.max(...solutions.map((solution) => solution.marginalError));
  const iterations = Math.max(...solutions.map((solution) => solution.iterations));
  const { tolerance } = settings;
  return {
    value: across.dual - 0.5 * (ofMu.dual + ofNu.dual),
    certificate: { kind: 'duality', primal, dual, gap: primal - dual, marginalError },
    status:
      marginalError <= tolerance
        ? { kind: 'converged', iterations }
        : { kind: 'not-converged', iterations, error: marginalError, tolerance },
    epsilon,
  };
}

/**
 * The points that have weight, relative to an origin: distances between points far from 0 would lose digits.
 */
function support(law: ParticleLaw, origin: Float64Array): WeightedPoints {
  const d = law.dimension;
  const kept = Array.from(law.weights.keys()).filter((i) => law.weights[i] > 0);
  return {
    points: Float64Array.from(
      { length: kept.length * d },
      (_, k) => law.points.data[kept[Math.floor(k / d)] * d + (k % d)] - origin[k % d],
    ),
    weights: Float64Array.from(kept, (i) => law.weights[i]),
    dimension: d,
  };
}

/** 1 % of `∬ ½|x−y|² dμdν = ½(tr Σ_μ + tr Σ_ν + |m_μ − m_ν|²)`. */
function defaultEpsilon(mu: ParticleLaw, nu: ParticleLaw): number {
  const [meanMu, meanNu] = [lawMean(mu), lawMean(nu)];
  let cost = 0;
  for (const law of [mu, nu]) {
    const { data } = lawCovariance(law);
    for (let a = 0; a < law.dimension; a++) cost += 0.5 * data[a * law.dimension + a];
  }
  meanMu.forEach((entry, a) => {
    cost += 0.5 * (entry - meanNu[a]) ** 2;
  });
  return cost > 0 ? 0.01 * cost : 1;
}

/** Squared diagonal of the box around both clouds. */
function squaredDiameter(mu: ParticleLaw, nu: ParticleLaw): number {
  let square = 0;
  for (let a = 0; a < mu.dimension; a++) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { points } of [mu, nu]) {
      for (let i = a; i < points.data.length; i += points.columns) {
        low = Math.min(low, points.data[i]);
        high = Math.max(high, points.data[i]);
      }
    }
    square += (high - low) ** 2;
  }
  return square;
}
