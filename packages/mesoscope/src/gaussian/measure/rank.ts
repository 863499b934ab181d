import { spectralNorm, symmetricEigen } from '../../numeric/decompositions.ts';
import { add, identity, largestEntry, type Matrix, scale } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { affineVelocity } from '../closure.ts';
import { depthsUpTo, type GaussianFlow, gaussianFlow } from '../gaussian-flow.ts';
import { type GaussianLayer, gaussianLayer } from '../layer.ts';
import { integrateMoments } from '../moment-flow.ts';
import { type FactoredMoments, unfactored } from '../moments.ts';
import { integratePlainCovariance } from '../plain-covariance.ts';
import { randomLaw, randomSoftmaxLayer } from '../random-flows.ts';
import type { Compared } from './compared.ts';

/** A flow whose layer changes at equal intervals. */
export interface PiecewiseFlow extends GaussianFlow {
  readonly layers: readonly GaussianLayer[];
}

/** The spectrum of Σ along a flow, by two integrations. All eigenvalues decrease, and are relative to the largest. */
export interface RankRecord {
  readonly dimension: number;
  /** r, at the start. */
  readonly rank: number;
  /** How the integration in factored form ended, where, and the blow-up if it met one. */
  readonly ended: string;
  readonly reached: number;
  readonly blowUpTime: number | null;
  readonly times: readonly number[];
  /** In factored form, at each time. */
  readonly spectra: readonly (readonly number[])[];
  /** `∫|U|dt`, and how much two quadratures of it differ. */
  readonly expansion: number;
  readonly expansionError: number;
  /** `λ_r(T)/λ_r(0)`, absolute. */
  readonly smallestRatio: number;
  /** At the horizon, from Σ as a plain matrix; null where that integration does not arrive. */
  readonly plain: PlainSpectrum | null;
}

export interface PlainSpectrum {
  readonly values: readonly number[];
  /** What becomes of the eigenvalues when the start is changed in every direction by the error of all steps together. */
  readonly perturbed: readonly number[];
  /** That error, relative to the largest eigenvalue. */
  readonly perturbation: number;
}

const tolerance = 1e-12;

/** @param size - of U in `|log λ_r(T)/λ_r(0)| ≤ 2∫|U|dt`; others than the spectral norm are what a comparison must notice */
export function measureRank(
  flow: PiecewiseFlow,
  size: (U: Matrix) => number = spectralNorm,
): RankRecord {
  const { layers, start, horizon, law } = flow;
  const piece = horizon / layers.length;
  const rank = start.factor.columns;
  let moments = start;
  let ended = 'completed';
  let blowUpTime: number | null = null;
  let expansion = 0;
  let expansionError = 0;
  const times = [0];
  const spectra = [relative(eigenvaluesOf(start))];
  for (const [k, layer] of layers.entries()) {
    const part = integrateMoments(layer, moments, { horizon: piece });
    const speeds = depthsUpTo(part.time, 8).map((t) => size(affineVelocity(layer, part.at(t)).T));
    const fine = trapezoid(speeds, part.time / 8);
    const coarse = trapezoid(
      speeds.filter((_, i) => i % 2 === 0),
      part.time / 4,
    );
    expansion += (4 * fine - coarse) / 3;
    expansionError += Math.abs(fine - coarse);
    moments = part.moments;
    times.push(k * piece + part.time);
    spectra.push(relative(eigenvaluesOf(moments)));
    ended = part.status.kind;
    if (part.blowUpTime !== null) blowUpTime = k * piece + part.blowUpTime;
    if (ended !== 'completed') break;
  }
  const [before, after] = [start, moments].map((law) => eigenvaluesOf(law)[rank - 1]);
  return {
    dimension: law.mean.length,
    rank,
    ended,
    blowUpTime,
    times,
    spectra,
    expansion,
    expansionError,
    smallestRatio: after / before,
    reached: times[times.length - 1],
    plain: ended === 'completed' ? plainSpectrum(layers, law.covariance, piece) : null,
  };
}

