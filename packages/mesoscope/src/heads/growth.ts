import { MesoscopeError } from '../errors.ts';
import { relativeLargestEntry } from '../minimise/lbfgs.ts';
import { minimise } from '../minimise/minimise.ts';
import { certifyHeads, type HeadCertificate } from './certificate.ts';
import { type HeadLaw, headLaw, headLength, mixHeadLaws } from './head-law.ts';
import {
  type LabelledFeatures,
  labelledFeatures,
  riskOfWeights,
  riskOfWeightsToSecondOrder,
} from './labelled-features.ts';
import { mergeHeads } from './merge.ts';
import type { HeadProblem } from './problem.ts';
import { rebalance } from './rebalance.ts';
import type { SearchOptions } from './search.ts';
import { minimiseOnSimplex } from './simplex.ts';

export interface GrowthOptions {
  /** Stops when the Frank–Wolfe gap is at most this; default 1e-6. */
  readonly tolerance?: number;
  /** Rounds of insertion at the most; default 32. */
  readonly rounds?: number;
  /** Iterations of each of the three descents on all heads after an insertion; default 100. */
  readonly descent?: number;
  /** Of the global search after each insertion. */
  readonly search?: SearchOptions;
  /** Law to start from; default one head θ = 0, whose logits are 0. */
  readonly start?: HeadLaw | undefined;
}

/** A law of heads with its certificate, before the next head is inserted. */
export interface GrowthState {
  /** Rounds of insertion so far. */
  readonly round: number;
  readonly law: HeadLaw;
  readonly certificate: HeadCertificate;
}

/**
 * Grows a layer until a certificate says that no head can help: inserts the minimiser of Ψ and the other local minima
 * that the search met, weighs all heads anew (fully corrective), lets all heads move (descent), merges heads that
 * coincide, certifies. Sliding Frank–Wolfe (Denoyelle, Duval, Peyré & Soubies, arXiv 1811.06416) on laws of heads. The
 * risk never rises.
 *
 * @throws MesoscopeError `unsupported` with λ = 0 on unbounded parameters, where the best head is at infinity
 */
export function* growHeads(
  problem: HeadProblem,
  options: GrowthOptions = {},
): Generator<GrowthState, void> {
  const { tolerance = 1e-6, rounds = 32, descent = 100, search = {} } = options;
  if (problem.regularisation === 0 && problem.radius === Number.POSITIVE_INFINITY) {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'inserting the best head without regularisation: it lies at infinity',
      by: 'growHeads',
      wayOut: 'Choose λ > 0 or a radius.',
    });
  }
  let law = options.start ?? headLaw(problem.shape, new Float64Array(headLength(problem.shape)));
  let also: Float64Array = new Float64Array();
  for (let round = 0; ; round++) {
    const seed = (search.seed ?? 0) + round;
    let certificate = certifyHeads(problem, law, { ...search, seed, also });
    if (certificate.gap <= tolerance) {
      // Before the last word: four times the starts, all of them new.
      const starts = 4 * certificate.search.starts;
      certificate = certifyHeads(problem, law, { ...search, seed: seed + 1e6, also, starts });
    }
    yield { round, law, certificate };
    if (certificate.gap <= tolerance || round === rounds) return;
    also = certificate.search.minima;
    law = improve(problem, insertHeads(problem, law, certificate), descent);
  }
}

/** Heads that are inserted in one round at the most. */
const insertedAtOnce = 8;

/**
 * The law with the lowest local minima of Ψ as new heads, all heads weighed anew. The first is the minimiser of Ψ; others
 * below `∫Ψdρ` lower the risk as well, and the search has found them anyway.
 */
export function insertHeads(
  problem: HeadProblem,
  law: HeadLaw,
  { search, linearisation, mean }: HeadCertificate,
): HeadLaw {
  const P = headLength(law.shape);
  const values = problem.firstVariation(linearisation, search.minima);
  const count = Math.min(insertedAtOnce, values.filter((psi) => psi < mean).length);
  if (count === 0) return law;
  const inserted = headLaw(law.shape, search.minima.slice(0, count * P));
  const pair = mixHeadLaws(law, inserted, 0);
  const features = labelledFeatures(problem, pair.parameters);
  return withWeights(pair, bestWeights(features, pair.weights));
}

/** Best weights for the heads of a law; heads that get none are left out. */
export function reweigh(problem: HeadProblem, law: HeadLaw): HeadLaw {
  return withWeights(law, bestWeights(labelledFeatures(problem, law.parameters), law.weights));
}

function bestWeights(features: LabelledFeatures, start: Float64Array): Float64Array {
  return minimiseOnSimplex(
    (w) => riskOfWeightsToSecondOrder(features, w),
    (w) => riskOfWeights(features, w),
    start,
  );
}

function withWeights(law: HeadLaw, weights: Float64Array): HeadLaw {
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
  let improved = law;
  for (let round = 0; round < 3; round++) {
    improved = descend(problem, rebalance(problem, improved), iterations);
  }
  return reweigh(problem, mergeHeads(problem, rebalance(problem, improved)));
}

/** Minimises the risk over the heads at fixed weights. */
export function descend(problem: HeadProblem, law: HeadLaw, iterations: number): HeadLaw {
  const P = headLength(law.shape);
  const roots = law.weights.map(Math.sqrt);
  const scaled = (x: Float64Array, power: 1 | -1) => {
    const result = new Float64Array(x.length);
    for (let i = 0, j = 0; j < x.length; i++) {
      const factor = roots[i] ** power;
      for (const end = j + P; j < end; j++) result[j] = x[j] * factor;
    }
    return result;
  };
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
    { iterations, tolerance: 1e-10, norm: relativeLargestEntry },
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
