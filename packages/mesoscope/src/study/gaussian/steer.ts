import * as z from 'zod';
import { openLoopFigure } from '../../claims/gaussian/open-loop-figure.ts';
import { reachability } from '../../claims/gaussian/reachability.ts';
import { runClaims } from '../../claims/run.ts';
import { storedOutcome } from '../../claims/stored-outcome.ts';
import { MesoscopeError } from '../../errors.ts';
import { type OpenLoop, openLoopErrors, openLoopSlope } from '../../gaussian/measure/open-loop.ts';
import { unfactored } from '../../gaussian/moments.ts';
import { bestReachable } from '../../gaussian/reachability/best-reachable.ts';
import {
  type Realisation,
  realisations,
  type Steering,
  steer,
} from '../../gaussian/reachability/steer.ts';
import { gaussianLawSchema, lawOfInstance } from '../../gaussian/schema.ts';
import { type StoredResult, singlePiece } from '../single-piece.ts';
import type { PieceContext, Section } from '../study.ts';
import { movingLaw, pathFigure } from './steer-figures.ts';

const steerSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  from: gaussianLawSchema.default({
    mean: [-1, 0],
    covariance: [
      [1, 0.6],
      [0.6, 0.6],
    ],
  }),
  to: gaussianLawSchema.default({
    mean: [2, 1],
    covariance: [
      [0.4, -0.3],
      [-0.3, 1.2],
    ],
  }),
  realisations: z
    .array(z.enum(realisations))
    .min(1)
    .default([...realisations]),
  horizon: z.number().positive().default(1).describe('T'),
  bestApproximation: z
    .boolean()
    .default(false)
    .describe('whether unequal ranks are answered with the best reachable law'),
});

type Steer = z.infer<typeof steerSchema>;

interface Steered {
  readonly realisation: Realisation;
  readonly steering: Steering;
}

async function compute(configuration: Steer, context: PieceContext): Promise<StoredResult> {
  const { seed, horizon, bestApproximation } = configuration;
  const from = lawOfInstance(configuration.from, 'from');
  const wanted = lawOfInstance(configuration.to, 'to');
  const best = bestApproximation ? bestReachable(from, wanted) : null;
  const to = best?.law ?? wanted;
  const steered: Steered[] = [];
  const refused: [string, string][] = [];
  for (const [k, realisation] of configuration.realisations.entries()) {
    context.progress(k / (configuration.realisations.length + 2), realisation);
    try {
      steered.push({ realisation, steering: steer({ from, to, horizon, realisation }) });
    } catch (cause) {
      if (!(cause instanceof MesoscopeError) || cause.fault.code !== 'unsupported') throw cause;
      refused.push([realisation, cause.message]);
    }
  }
  const { backend, progress } = context;
  const count = configuration.realisations.length;
  const loops = steered.map((one, k) => {
    progress((count + k / steered.length) / (count + 2), 'open loop');
    return openLoopErrors({ backend, seed }, one, from);
  });
  const claims = await runClaims(
    [
      {
        claim: reachability,
        instance: { ...instanceOf(configuration), realisation: steered[0]?.realisation },
      },
    ],
    { backend, seed },
  );
  const worst = Math.max(
    0,
    ...steered.map(({ steering: { endpointError } }) =>
      Math.max(endpointError.mean, endpointError.covariance),
    ),
  );
  return {
    claims: claims.map(storedOutcome),
    sections: sections(steered, refused, loops, best),
    arrays: Object.fromEntries(
      steered.map(({ realisation, steering }) => [`path.${realisation}`, pathArray(steering)]),
    ),
    headline: {
      'largest endpoint error': worst,
      'W2² between the ends': steered[0]?.steering.squaredBuresDistance ?? 'not computed',
      ...Object.fromEntries(
        steered.map(({ realisation, steering }) => [`energy, ${realisation}`, steering.energy]),
      ),
    },
    status: {
      kind: 'completed',
      message: `${steered.length} realisations; endpoint error at most ${worst.toExponential(1)}.`,
    },
  };
}

/** What the claim's instance shares with the configuration. */
function instanceOf({ from, to, horizon, bestApproximation }: Steer) {
  return { from, to, horizon, bestApproximation };
}

