import { MesoscopeError } from '../../errors.ts';
import type { GaussianMoments } from '../../gaussian/moments.ts';
import { bestReachable } from '../../gaussian/reachability/best-reachable.ts';
import { alignEndpoints } from '../../gaussian/reachability/factor-path.ts';
import {
  type Realisation,
  realisations,
  type Steering,
  steer,
} from '../../gaussian/reachability/steer.ts';
import { lawOfInstance, type SteeringInstance, steeringSchema } from '../../gaussian/schema.ts';
import { numericalRank } from '../../numeric/decompositions.ts';
import { frobeniusNorm } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import { type ClaimContext, type Evidence, type Finding, judge, legacy } from '../legacy.ts';
import { depthsUpTo } from './flow-instance.ts';
import { type OpenLoop, openLoopErrors, openLoopFigure, openLoopSlope } from './open-loop.ts';
import { randomLaw } from './random-flows.ts';

/** Largest endpoint error that counts as arriving. */
const arrival = 1e-8;

/**
 * Fraction of its energy by which an extremal may cost more than the direct minimum over 12 layers, for the Runge–Kutta step in each of
 * these layers is not exact.
 */
const stepError = 1e-3;

interface SteeringRecord {
  readonly realisation: Realisation;
  readonly rank: number;
  readonly rankAtEnd: number;
  readonly mean: number;
  readonly covariance: number;
  readonly energy: number;
  readonly geodesicEnergy: number;
  readonly squaredBuresDistance: number;
  readonly hamiltonianDrift: number | null;
  readonly directEnergy: number | null;
  readonly times: readonly number[];
  readonly sizes: readonly number[];
}

interface Reached {
  readonly records: readonly SteeringRecord[];
  readonly particles: readonly OpenLoop[];
  /** Constant realisations that have no real logarithm. */
  readonly unsupported: number;
  /** Whether every pair of unequal ranks was refused; null where none was tried. */
  readonly refusal: { readonly refused: boolean; readonly reason: string } | null;
  /** Where the target itself cannot be reached: distance from it. */
  readonly approximation: { readonly distance: number; readonly reason: string } | null;
}

function record(realisation: Realisation, steering: Steering): SteeringRecord {
  const { flow, endpointError, endpoints } = steering;
  const times = depthsUpTo(flow.time, 60);
  return {
    realisation,
    rank: endpoints.from.factor.columns,
    rankAtEnd: numericalRank(flow.moments.factor, { tolerance: 1e-6 }),
    ...endpointError,
    energy: steering.energy,
    geodesicEnergy: steering.geodesicEnergy,
    squaredBuresDistance: steering.squaredBuresDistance,
    hamiltonianDrift: steering.hamiltonianDrift,
    directEnergy: steering.directEnergy,
    times,
    sizes: times.map((t) => frobeniusNorm(flow.at(t).factor) ** 2),
  };
}

/** The finding from steered pairs of laws. */
export function reachabilityFinding(reached: Reached): Finding {
  const { records, particles, unsupported, refusal, approximation } = reached;
  const assumptions = [
    {
      name: 'equal rank of the two covariances',
      holds: approximation === null,
      value: approximation?.reason ?? 'equal',
    },
  ];
  const errors = records.map((one) => Math.max(one.mean, one.covariance));
  const measured = Math.max(...errors);
  const expected = { kind: 'at-most', value: arrival } as const;
  const judged = judge(assumptions, measured, null, expected);
  const refused = refusal === null || refusal.refused;
  const rankKept = records.every((one) => one.rankAtEnd === one.rank);
  const direct = records.flatMap(({ energy, directEnergy }) =>
    directEnergy === null ? [] : [{ energy, directEnergy }],
  );
  const least = direct.every(
    ({ energy, directEnergy }) => energy <= directEnergy * (1 + stepError),
  );
  const verdict = judged === 'holds' && !(refused && rankKept && least) ? 'fails' : judged;
  const single = records.length === 1 ? records[0] : undefined;
  const pick = (of: (one: SteeringRecord) => number): Evidence =>
    single ? of(single) : records.map(of);
  const evidence: Record<string, Evidence> = {
    'endpointError.mean': pick((one) => one.mean),
    'endpointError.covariance': pick((one) => one.covariance),
    rank: pick((one) => one.rankAtEnd),
    realisation: records.map((one) => one.realisation).join(' '),
    energy: pick((one) => one.energy),
    'energy.buresGeodesic': pick((one) => one.geodesicEnergy),
    squaredBuresDistance: pick((one) => one.squaredBuresDistance),
  };
  const drifts = records.flatMap((one) => one.hamiltonianDrift ?? []);
  if (drifts.length > 0) {
    evidence['minimumEnergy.hamiltonianDrift'] = drifts;
    evidence['minimumEnergy.energy'] = direct.map(({ energy }) => energy);
    evidence['minimumEnergy.directOver12Layers'] = direct.map(({ directEnergy }) => directEnergy);
  }
  if (refusal !== null) evidence['unequalRank.refusal'] = refusal.reason;
  if (approximation !== null) evidence['approximation.distance'] = approximation.distance;
  if (single === undefined) evidence['constant.withoutRealLogarithm'] = unsupported;
  for (const one of particles) {
    evidence[`particles.${one.realisation}.n`] = one.counts;
    evidence[`particles.${one.realisation}.error`] = one.errors;
    evidence[`particles.${one.realisation}.slope`] = openLoopSlope(one);
    evidence[`particles.${one.realisation}.tiltRatio`] = one.tilts;
  }
  return {
    assumptions,
    evidence,
    measured,
    expected,
    interval: null,
    verdict,
    summary:
      approximation !== null
        ? `The ranks differ; the best reachable law, ${approximation.distance.toPrecision(4)} away from the target in W2, is reached up to ${measured.toExponential(1)}.`
        : !refused
          ? 'A pair of unequal ranks was not refused.'
          : !least
            ? 'Layers minimised directly cost less than the extremal that Pontryagin’s equations gave.'
            : `${records.length === 1 ? 'The target is' : `All ${records.length} targets are`} reached up to ${measured.toExponential(1)}${refusal === null ? '' : '; unequal ranks are refused'}.`,
    figures: figures(records, particles),
  };
}

