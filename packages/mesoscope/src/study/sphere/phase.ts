import * as z from 'zod';
import type { Figure, Mark } from '../../claims/figure.ts';
import { sphereReferences } from '../../claims/sphere/conditions.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { followTokens, plainAttention } from '../../sphere/attention.ts';
import { equiangularTime } from '../../sphere/equiangular.ts';
import { clusterSizes, pairAngles } from '../../sphere/observables.ts';
import { kindField } from '../../sphere/schema.ts';
import { uniformTokens } from '../../sphere/tokens.ts';
import { type Study, study } from '../study.ts';

const phaseSchema = z
  .strictObject({
    seed: z.int().min(0).default(1),
    tokens: z.int().min(2).default(32).describe('n, uniform tokens'),
    dimension: z.int().min(2).default(2).describe('d, so that they lie on S^{d−1}'),
    kind: kindField,
    causal: z.boolean().default(false).describe('whether token i sees tokens j ≤ i only'),
    beta: z
      .strictObject({
        from: z.number().default(0),
        to: z.number().default(12),
        points: z.int().min(2).max(400).default(41),
      })
      .prefault({})
      .refine(({ from, to }) => to > from, { message: 'to must exceed from' })
      .describe('β of B = βI, V = I'),
    horizon: z.number().positive().default(30).describe('T'),
    times: z.int().min(2).max(400).default(60).describe('columns of the diagram'),
    repetitions: z.int().min(1).default(4).describe('independent starts, averaged'),
    threshold: z
      .number()
      .positive()
      .default(0.05)
      .describe('angle in radians within which two tokens count as together'),
  })
  .describe('β against time');
type PhaseConfiguration = z.output<typeof phaseSchema>;

/** One β: at every time the share of pairs that are together, and the number of clusters. */
interface Row {
  readonly together: readonly number[];
  readonly clusters: readonly number[];
}

function betaAt({ beta: { from, to, points } }: PhaseConfiguration, index: number): number {
  return from + ((to - from) * index) / (points - 1);
}

function computeRow(configuration: PhaseConfiguration, backend: Backend, index: number): Row {
  const {
    seed,
    tokens: n,
    dimension,
    kind,
    causal,
    horizon,
    times,
    repetitions,
    threshold,
  } = configuration;
  const beta = betaAt(configuration, index);
  const attention = plainAttention(dimension, beta, kind, causal);
  const speed = (1 + Math.abs(beta)) * (kind === 'softmax' ? 1 : Math.exp(Math.max(0, beta)));
  const every = Math.max(2, Math.ceil((4 * speed * horizon) / times));
  const runs = Array.from({ length: repetitions }, (_, run) => {
    // The same starts for every β.
    const tokens = uniformTokens(randomStream(seed, 'starts of the diagram', run), n, dimension);
    const { states } = followTokens(backend, { attention, tokens, horizon, steps: every * times });
    return states.filter((_, k) => k > 0 && k % every === 0);
  });
  const mean = (of: (state: readonly number[][]) => number) =>
    Array.from({ length: times }, (_, k) =>
      runs.reduce((sum, states) => sum + of(states[k] as number[][]) / repetitions, 0),
    );
  return {
    together: mean((state) => {
      const angles = pairAngles(state);
      return angles.filter((angle) => angle <= threshold).length / angles.length;
    }),
    clusters: mean((state) => clusterSizes(state, threshold).length),
  };
}

function finish(configuration: PhaseConfiguration, rows: readonly Row[]) {
  const { beta, times, horizon, tokens, dimension, threshold } = configuration;
  const t = Array.from({ length: times }, (_, k) => ((k + 1) * horizon) / times);
  const betas = rows.map((_, index) => betaAt(configuration, index));
  const together = rows.flatMap((row) => row.together);
  const clusters = rows.flatMap((row) => row.clusters);
  const shape = [beta.points, times];
  const diagram = (
    id: string,
    title: string,
    caption: string,
    valueLabel: string,
    values: number[],
    over: Mark[],
  ): Figure => ({
    ...{ id, title, caption, x: { label: 'time t' }, y: { label: 'inverse temperature β' } },
    marks: [{ kind: 'heatmap', x: t, y: betas, values, valueLabel }, ...over],
  });
  return {
    claims: [],
    sections: [
      diagram(
        'together',
        'Pairs of tokens that are together',
        `Share of pairs within ${threshold} radians, ${tokens} tokens on S^${dimension - 1}. ${dimension >= tokens ? 'Dashed: when orthogonal tokens are, by their closed equation.' : ''}`,
        'share of pairs',
        together,
        dimension >= tokens ? [orthogonalTimes(configuration, betas)] : [],
      ),
      diagram(
        'clusters',
        'Number of clusters',
        'Clusters of tokens whose neighbours are together. A plateau in time is a metastable state.',
        'clusters',
        clusters,
        [],
      ),
    ].map((figure) => ({ kind: 'figure' as const, figure })),
    arrays: {
      beta: { shape: [beta.points], data: Float64Array.from(betas) },
      time: { shape: [times], data: Float64Array.from(t) },
      together: { shape, data: Float64Array.from(together) },
      clusters: { shape, data: Float64Array.from(clusters) },
    },
    headline: {
      'grid points': together.length,
      'β with all pairs together at the end': rows.filter((row) => row.together[times - 1] === 1)
        .length,
    },
    status: { kind: 'completed' as const, message: `${rows.length} values of β followed.` },
  };
}

/** When orthogonal tokens are within the threshold of each other, as far as the diagram reaches. */
function orthogonalTimes(
  { kind, tokens, threshold, horizon }: PhaseConfiguration,
  betas: readonly number[],
): Mark {
  const gap = 2 * Math.sin(threshold / 2) ** 2;
  const all = betas.map((beta) => [equiangularTime({ kind, beta, n: tokens }, 0, gap), beta]);
  const seen = all.filter(([time]) => time <= horizon);
  return {
    kind: 'reference',
    label: 'orthogonal tokens',
    x: seen.map(([time]) => time),
    y: seen.map(([, beta]) => beta),
  };
}

/** β against time. */
export const spherePhaseStudy: Study<PhaseConfiguration, Row> = study({
  name: 'sphere/phase',
  title: 'Clustering on the sphere: β against time',
  description:
    'Phase diagram of uniform tokens on the sphere: how many pairs are together, and how many clusters there are, over inverse temperature and time.',
  references: sphereReferences,
  schema: phaseSchema,
  pieces: ({ beta }) => beta.points,
  label: () => 'values of β',
  weight: (configuration, index) => 1 + Math.abs(betaAt(configuration, index)),
  piece: (configuration, { backend, index }) => computeRow(configuration, backend, index),
  finish,
});
