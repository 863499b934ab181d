import * as z from 'zod';
import type { Figure, Mark } from '../../claims/figure.ts';
import { blowUp } from '../../claims/gaussian/blow-up.ts';
import { finiteTokens } from '../../claims/gaussian/finite-n.ts';
import { runClaims } from '../../claims/run.ts';
import { storedOutcome } from '../../claims/stored-outcome.ts';
import { classifyLayer } from '../../gaussian/classify.ts';
import { integrateMoments, type MomentFlow } from '../../gaussian/moment-flow.ts';
import { factored, unfactored } from '../../gaussian/moments.ts';
import { randomCovariance } from '../../gaussian/random-matrices.ts';
import { gaussianFlowSchema, lawOfInstance, layerOfInstance } from '../../gaussian/schema.ts';
import { type Matrix, scale, trace } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { type StoredResult, singlePiece } from '../single-piece.ts';
import type { PieceContext } from '../study.ts';

const blowUpSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  flow: gaussianFlowSchema
    .default({
      law: {
        mean: [0, 0],
        covariance: [
          [1, 0.3],
          [0.3, 0.7],
        ],
      },
      attention: 'softmax',
      heads: [
        {
          V: [
            [1, 0],
            [0, 1],
          ],
          B: [
            [0.5, 0.6],
            [0.2, -0.7],
          ],
        },
      ],
      W: [
        [-0.3, 0.6],
        [-0.6, -0.2],
      ],
      horizon: 6,
    })
    .describe('the layer; its law is the first start'),
  starts: z.int().min(1).default(12).describe('covariances from which the flow is followed'),
});

type BlowUp = z.infer<typeof blowUpSchema>;

interface Trajectory {
  readonly flow: MomentFlow;
  readonly regime: string;
  readonly blowUpTime: number | null;
}

async function compute(configuration: BlowUp, context: PieceContext): Promise<StoredResult> {
  const { seed, flow: instance, starts } = configuration;
  const layer = layerOfInstance(instance);
  const first = lawOfInstance(instance.law);
  const d = first.mean.length;
  const stream = randomStream(seed, 'starts in the cone');
  const trajectories: Trajectory[] = [];
  for (let k = 0; k < starts; k++) {
    const random = randomCovariance(stream, d, d, 0.1);
    const size = trace(first.covariance) * (0.3 + 1.2 * stream.uniform());
    const law =
      k === 0 ? first : { mean: first.mean, covariance: scale(size / trace(random), random) };
    const flow = integrateMoments(layer, factored(law), { horizon: instance.horizon });
    const { regime, blowUpTime } = classifyLayer(layer, law);
    trajectories.push({ flow, regime, blowUpTime });
    context.progress((k + 1) / (starts + 1), 'trajectories');
  }
  const tasks = [blowUp, ...(instance.attention === 'sinkhorn' ? [] : [finiteTokens])];
  const claims = await runClaims(
    tasks.map((claim) => ({ claim, instance })),
    { backend: context.backend, seed },
  );
  return {
    claims: claims.map(storedOutcome),
    sections: [
      ...(d === 2 ? [{ kind: 'figure' as const, figure: coneFigure(trajectories) }] : []),
      { kind: 'figure', figure: sizeFigure(trajectories) },
      {
        kind: 'table',
        title: 'Where the starts lead',
        columns: [
          'start',
          'tr Σ₀',
          'regime',
          'blow-up depth, in the long run',
          'blow-up depth, integrated up to the horizon',
        ],
        rows: trajectories.map(({ flow, regime, blowUpTime }, k) => [
          k + 1,
          trace(unfactored(flow.at(0)).covariance).toPrecision(4),
          regime,
          blowUpTime?.toPrecision(9) ?? '–',
          flow.blowUpTime?.toPrecision(9) ?? '–',
        ]),
      },
    ],
    arrays: Object.fromEntries(
      trajectories.map(({ flow }, k) => [`trajectory.${k + 1}`, trajectoryArray(flow)]),
    ),
    headline: {
      starts: trajectories.length,
      'blow up': trajectories.filter(({ regime }) => regime === 'blow-up').length,
      'earliest blow-up': earliest(trajectories),
    },
    status: { kind: 'completed', message: `${starts} trajectories followed.` },
  };
}

function earliest(trajectories: readonly Trajectory[]): number | string {
  const times = trajectories.flatMap(({ blowUpTime }) => blowUpTime ?? []);
  return times.length === 0 ? 'none' : Math.min(...times);
}

/** Depths that lie closer towards the end, where a blow-up goes fast. */
function depths({ time }: MomentFlow): number[] {
  return Array.from({ length: 161 }, (_, k) => time * (1 - (1 - k / 160) ** 2));
}

function covariances(flow: MomentFlow): Matrix[] {
  return depths(flow).map((t) => unfactored(flow.at(t)).covariance);
}

function coneFigure(trajectories: readonly Trajectory[]): Figure {
  const angles = Array.from({ length: 121 }, (_, k) => (2 * Math.PI * k) / 120);
  const shape = (c: Matrix) => [(c.data[0] - c.data[3]) / trace(c), (2 * c.data[1]) / trace(c)];
  return {
    id: 'cone',
    title: 'Trajectories in the cone of 2 × 2 covariances',
    caption:
      'The cone seen along its axis: shape of Σ, whatever its size. The circle is the boundary, covariances of rank 1; its centre the multiples of I. Dots: starts.',
    equalAxes: true,
    x: { label: '(Σ₁₁ − Σ₂₂) / tr Σ', domain: [-1.1, 1.1] },
    y: { label: '2Σ₁₂ / tr Σ', domain: [-1.1, 1.1] },
    marks: [
      {
        kind: 'reference',
        label: 'rank 1',
        x: angles.map(Math.cos),
        y: angles.map(Math.sin),
      },
      ...trajectories.flatMap(({ flow, regime }): Mark[] => {
        const points = covariances(flow).map(shape);
        return [
          { kind: 'line', series: regime, x: points.map((p) => p[0]), y: points.map((p) => p[1]) },
          { kind: 'dots', series: regime, x: [points[0][0]], y: [points[0][1]] },
        ];
      }),
    ],
  };
}

function sizeFigure(trajectories: readonly Trajectory[]): Figure {
  return {
    id: 'size',
    title: 'Size of the covariance',
    caption:
      'Trace of Σ along the moment flow, from each start, coloured by its regime in the long run.',
    x: { label: 'depth t' },
    y: { label: 'tr Σ', scale: 'log' },
    marks: trajectories.map(({ flow, regime }) => ({
      kind: 'line',
      series: regime,
      x: depths(flow),
      y: covariances(flow).map(trace),
    })),
  };
}

/** Rows (t, Σ row-major). */
function trajectoryArray(flow: MomentFlow) {
  const times = depths(flow);
  const rows = covariances(flow).map((covariance, k) => [times[k], ...covariance.data]);
  return { shape: [rows.length, rows[0].length], data: Float64Array.from(rows.flat()) };
}

/** Trajectories in the cone of covariances, and where they blow up. */
export const blowUpStudy = singlePiece<BlowUp>({
  name: 'gaussian/blow-up',
  title: 'Trajectories in the cone of covariances',
  description:
    'Follows a constant layer from many covariances, predicts and integrates blow-ups, and puts n tokens beside the closure.',
  papers: ['C'],
  schema: blowUpSchema,
  compute,
});
