import * as z from 'zod';
import { attentionKernelInjectivity } from '../../claims/ensemble/ntk.ts';
import { runClaim } from '../../claims/run.ts';
import { storedOutcome } from '../../claims/stored-outcome.ts';
import { ensembleInputs } from '../../ensemble/inputs.ts';
import type { LawDescription } from '../../law/schema.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { type StoredResult, singlePiece } from '../single-piece.ts';
import type { PieceContext } from '../study.ts';
import { dependencySection, singularValueSection } from './injectivity-sections.ts';
import { taskFields } from './schema.ts';
import { streamedInjectivity } from './streamed-injectivity.ts';
import { taskOf } from './training-run.ts';

const families = ['discrete', 'boxes', 'mixtures', 'gaussians', 'triple', 'translates'] as const;
type Family = (typeof families)[number];

const schema = z.strictObject({
  seed: z.int().min(0).default(1),
  family: z
    .enum(families)
    .default('gaussians')
    .describe('contexts that are made from the seed where none are given'),
  count: z.int().min(1).default(4).describe('N contexts of the family (triple: 3)'),
  dimension: z.int().min(1).default(2).describe('d of the family'),
  ...taskFields,
});

type Configuration = z.infer<typeof schema>;

async function compute(configuration: Configuration, context: PieceContext): Promise<StoredResult> {
  const { family, count, dimension, seed } = configuration;
  const task = taskOf(configuration, (s) => makeFamily(family, count, dimension, s));
  const inputs = ensembleInputs(task.contexts, task.tokens);
  if (inputs.contexts.length * inputs.dimension > wholeKernel)
    return streamedInjectivity(inputs, seed, context);
  const outcome = await runClaim(
    {
      claim: attentionKernelInjectivity,
      instance: { contexts: task.contexts, tokens: task.tokens },
    },
    {
      backend: context.backend,
      seed,
      progress: (done, total, label) => context.progress(done / total, label),
    },
  );
  const { evidence } = outcome.finding;
  const values = evidence['design.singularValues'] as readonly number[];
  const dependency = evidence.dependency as readonly (readonly number[])[];
  const [low, high] = evidence['design.interval'] as readonly number[];
  const lambda = evidence['kernel.lambdaMin'] as number;
  return {
    claims: [storedOutcome(outcome)],
    sections: [
      {
        kind: 'table',
        title: 'Two tests of injectivity',
        columns: ['quantity', 'value'],
        rows: [
          ['contexts', task.contexts.length],
          ['log-sum-exp functions modulo affine functions', String(evidence['design.verdict'])],
          ['modulo constants', String(evidence['designModuloConstants.verdict'])],
          ['smallest singular value of the design', values[values.length - 1]],
          [
            'its 95 % interval over probe points',
            `${low.toExponential(3)} … ${high.toExponential(3)}`,
          ],
          ['rank', evidence['design.rank'] as number],
          ['rank gap', evidence['design.rankGap'] as number],
          ['λ_min of the kernel, Q, K, V trained', lambda],
          ['λ_min of the kernel, Q and K trained', evidence['kernelOfScores.lambdaMin'] as number],
        ],
        note: 'Trained scores (Q, K) see contexts modulo affine functions; trained values see them modulo constants.',
      },
      ...dependencySection(dependency, task.contexts.length),
      singularValueSection(values),
    ],
    arrays: {
      'design.singularValues': { shape: [values.length], data: Float64Array.from(values) },
      dependency: {
        shape: [dependency.length, task.contexts.length],
        data: Float64Array.from(dependency.flat()),
      },
    },
    headline: {
      verdict: String(evidence['design.verdict']),
      'smallest singular value': values[values.length - 1],
      'λ_min of the kernel': lambda,
    },
    status: { kind: 'completed', message: outcome.finding.summary },
  };
}

/** Kernels up to this many rows are formed; of larger ones only products are. */
const wholeKernel = 600;

/** Random contexts of a family with one common token. */
function makeFamily(family: Family, count: number, d: number, seed: number) {
  const stream = randomStream(seed, `injectivity ${family}`);
  const point = () => Array.from(stream.normals(new Float64Array(d)));
  const cloud = () => Array.from({ length: 5 }, point);
  const base = cloud();
  const made: Record<Family, () => LawDescription> = {
    discrete: () => ({ points: cloud() }),
    boxes: () => {
      const low = point();
      return { box: { low, high: low.map((x) => x + 1 + 2 * stream.uniform()) } };
    },
    mixtures: () => ({
      mixture: [0.5, 0.5].map((weight) => ({
        weight,
        mean: point(),
        covariance: covariance(stream, d),
      })),
    }),
    gaussians: () => ({ mean: new Array(d).fill(0), covariance: covariance(stream, d) }),
    triple: () => ({ mean: new Array(d).fill(0), covariance: covariance(stream, d) }),
    translates: () => {
      const shift = point();
      return { points: base.map((x) => x.map((entry, a) => entry + shift[a])) };
    },
  };
  const contexts = Array.from({ length: family === 'triple' ? 2 : count }, made[family]);
  if (family === 'triple') {
    const [one, two] = contexts.map((law) => ('mean' in law ? law.covariance : []));
    const middle = one.map((row, a) => row.map((entry, b) => (entry + two[a][b]) / 2));
    contexts.push({ mean: new Array(d).fill(0), covariance: middle });
  }
  const token = point();
  return { contexts, tokens: contexts.map(() => token), targets: [] };
}

/** `AAᵀ/d + 0.2 I` with normal A. */
function covariance(stream: RandomStream, d: number): number[][] {
  const rows = Array.from({ length: d }, () => stream.normals(new Float64Array(d)));
  return rows.map((x, a) =>
    rows.map(
      (y, b) => x.reduce((sum, entry, i) => sum + entry * y[i], 0) / d + (a === b ? 0.2 : 0),
    ),
  );
}

/** Are the log-sum-exp functions of these contexts independent, and is the attention kernel injective? */
export const injectivityLab = singlePiece<Configuration>({
  name: 'ensemble/injectivity',
  title: 'Injectivity lab',
  description:
    'Singular values of the log-sum-exp design of contexts, the smallest eigenvalue of the attention kernel, and the coefficients of a dependency.',
  papers: ['D'],
  schema,
  compute,
});
