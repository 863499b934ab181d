import { MesoscopeError } from '../errors.ts';
import { type Certificate, certify } from './certificate.ts';
import { type HeadLaw, headLaw, headLength, mixHeadLaws } from './head-law.ts';
import {
  labelledFeatures,
  riskOfWeights,
  riskOfWeightsToSecondOrder,
} from './labelled-features.ts';
import { mergeHeads } from './merge.ts';
import type { HeadProblem } from './problem.ts';
import { minimise } from './quasi-newton.ts';
import type { SearchOptions } from './search.ts';
import { minimiseOnSimplex } from './simplex.ts';

export interface GrowthOptions {
  /** Stops when the Frank–Wolfe gap is at most this; default 1e-6. */
  readonly tolerance?: number;
  /** Heads at the most that are inserted; default 32. */
  readonly insertions?: number;
  /** Iterations of the descent on all heads after each insertion; default 60. */
  readonly descent?: number;
  /** Of the global search after each insertion. */
  readonly search?: Omit<SearchOptions, 'also'>;
  /** Law to start from; default one head θ = 0, whose logits are 0. */
  readonly start?: HeadLaw;
}

/** A law of heads with its certificate, before the next head is inserted. */
export interface GrowthState {
  /** Heads inserted so far. */
  readonly insertions: number;
  readonly law: HeadLaw;
  readonly certificate: Certificate;
}

/**
 * Grows a layer head by head until a certificate says that no head can help: inserts the minimiser of Ψ with the best
 * weight (line search), weighs all heads anew (fully corrective), lets all heads move (descent), merges heads that
 * coincide, certifies. Sliding Frank–Wolfe (Denoyelle, Duval, Peyré & Soubies, arXiv 1811.06416) on laws of heads. The
 * risk never rises.
 *
 * @throws MesoscopeError `unsupported` with λ = 0 on unbounded parameters, where the best head is at infinity
 */
export function* growHeads(
  problem: HeadProblem,
  options: GrowthOptions = {},
): Generator<GrowthState, void> {
  const { tolerance = 1e-6, insertions = 32, descent = 60, search = {} } = options;
  if (problem.regularisation === 0 && problem.radius === Number.POSITIVE_INFINITY) {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'inserting the best head without regularisation: it lies at infinity',
      by: 'growHeads',
      wayOut: 'Choose λ > 0 or a radius.',
    });
  }
  let law = options.start ?? headLaw(problem.shape, new Float64Array(headLength(problem.shape)));
  for (let inserted = 0; ; inserted++) {
    const certificate = certify(problem, law, { ...search, seed: (search.seed ?? 0) + inserted });
    yield { insertions: inserted, law, certificate };
    const best = certificate.search.minimiser;
    if (certificate.gap <= tolerance || inserted === insertions || best === undefined) return;
    law = improve(problem, insertHead(problem, law, best), descent);
  }
}

/** `(1 − t)ρ + tδ_θ` with the t that minimises the risk: a line search on a convex function. */
export function insertHead(problem: HeadProblem, law: HeadLaw, head: Float64Array): HeadLaw {
  const pair = mixHeadLaws(law, headLaw(problem.shape, head), 0.5);
  const features = labelledFeatures(problem, pair.parameters);
  const along = (t: number) => Float64Array.of(...law.weights.map((weight) => (1 - t) * weight), t);
  const weights = minimiseAlong((t) => riskOfWeights(features, along(t)));
  return headLaw(problem.shape, pair.parameters, along(weights));
}

/** Best weights for the heads of a law; heads that get none are left out. */
export function reweigh(problem: HeadProblem, law: HeadLaw): HeadLaw {
  const features = labelledFeatures(problem, law.parameters);
  const weights = minimiseOnSimplex(
    (w) => riskOfWeightsToSecondOrder(features, w),
    (w) => riskOfWeights(features, w),
    law.weights,
  );
  const P = headLength(law.shape);
  const kept = [...weights.keys()].filter((i) => weights[i] > 1e-9);
  const total = kept.reduce((sum, i) => sum + weights[i], 0);
  const parameters = new Float64Array(kept.length * P);
  kept.forEach((i, to) => {
    parameters.set(law.parameters.subarray(i * P, (i + 1) * P), to * P);
  });
  return headLaw(
    law.shape,
    parameters,
    kept.map((i) => weights[i] / total),
  );
}

/**
 * Weighs, moves and merges the heads of a law. The descent is L-BFGS on the N-head risk in the coordinates `√w_i θ_i`, in
 * which its curvature does not depend on the weights; heads stay in the ball, if there is one.
 */
export function improve(problem: HeadProblem, law: HeadLaw, iterations: number): HeadLaw {
  const weighed = reweigh(problem, law);
  const merged = mergeHeads(problem, descend(problem, weighed, iterations));
  return reweigh(problem, merged);
}

/** Minimises the risk over the heads at fixed weights. */
export function descend(problem: HeadProblem, law: HeadLaw, iterations: number): HeadLaw {
  const P = headLength(law.shape);
  const roots = law.weights.map(Math.sqrt);
  const scaled = (x: Float64Array, power: 1 | -1) =>
    Float64Array.from(x, (value, j) => value * roots[Math.floor(j / P)] ** power);
  const toLaw = (x: Float64Array) => headLaw(law.shape, scaled(x, -1), law.weights);
  const result = minimise(
    (x) => {
      if (!x.every(Number.isFinite)) return { value: Number.POSITIVE_INFINITY, gradient: x };
      const moved = toLaw(x);
      const at = problem.linearise(moved);
      const gradient = new Float64Array(x.length);
      problem.firstVariation(at, moved.parameters, gradient);
      const isInside = insideBall(moved.parameters, P, problem.radius);
      return {
        value: isInside ? at.risk : Number.POSITIVE_INFINITY,
        gradient: scaled(gradient, 1),
      };
    },
    scaled(law.parameters, 1),
    { iterations, tolerance: 1e-10 },
  );
  return toLaw(result.point);
}

function insideBall(parameters: Float64Array, P: number, radius: number): boolean {
  if (radius === Number.POSITIVE_INFINITY) return true;
  for (let i = 0; i < parameters.length; i += P) {
    const square = parameters.subarray(i, i + P).reduce((sum, x) => sum + x * x, 0);
    if (square > radius * radius * (1 + 1e-12)) return false;
  }
  return true;
}

/** The minimiser of a convex function on [0, 1] by golden sections, to 1e-8. */
function minimiseAlong(f: (t: number) => number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let low = 0;
  let high = 1;
  let a = high - golden * (high - low);
  let b = low + golden * (high - low);
  let fa = f(a);
  let fb = f(b);
  while (high - low > 1e-8) {
    if (fa <= fb) {
      [high, b, fb] = [b, a, fa];
      a = high - golden * (high - low);
      fa = f(a);
    } else {
      [low, a, fa] = [a, b, fb];
      b = low + golden * (high - low);
      fb = f(b);
    }
  }
  const t = (low + high) / 2;
  return f(t) <= f(0) ? t : 0;
}
