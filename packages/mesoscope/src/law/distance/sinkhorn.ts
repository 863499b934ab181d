import { MesoscopeError } from '../../errors.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { shapeMismatch } from '../../numeric/checks.ts';
import type { ParticleLaw } from '../law.ts';
import { lawCovariance, lawMean } from '../moments.ts';
import type { Distance, DistanceStatus } from './distance.ts';
import { allocatePotential, type Cloud, createSoftMinimum, placeCloud } from './soft-minimum.ts';

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
 * ε → 0. Log-domain iterations, ε halved from the clouds' squared diameter down to its value; no n × m matrix, so
 * 20,000 points fit. In the certificate S_ε lies between `dual` and `primal`, up to rounding; `marginalError` is the
 * largest of the three problems'.
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
    diameter2: squaredDiameter(mu, nu),
    tolerance: options.tolerance ?? 1e-4,
    maximalIterations: options.maximalIterations ?? 500,
  };
  for (const [path, received] of Object.entries(settings)) {
    if (path !== 'diameter2' && !(received > 0)) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path,
        received,
        expected: 'a number > 0',
      });
    }
  }
  return backend.scoped(() => {
    const origin = lawMean(mu).map((entry, a) => 0.5 * (entry + lawMean(nu)[a]));
    const x = placeSupport(backend, mu, origin);
    const y = placeSupport(backend, nu, origin);
    const across = solveAcross(backend, x, y, settings);
    const ofMu = solveWithin(backend, x, settings);
    const ofNu = solveWithin(backend, y, settings);
    const primal = across.primal - 0.5 * (ofMu.dual + ofNu.dual);
    const dual = across.dual - 0.5 * (ofMu.primal + ofNu.primal);
    const marginalError = Math.max(across.error, ofMu.error, ofNu.error);
    return {
      value: across.dual - 0.5 * (ofMu.dual + ofNu.dual),
      certificate: { kind: 'duality', primal, dual, gap: primal - dual, marginalError },
      status: jointStatus([across, ofMu, ofNu], marginalError, settings.tolerance),
      epsilon,
    };
  });
}

interface Settings {
  readonly epsilon: number;
  /** Squared diameter of both clouds together: the first ε of the annealing. */
  readonly diameter2: number;
  readonly tolerance: number;
  readonly maximalIterations: number;
}

interface Solution {
  /** OT_ε is at most this. */
  readonly primal: number;
  /** OT_ε is at least this. */
  readonly dual: number;
  readonly error: number;
  readonly iterations: number;
}

/**
 * OT_ε(μ, ν) by alternating updates `g ← T_μ f`, `f ← T_ν g`. After each g the columns' sums are exact and the rows'
 * are `a_i e^{(f_i − T_νg_i)/ε}`, known from the next f.
 */
function solveAcross(backend: Backend, x: Cloud, y: Cloud, settings: Settings): Solution {
  const atX = createSoftMinimum(backend, x, y);
  const atY = createSoftMinimum(backend, y, x);
  let [f, nextF] = [allocatePotential(backend, x), allocatePotential(backend, x)];
  let [g, nextG] = [allocatePotential(backend, y), allocatePotential(backend, y)];
  const updateBoth = (epsilon: number) => {
    atY(f, g, nextG, epsilon);
    [g, nextG] = [nextG, g];
    atX(g, f, nextF, epsilon);
  };
  for (const epsilon of annealing(settings)) {
    updateBoth(epsilon);
    [f, nextF] = [nextF, f];
  }
  for (let iterations = 1; ; iterations++) {
    updateBoth(settings.epsilon);
    const solution = bounds(x, y, f, g, nextF, settings);
    if (solution.error <= settings.tolerance || iterations >= settings.maximalIterations) {
      return { ...solution, iterations };
    }
    [f, nextF] = [nextF, f];
  }
}

/**
 * OT_ε(μ, μ), whose two potentials are equal, by averaged updates `f ← ½(f + T_μf)`, which converge much faster than
 * alternating ones.
 */
