import { fitLine } from '../numeric/fit.ts';
import type { RandomStream } from '../numeric/random.ts';
import {
  cloudAround,
  type DiracStability,
  diracStability,
  modeAmplitudes,
  polishStationary,
} from './dirac.ts';
import { headFlow } from './flow.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** Gradient below which a head counts as stationary. */
const stationary = 1e-8;
/** Heads in a perturbed cloud, and its size against the head's. */
const cloudHeads = 12;
const cloudSize = 1e-5;
/**
 * Step of the integration in units of the fastest mode's time. Runge–Kutta of order 4 then changes a rate by a fraction
 * of the fastest one of at most step⁴/120.
 */
const relativeStep = 0.2;

/** Growth of one mode: what the linearisation says, and what a cloud does. */
export interface Growth {
  readonly predicted: number;
  /** Extrapolated to a cloud of size 0 from two sizes. */
  readonly measured: number;
  /** The integration's error, and what twice the size changes: quadratic terms are of its order. */
  readonly uncertainty: number;
}

/** A head with its stability, and what a small cloud around it does. */
export interface PerturbedHead {
  readonly stability: DiracStability;
  /** `R(δ_θ)` and `Ψ(θ;δ_θ)`. */
  readonly risk: number;
  readonly firstVariation: number;
  readonly regularisation: number;
  /** Of fluctuations along the lowest mode of H_Ψ. */
  readonly fluctuation: Growth | undefined;
  /** Of the mean along the lowest mode of H_Ψ + G. */
  readonly mean: Growth | undefined;
  /** `(Ψ(θ + v) − 2Ψ(θ) + Ψ(θ − v))/|v|²` along values v, which is λ: Ψ is quadratic in V, and only by the penalty. */
  readonly valueCurvature: number;
  /** What rounding leaves open in it. */
  readonly valueRounding: number;
  readonly times: number[];
  readonly fluctuations: number[];
  readonly means: number[];
}

/** Logarithmic slopes of the amplitudes of the two lowest modes in a small cloud around a stationary head. */
export function perturbHead(
  problem: HeadProblem,
  start: Float64Array,
  random: RandomStream,
): PerturbedHead {
  const { head, stationarity } = polishStationary(problem, start);
  const moved = Math.hypot(...head.map((x, j) => x - start[j]));
  const isNear = stationarity <= stationary && moved <= 0.01 * (1 + Math.hypot(...start));
  const stability = diracStability(problem, isNear ? head : start);
  const { regularisation } = problem;
  const linearisation = problem.linearise(headLaw(problem.shape, stability.head));
  const [firstVariation] = problem.firstVariation(linearisation, stability.head);
  const known = {
    stability,
    regularisation,
    risk: linearisation.risk,
    firstVariation,
    ...valueCurvature(problem, stability.head, random),
  };
  if (!isNear) {
    const nothing = { times: [], fluctuations: [], means: [] };
    return { ...known, ...nothing, fluctuation: undefined, mean: undefined };
  }
  const { frozen, single } = stability;
  const size = cloudSize * (1 + Math.hypot(...head));
  const fastest = Math.max(...single.values.map(Math.abs), ...frozen.values.map(Math.abs), 1e-12);
  const step = relativeStep / fastest;
  const horizonOf = (rate: number) =>
    Math.min(600 * step, Math.max(40 * step, 1.5 / Math.abs(rate)));
  const steps = Math.round(horizonOf(frozen.values[0]) / step);
  const offsets = displacements(stability, random);
  const cloudOf = (size: number) =>
    growthOf(problem, stability, cloudAround(problem, head, offsets, size), { step, steps });
  const [near, far] = [cloudOf(size), cloudOf(2 * size)];
  const integration = (relativeStep ** 4 / 120) * fastest;
  const growth = (predicted: number, small: number, large: number): Growth => ({
    predicted,
    measured: 2 * small - large,
    uncertainty: integration + Math.abs(large - small),
  });
  return {
    ...known,
    fluctuation: growth(-frozen.values[0], near.fluctuation, far.fluctuation),
    mean: growth(-single.values[0], near.mean, far.mean),
    times: near.times,
    fluctuations: near.fluctuations.map((x) => x / size),
    means: near.means.map((x) => x / size),
  };
}

/** Second difference of Ψ along a random direction of the values. */
function valueCurvature(problem: HeadProblem, head: Float64Array, random: RandomStream) {
  const { keyDimension, dimension } = problem.shape;
  const along = random.normals(new Float64Array(head.length));
  along.fill(0, 0, 2 * keyDimension * dimension);
  const square = along.reduce((sum, v) => sum + v * v, 0);
  const at = problem.linearise(headLaw(problem.shape, head));
  const psi = (by: number) => {
    const [value] = problem.firstVariation(
      at,
      head.map((x, j) => x + by * along[j]),
    );
    return value;
  };
  const [before, here, after] = [psi(-1), psi(0), psi(1)];
  const size = Math.abs(before) + 2 * Math.abs(here) + Math.abs(after) + square;
  return {
    valueCurvature: (before - 2 * here + after) / square,
    valueRounding: (64 * Number.EPSILON * size) / square,
  };
}

/** Growth of the lowest modes of H_Ψ and of H_Ψ + G in a cloud. */
function growthOf(
  problem: HeadProblem,
  { head, frozen, single }: DiracStability,
  cloud: HeadLaw,
  { step, steps }: { readonly step: number; readonly steps: number },
) {
  const times: number[] = [];
  const fluctuations: number[] = [];
  const means: number[] = [];
  for (const { time, law } of headFlow(problem, cloud, { step, steps, scheme: 'rk4' })) {
    times.push(time);
    fluctuations.push(modeAmplitudes(law, head, frozen.vectors[0]).fluctuation);
    means.push(Math.abs(modeAmplitudes(law, head, single.vectors[0]).mean));
  }
  return {
    times,
    fluctuations,
    means,
    fluctuation: slopeOf(times, fluctuations, frozen.values[0]),
    mean: slopeOf(times, means, single.values[0]),
  };
}

/** Random displacements with the mean along the lowest mode of H_Ψ + G, and deviations from it in all modes of H_Ψ. */
function displacements({ head, single }: DiracStability, random: RandomStream): Float64Array[] {
  const P = head.length;
  const drawn = Array.from({ length: cloudHeads }, () => random.normals(new Float64Array(P)));
  return drawn.map((displacement) =>
    displacement.map((x, j) => {
      const mean = drawn.reduce((sum, other) => sum + other[j], 0) / cloudHeads;
      return x - mean + single.vectors[0][j];
    }),
  );
}

/** Logarithmic slope while the mode changes by e³ at the most: further on, quadratic terms of others would show. */
function slopeOf(times: readonly number[], amplitudes: readonly number[], rate: number): number {
  const count = Math.max(8, times.filter((t) => Math.abs(rate) * t <= 3).length);
  const kept = amplitudes.slice(0, count);
  if (!kept.every((x) => x > 0)) return Number.NaN;
  return fitLine(times.slice(0, count), kept.map(Math.log)).slope;
}
