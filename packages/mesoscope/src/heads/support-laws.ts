import type { RandomStream } from '../numeric/random.ts';
import { certifyHeads, type HeadCertificate } from './certificate.ts';
import { type CoveredInfimum, coverFirstVariation } from './covering.ts';
import type { HeadExperiment } from './experiment.ts';
import { descend, growHeads, insertHeads } from './growth.ts';
import { type HeadLaw, headLaw, mixHeadLaws, randomHeads } from './head-law.ts';
import { labelledFeatures, squareDistance } from './labelled-features.ts';
import type { HeadProblem } from './problem.ts';
import { roundingOfRisk } from './rounding.ts';

/** A law with its certificate, and what inserting the minimisers of Ψ makes of it. */
export interface Certified {
  readonly heads: number;
  readonly risk: number;
  readonly certificate: HeadCertificate;
  /** `R(ρ)` minus the risk after the best heads found are inserted and all weights chosen anew. */
  readonly gained: number;
  /** What the best head found must gain: `max_t t·gap − t²/4 E|Φ_θ − z_ρ|²`, t ∈ [0, 1], since `∇²ℓ ⪯ ½I`. */
  readonly mustGain: number;
  /** Of inf Ψ, independently of the search; undefined where tokens do not lie on a line. */
  readonly covered: CoveredInfimum | undefined;
  /** What rounding leaves open in a difference of two risks, as `gained` is. */
  readonly rounding: number;
}

/** All laws that one experiment meets. */
export interface MetLaws {
  readonly start: HeadCertificate;
  /** The law at the start and after each round of growth. */
  readonly grown: Certified[];
  /** Laws trained from random heads, which no search has seen. */
  readonly trained: Certified[];
  /**
   * Copies of the final law with Q and K scaled by c and 1/c: the logits stay and the penalty grows, so that risk and gap rise by the
   * same amount, and the inequality between them is an equality.
   */
  readonly unbalanced: Certified[];
  /** Largest `Ψ(θ_i) − inf Ψ` on the final law's support. */
  readonly supportSpread: number;
}

/** The gap at which a law counts as optimal, as a fraction of its risk. */
export const optimality = 1e-5;
/** Width of the enclosure of inf Ψ, as a fraction of the risk. */
export const coveringWidth = 2e-6;
/** Starts of a search that certifies: as many as growth takes before its last word. */
const certifyingStarts = 384;
/** Heads of the laws trained from random starts: one or two are stationary and far from optimal. */
export const trainedHeads = [1, 2, 8, 32];

/** What a certificate says of a law, and what inserting does. */
export function certified(
  problem: HeadProblem,
  law: HeadLaw,
  certificate: HeadCertificate,
): Certified {
  const { search, risk, gap } = certificate;
  const covered = coverFirstVariation(problem, law, coveringWidth * risk);
  const known = {
    heads: law.count,
    risk,
    certificate,
    covered,
    rounding: roundingOfRisk(problem, law),
  };
  if (search.minimiser === undefined) return { ...known, gained: 0, mustGain: 0 };
  const inserted = mixHeadLaws(law, headLaw(law.shape, search.minimiser), 0);
  const features = labelledFeatures(problem, inserted.parameters);
  const curvature = squareDistance(features, inserted.weights, law.count) / 2;
  const t = Math.min(1, gap / curvature);
  return {
    ...known,
    gained: risk - problem.risk(insertHeads(problem, law, certificate)).risk,
    mustGain: gap > 0 ? t * gap - (t * t * curvature) / 2 : 0,
  };
}

