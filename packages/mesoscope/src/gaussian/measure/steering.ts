import { MesoscopeError } from '../../errors.ts';
import type { Backend } from '../../kernels/backend.ts';
import { numericalRank } from '../../numeric/decompositions.ts';
import { frobeniusNorm, subtract } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { depthsUpTo } from '../gaussian-flow.ts';
import { integrateMoments } from '../moment-flow.ts';
import { type GaussianMoments, unfactored } from '../moments.ts';
import { randomLaw } from '../random-flows.ts';
import { bestReachable } from '../reachability/best-reachable.ts';
import { alignEndpoints } from '../reachability/factor-path.ts';
import { type Realisation, realisations, type Steering, steer } from '../reachability/steer.ts';
import { type OpenLoop, type OpenLoopOptions, openLoopErrors } from './open-loop.ts';

/** Where one realisation arrives, and what it costs. */
export interface SteeringRecord {
  readonly realisation: Realisation;
  readonly rank: number;
  readonly rankAtEnd: number;
  /** How the integration of the moments under the controls ended. */
  readonly ended: string;
  /** `|m(T) − m_1|`, `|Σ(T) − Σ_1|`. */
  readonly mean: number;
  readonly covariance: number;
  /** What the errors of steps and of rounding may make of these, and the size of the target. */
  readonly uncertainty: number;
  readonly size: number;
  readonly energy: number;
  readonly geodesicEnergy: number;
  readonly squaredBuresDistance: number;
  readonly hamiltonianDrift: number | null;
  readonly directEnergy: number | null;
  readonly times: readonly number[];
  readonly sizes: readonly number[];
}

/** A pair of laws, steered by every realisation that it has. */
export interface SteeredPair {
  readonly records: readonly SteeringRecord[];
  readonly particles: readonly OpenLoop[];
  /** Constant realisations that have no real logarithm. */
  readonly unsupported: number;
  /** Whether a target of another rank was refused, and the sentence; null where none was tried. */
  readonly refusal: { readonly refused: boolean; readonly reason: string } | null;
  /** Whether start and target are the same. */
  readonly atRest: boolean;
  /** Where the target itself cannot be reached: distance from it. */
  readonly approximation: { readonly distance: number; readonly reason: string } | null;
}

export function recordSteering(realisation: Realisation, steering: Steering): SteeringRecord {
  const { flow, endpointError, endpoints, controls } = steering;
  const times = depthsUpTo(flow.time, 60);
  const coarse = integrateMoments(controls, endpoints.from, {
    horizon: endpoints.horizon,
    relativeTolerance: 1e-9,
    dense: false,
  });
  const [end, other, goal] = [flow.moments, coarse.moments, endpoints.to].map(unfactored);
  const apart = (a: GaussianMoments, b: GaussianMoments) =>
    Math.hypot(...a.mean.map((entry, i) => entry - b.mean[i])) +
    frobeniusNorm(subtract(a.covariance, b.covariance));
  const size = Math.hypot(...goal.mean) + frobeniusNorm(goal.covariance);
  return {
    realisation,
    rank: endpoints.from.factor.columns,
    rankAtEnd: numericalRank(flow.moments.factor, { tolerance: 1e-6 }),
    ended: flow.status.kind,
    ...endpointError,
    uncertainty: apart(end, other) + 1e-12 * size,
    size,
    energy: steering.energy,
    geodesicEnergy: steering.geodesicEnergy,
    squaredBuresDistance: steering.squaredBuresDistance,
    hamiltonianDrift: steering.hamiltonianDrift,
    directEnergy: steering.directEnergy,
    times,
    sizes: times.map((t) => frobeniusNorm(flow.at(t).factor) ** 2),
  };
}

export interface PairOptions {
  readonly from: GaussianMoments;
  readonly to: GaussianMoments;
  readonly realisations: readonly Realisation[];
  readonly horizon: number;
  /** Where the controls are applied to n tokens too. */
  readonly openLoop: OpenLoopOptions | null;
}

/** Steers one law to another. A constant realisation without a real logarithm is counted, unless it is the only one asked for. */
export function steerPair({ from, to, realisations, horizon, openLoop }: PairOptions): SteeredPair {
  const steered: { realisation: Realisation; steering: Steering }[] = [];
  let unsupported = 0;
  for (const realisation of realisations) {
    try {
      steered.push({ realisation, steering: steer({ from, to, realisation, horizon }) });
    } catch (cause) {
      const skipped = realisation === 'constant' && realisations.length > 1;
      if (!skipped || !(cause instanceof MesoscopeError)) throw cause;
      unsupported++;
    }
  }
  return {
    records: steered.map(({ realisation, steering }) => recordSteering(realisation, steering)),
    particles: openLoop === null ? [] : steered.map((one) => openLoopErrors(openLoop, one, from)),
    unsupported,
    refusal: null,
    atRest: (steered[0]?.steering.squaredBuresDistance ?? 1) === 0,
    approximation: null,
  };
}

/** Steers one law to another, or to the nearest that can be reached, by one realisation. */
export function steerGivenPair(
  from: GaussianMoments,
  wanted: GaussianMoments,
  given: Omit<PairOptions, 'from' | 'to' | 'realisations'> & {
    readonly realisation: Realisation;
    readonly bestApproximation: boolean;
  },
): SteeredPair {
  const { horizon, openLoop, realisation, bestApproximation } = given;
  const best = bestApproximation ? bestReachable(from, wanted) : null;
  return {
    ...steerPair({ from, to: best?.law ?? wanted, horizon, openLoop, realisations: [realisation] }),
    approximation: best === null || best.distance === 0 ? null : best,
  };
}

/** A random pair in R² or R³, of full rank or one less, and a target of another rank that must be refused. */
export function steerRandomPair(
  backend: Backend,
  { seed, index, horizon }: { seed: number; index: number; horizon: number },
  openLoop: Pick<OpenLoopOptions, 'tokens' | 'samples'>,
): SteeredPair {
  const stream = randomStream(seed, 'C.reachability', index);
  const d = 2 + (index % 2);
  const rank = index % 3 === 2 ? d - 1 : d;
  const [from, to] = [randomLaw(stream, d, rank), randomLaw(stream, d, rank)];
  const steered = steerPair({
    from,
    to,
    realisations,
    horizon,
    openLoop: index === 0 ? { ...openLoop, backend, seed } : null,
  });
  return { ...steered, refusal: refusalOf(from, randomLaw(stream, d, rank === d ? d - 1 : d)) };
}

function refusalOf(from: GaussianMoments, to: GaussianMoments) {
  try {
    alignEndpoints(from, to);
  } catch (cause) {
    if (cause instanceof MesoscopeError) return { refused: true, reason: cause.message };
    throw cause;
  }
  return { refused: false, reason: 'accepted' };
}