function sections(
  steered: readonly Steered[],
  refused: readonly [string, string][],
  loops: readonly OpenLoop[],
  best: ReturnType<typeof bestReachable> | null,
): Section[] {
  const plane = steered[0]?.steering.endpoints.from.mean.length === 2;
  return [
    ...(best === null || best.distance === 0
      ? []
      : [
          {
            kind: 'text' as const,
            title: 'Another target',
            body: `The ranks differ. Steered to the best reachable law instead, ${best.distance.toPrecision(4)} away in W2: ${best.reason}.`,
          },
        ]),
    {
      kind: 'table',
      title: 'Realisations',
      columns: [
        'controls',
        '|m(T) − m₁|',
        '|Σ(T) − Σ₁|',
        'energy',
        'energy of the Bures geodesic',
        'drift of the Hamiltonian',
        'least found over 12 layers, other starts',
      ],
      rows: [
        ...steered.map(({ realisation, steering }) => [
          realisation,
          steering.endpointError.mean.toExponential(1),
          steering.endpointError.covariance.toExponential(1),
          steering.energy.toPrecision(5),
          steering.geodesicEnergy.toPrecision(5),
          steering.hamiltonianDrift?.toExponential(1) ?? '–',
          steering.directEnergy?.toPrecision(5) ?? '–',
        ]),
        ...refused.map(([realisation, reason]) => [realisation, reason, '–', '–', '–', '–', '–']),
      ],
      note: `Energy: ½∫(|U|² + |c|²)dt of the velocity Ux + c that tokens see. Along an extremal the Hamiltonian is constant. Least found over 12 layers: the same problem minimised by L-BFGS with a discrete costate, without Pontryagin’s equations, from random starts of which the search for the extremal knows nothing; it falls to the energy of the extremal as layers are added. ${searchSentence(steered)}`,
    },
    ...(plane
      ? [
          ...distinctPaths(steered).map(({ realisation, steering }) => ({
            kind: 'figure' as const,
            figure: pathFigure(realisation, steering.flow),
          })),
          movingLaw(steered[0].realisation, steered[0].steering.flow),
        ]
      : []),
    ...(loops.length === 0
      ? []
      : [
          { kind: 'figure' as const, figure: openLoopFigure('open-loop', loops) },
          {
            kind: 'table' as const,
            title: 'Open loop on n tokens',
            columns: [
              'controls',
              ...loops[0].counts.map((n) => `n = ${n}`),
              'slope',
              'tilt / √(2 ln n), largest n',
            ],
            rows: loops.map((loop) => [
              loop.realisation,
              ...loop.errors.map((error) => error.toPrecision(3)),
              openLoopSlope(loop).toFixed(2),
              (loop.tilts.at(-1) ?? 0).toFixed(2),
            ]),
          },
        ]),
  ];
}

/** What was searched for the minimum-energy controls, and whether more is known than that. */
function searchSentence(steered: readonly Steered[]): string {
  const searched = steered.find(({ steering }) => steering.search !== null)?.steering;
  if (!searched?.search) return '';
  const { starts, agreed, energies, lowerBound, isLeast } = searched.search;
  const spread = energies.map((energy) => energy.toPrecision(5)).join(', ');
  return isLeast
    ? `No control costs less: the lower bound ${lowerBound.value.toPrecision(5)} (${lowerBound.reason}) is reached.`
    : `The energy of minimum-energy is the least found, of ${starts} starts, ${agreed} of which agree; extremals of energy ${spread} were found. That none costs less is not proved; what is proved is that none costs less than ${lowerBound.value.toPrecision(4)} (${lowerBound.reason}).`;
}

/** Attention follows the same path as feed-forward layers: drawn once. */
function distinctPaths(steered: readonly Steered[]): readonly Steered[] {
  const plain = steered.some(({ realisation }) => realisation === 'feed-forward');
  return steered.filter(({ realisation }) => !(plain && realisation === 'attention'));
}

/** Rows (t, m, Σ row-major) at 101 depths. */
function pathArray({ flow }: Steering) {
  const rows = Array.from({ length: 101 }, (_, k) => {
    const t = (k / 100) * flow.time;
    const { mean, covariance } = unfactored(flow.at(t));
    return [t, ...mean, ...covariance.data];
  });
  return { shape: [rows.length, rows[0].length], data: Float64Array.from(rows.flat()) };
}

/** Steers one Gaussian token law to another by different layers. */
export const steerStudy = singlePiece<Steer>({
  name: 'gaussian/steer',
  title: 'Steering a Gaussian token law',
  description:
    'Steers one Gaussian law to another by feed-forward, attention, constant and minimum-energy controls, and applies these to n tokens.',
  papers: ['C'],
  schema: steerSchema,
  compute,
});