/** Grows a law to a certified optimum, and trains others from random heads. */
export function meetLaws(
  { problem, law }: HeadExperiment,
  rounds: number,
  random: RandomStream,
): MetLaws {
  const start = certifyHeads(problem, law, { starts: certifyingStarts });
  const grown = [certified(problem, law, start)];
  if (start.gap === Number.POSITIVE_INFINITY) {
    return { start, grown, trained: [], unbalanced: [], supportSpread: Number.NaN };
  }
  const tolerance = optimality * start.risk;
  let last = start;
  let end = law;
  for (const state of growHeads(problem, { start: law, tolerance, rounds })) {
    last = state.certificate;
    end = state.law;
    if (state.round > 0) grown.push(certified(problem, state.law, last));
  }
  const trained = trainedHeads.map((count) => {
    const heads = randomHeads(law.shape, count, random, { score: 1, value: 1 });
    const trained = descend(problem, scaledInto(heads, problem.radius), 300);
    const certificate = certifyHeads(problem, trained, { starts: certifyingStarts });
    return certified(problem, trained, certificate);
  });
  const bounded = problem.radius < Number.POSITIVE_INFINITY;
  const unbalanced = (bounded ? [] : [1.25, 2]).map((factor) => {
    const copy = withUnbalancedScores(end, factor);
    return certified(problem, copy, certifyHeads(problem, copy, { also: end.parameters }));
  });
  const top = last.support.reduce((a, b) => Math.max(a, b));
  return { start, grown, trained, unbalanced, supportSpread: top - last.infimum };
}

function withUnbalancedScores({ shape, parameters, weights, count }: HeadLaw, factor: number) {
  const size = shape.keyDimension * shape.dimension;
  const P = parameters.length / count;
  const scaled = parameters.map((x, j) => {
    const within = j % P;
    return within < size ? factor * x : within < 2 * size ? x / factor : x;
  });
  return headLaw(shape, scaled, weights);
}

/** Heads within the ball, where there is one. */
function scaledInto(law: HeadLaw, radius: number): HeadLaw {
  const P = law.parameters.length / law.count;
  const largest = Math.max(
    ...Array.from({ length: law.count }, (_, i) =>
      Math.hypot(...law.parameters.subarray(i * P, (i + 1) * P)),
    ),
  );
  const factor = Math.min(1, radius / (2 * largest));
  return headLaw(
    law.shape,
    law.parameters.map((x) => factor * x),
    law.weights,
  );
}

export const allLaws = ({ grown, trained, unbalanced }: MetLaws) => [
  ...grown,
  ...trained,
  ...unbalanced,
];

/** Least risk of all laws met, by growth or from random starts. */
export const leastRisk = (met: MetLaws) => Math.min(...allLaws(met).map(({ risk }) => risk));

/** Laws whose search for inf Ψ had the starts of a certificate: all but those in the course of growth. */
export const certifiedLaws = ({ grown, trained }: MetLaws) => [
  ...new Set([grown[0], grown[grown.length - 1]]),
  ...trained,
];

/** `(R(ρ) − R_least)/gap(ρ)`, with the gap as the search found it; 0 at the least risk. */
function ratioOf({ risk, certificate: { gap } }: Certified, least: number): number {
  return risk - least <= rounding * risk ? 0 : (risk - least) / gap;
}

/** The largest ratio over the certified laws: above 1 it refutes a certificate. */
export function largestRatio(met: MetLaws): number {
  const least = leastRisk(met);
  return Math.max(...certifiedLaws(met).map((law) => ratioOf(law, least)));
}

/** Laws in the course of growth whose quicker search must have missed the minimum: their ratio is above 1. */
export function missedIn(met: MetLaws): number {
  const least = leastRisk(met);
  return met.grown.slice(1, -1).filter((law) => ratioOf(law, least) > 1).length;
}

/** Relative errors of risks that are taken for rounding. */
const rounding = 1e-14;

/** `max mustGain/gained` over the laws met: above 1 a law with a gap could not be improved as convexity wants. */
export function largestGainRatio(met: MetLaws): number {
  return Math.max(
    ...allLaws(met).map(({ mustGain, gained, risk }) =>
      mustGain <= rounding * risk ? 0 : mustGain / Math.max(gained, 1e-300),
    ),
  );
}