function plainSpectrum(
  layers: readonly GaussianLayer[],
  start: Matrix,
  piece: number,
): PlainSpectrum | null {
  const run = (from: Matrix) => {
    let covariance = from;
    let steps = 0;
    for (const layer of layers) {
      const part = integratePlainCovariance(layer, covariance, piece, {
        relativeTolerance: tolerance,
      });
      if (!part.arrived) return null;
      covariance = part.covariance;
      steps += part.steps;
    }
    return { values: symmetricEigen(covariance).values.reverse(), steps };
  };
  const found = run(start);
  if (found === null || !(found.values[0] > 0)) return null;
  const perturbation = tolerance * Math.max(1, found.steps);
  const size = perturbation * symmetricEigen(start).values[start.rows - 1];
  const changed = run(add(start, identity(start.rows), size));
  if (changed === null) return null;
  const over = (values: Float64Array) => Array.from(values, (value) => value / found.values[0]);
  return { values: over(found.values), perturbed: over(changed.values), perturbation };
}

/** What the two integrations of one flow say, in units of what the errors of their steps become. */
export function compareSpectra({ rank, spectra, plain }: RankRecord) {
  const factored = spectra[spectra.length - 1];
  const { values, perturbed, perturbation } = plain ?? {
    ...{ values: [], perturbed: [], perturbation: Number.POSITIVE_INFINITY },
  };
  const change = (i: number) => Math.abs((perturbed[i] ?? Infinity) - (values[i] ?? 0));
  const kept = Array.from({ length: rank }, (_, i) => i);
  const others = values.map((_, i) => i).slice(rank);
  const scale = factored[rank - 1];
  const uncertainty = Math.max(...kept.map(change)) + perturbation;
  const spectrum: Compared = {
    difference: Math.max(...kept.map((i) => Math.abs((values[i] ?? Infinity) - factored[i]))),
    ...{ uncertainty, scale },
  };
  const leak: Compared = {
    difference: Math.max(0, ...others.map((i) => Math.abs(values[i]))),
    uncertainty: Math.max(0, ...others.map((i) => Math.abs(perturbed[i]))) + perturbation,
    scale,
  };
  const floor = 10 * Math.max(uncertainty, leak.uncertainty);
  return { spectrum, leak, rankAfter: values.filter((value) => value > floor).length };
}

function eigenvaluesOf(law: FactoredMoments): Float64Array {
  return symmetricEigen(unfactored(law).covariance).values.reverse();
}

function relative(values: Float64Array): number[] {
  return Array.from(values, (value) => value / values[0]);
}

function trapezoid(values: readonly number[], step: number): number {
  const ends = (values[0] + values[values.length - 1]) / 2;
  return step * (values.reduce((sum, value) => sum + value, 0) - ends);
}

/**
 * Eight random softmax layers one after the other on laws of all ranks; every seventh flow is the contraction `W = −I/2`, for which
 * Grönwall's bound on the smallest eigenvalue is an equality.
 */
export function randomPiecewiseFlow(seed: number, index: number, horizon: number): PiecewiseFlow {
  const stream = randomStream(seed, 'C.rank', index);
  const d = 2 + (index % 4);
  const rank = 1 + (Math.floor(index / 4) % d);
  const contraction = gaussianLayer({ W: scale(-0.5, identity(d)) });
  const layers = Array.from({ length: 8 }, () =>
    index % 7 === 6 ? contraction : randomSoftmaxLayer(stream, d, { size: 0.6 }),
  );
  return { ...gaussianFlow(layers[0], randomLaw(stream, d, rank), horizon), layers };
}

/** Whether a layer leaves every token of a law where it is, up to a common shift. */
export function leavesShape({ layer, start }: GaussianFlow): boolean {
  return largestEntry(affineVelocity(layer, start).T) === 0;
}