function figures(records: readonly SteeringRecord[], particles: readonly OpenLoop[]): Figure[] {
  const first = records[0];
  const pair = records.filter(
    (one) => one.geodesicEnergy === first.geodesicEnergy && one.rank === first.rank,
  );
  const paths: Figure = {
    id: 'C.reachability',
    title: 'One law steered to another by different controls',
    caption:
      'Trace of the covariance along the moment flow. Feed-forward and attention layers follow the Bures geodesic; constant and minimum-energy controls take other ways.',
    x: { label: 'depth t' },
    y: { label: 'tr Σ' },
    marks: pair.map((one) => ({
      kind: 'line',
      series: one.realisation,
      x: one.times,
      y: one.sizes,
    })),
  };
  return particles.length === 0
    ? [paths]
    : [paths, openLoopFigure('C.reachability-particles', particles)];
}

/** Whether a target of another rank is refused, with the sentence. */
function refusalOf(from: GaussianMoments, to: GaussianMoments) {
  try {
    alignEndpoints(from, to);
  } catch (cause) {
    if (cause instanceof MesoscopeError) return { refused: true, reason: cause.message };
    throw cause;
  }
  return { refused: false, reason: 'accepted' };
}

async function explicit(context: ClaimContext<SteeringInstance>, instance: SteeringInstance) {
  const from = lawOfInstance(instance.from, 'from');
  const wanted = lawOfInstance(instance.to, 'to');
  const { realisation, horizon } = instance;
  const best = instance.bestApproximation ? bestReachable(from, wanted) : null;
  const steering = steer({ from, to: best?.law ?? wanted, realisation, horizon });
  const particles = await openLoopErrors(context, [{ realisation, steering }], from);
  return reachabilityFinding({
    records: [record(realisation, steering)],
    particles,
    unsupported: 0,
    refusal: null,
    approximation: best === null || best.distance === 0 ? null : best,
  });
}

async function run(context: ClaimContext<SteeringInstance>): Promise<Finding> {
  if (context.instance !== undefined) return explicit(context, context.instance);
  const count = context.setting === 'full' ? 60 : 9;
  let unsupported = 0;
  let refusal: Reached['refusal'] = null;
  let last: {
    steerings: { realisation: Realisation; steering: Steering }[];
    from: GaussianMoments;
  } = { steerings: [], from: randomLaw(randomStream(context.seed, 'C.reachability'), 1) };
  const records: SteeringRecord[] = [];
  await overExperiments(context, count, 'pairs of laws', (index) => {
    const stream = randomStream(context.seed, 'C.reachability', index);
    const d = 2 + (index % 2);
    const rank = index % 3 === 2 ? d - 1 : d;
    const [from, to] = [randomLaw(stream, d, rank), randomLaw(stream, d, rank)];
    const steerings = [];
    for (const realisation of realisations) {
      try {
        const steering = steer({ from, to, realisation });
        steerings.push({ realisation, steering });
        records.push(record(realisation, steering));
      } catch (cause) {
        if (realisation !== 'constant' || !(cause instanceof MesoscopeError)) throw cause;
        unsupported++;
      }
    }
    if (index === 0) last = { steerings, from };
    const other = randomLaw(stream, d, rank === d ? d - 1 : d);
    const answer = refusalOf(from, other);
    refusal = refusal === null || refusal.refused ? answer : refusal;
  });
  const particles = await openLoopErrors(context, last.steerings, last.from);
  return reachabilityFinding({ records, particles, unsupported, refusal, approximation: null });
}

/** Time-varying layers steer any Gaussian law to any other of the same rank (arXiv 2606.07600). */
export const reachability = legacy<SteeringInstance>({
  id: 'C.reachability',
  paper: 'C',
  title: 'Any Gaussian law of equal rank can be reached',
  statement:
    'Time-varying controls steer $(m_0, \\Sigma_0)$ to any $(m_1, \\Sigma_1)$ with $\\operatorname{rank}\\Sigma_1 = \\operatorname{rank}\\Sigma_0$ in finite time: $\\dot L = U_t L$ along $L_t = (1-t)L_0 + tL_1PR^\\top$, realised by feed-forward layers, by attention, by a constant layer, or with least energy.',
  trust: 'P; construction D',
  quantity: 'largest endpoint error of the moment flow',
  instance: steeringSchema,
  run,
});