function solveWithin(backend: Backend, x: Cloud, settings: Settings): Solution {
  const map = createSoftMinimum(backend, x, x);
  const f = allocatePotential(backend, x);
  let [image, previous] = [allocatePotential(backend, x), allocatePotential(backend, x)];
  const update = (epsilon: number) => {
    [image, previous] = [previous, image];
    map(f, previous, image, epsilon);
  };
  const average = () => {
    for (let i = 0; i < x.size; i++) f[i] = 0.5 * (f[i] + image[i]);
  };
  for (const epsilon of annealing(settings)) {
    update(epsilon);
    average();
  }
  for (let iterations = 1; ; iterations++) {
    update(settings.epsilon);
    // The error of the pair (f, T_μf), which `bounds` will find, is at most about twice that of (f, f).
    const isNear = 2 * marginalError(x, f, image, settings.epsilon) <= settings.tolerance;
    if (isNear || iterations >= settings.maximalIterations) {
      const g = image;
      map(g, f, previous, settings.epsilon);
      return { ...bounds(x, x, f, g, previous, settings), iterations };
    }
    average();
  }
}

/**
 * Bounds of OT_ε(a, b) from potentials f and `g = T_μ f`, with `exactF = T_ν g`. The plan `e^{(f+g−c)/ε}` has the right
 * columns and rows r, and is optimal for them: its cost is `Σ r f + Σ b g`. The dual value is `Σ a f + Σ b g`. As OT_ε is
 * convex in a, with the optimal potential for its gradient, whose oscillation is at most that of the cost, ½diameter²:
 * `OT_ε(a, b) ≤ OT_ε(r, b) + ½|a − r|₁ · ½diameter²`.
 */
function bounds(
  x: Cloud,
  y: Cloud,
  f: FloatArray,
  g: FloatArray,
  exactF: FloatArray,
  { epsilon, diameter2 }: Settings,
) {
  let rowPart = 0;
  let excessPart = 0;
  let columnPart = 0;
  for (let i = 0; i < x.size; i++) {
    rowPart += x.weights[i] * f[i];
    excessPart += x.weights[i] * Math.expm1((f[i] - exactF[i]) / epsilon) * f[i];
  }
  for (let j = 0; j < y.size; j++) columnPart += y.weights[j] * g[j];
  const error = marginalError(x, f, exactF, epsilon);
  const dual = rowPart + columnPart;
  return { dual, primal: dual + excessPart + 0.25 * error * diameter2, error };
}

/** `Σ |r_i − a_i|` for rows `r_i = a_i e^{(f_i − f̂_i)/ε}`, where f̂ would make them right. */
function marginalError(
  { size, weights }: Cloud,
  f: FloatArray,
  exact: FloatArray,
  epsilon: number,
) {
  let error = 0;
  for (let i = 0; i < size; i++) {
    error += Math.abs(weights[i] * Math.expm1((f[i] - exact[i]) / epsilon));
  }
  return error;
}

/** ε halved again and again, from the start down to, but without, its final value. */
function* annealing({ diameter2, epsilon }: Settings): Generator<number> {
  for (let current = diameter2; current > epsilon; current *= 0.5) yield current;
}

function jointStatus(
  solutions: readonly Solution[],
  error: number,
  tolerance: number,
): DistanceStatus {
  const iterations = Math.max(...solutions.map((solution) => solution.iterations));
  return error <= tolerance
    ? { kind: 'converged', iterations }
    : { kind: 'not-converged', iterations, error, tolerance };
}

/** Points without weight are left out. */
function placeSupport(backend: Backend, law: ParticleLaw, origin: Float64Array): Cloud {
  const d = law.dimension;
  const kept = Array.from(law.weights.keys()).filter((i) => law.weights[i] > 0);
  const points = new Float64Array(kept.length * d);
  kept.forEach((i, row) => {
    points.set(law.points.data.subarray(i * d, (i + 1) * d), row * d);
  });
  return placeCloud(
    backend,
    points,
    Float64Array.from(kept, (i) => law.weights[i]),
    origin,
  );
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
