import { z } from 'zod';
import { attentionKernelInjectivity } from '../../claims/ensemble/ntk.ts';
import { runClaim } from '../../claims/run.ts';
import { type EnsembleInputs, ensembleInputs } from '../../ensemble/inputs.ts';
import { ensembleLayout, headsAt, randomEnsemble } from '../../ensemble/parameters.ts';
import { kernelBounds, streamInjectivity } from '../../ensemble/streamed-injectivity.ts';
import type { LawDescription } from '../../law/schema.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import type { Study, StudyContext, StudyResult } from '../study.ts';
import { taskFields } from './schema.ts';
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

async function run(configuration: Configuration, context: StudyContext): Promise<StudyResult> {
  const { family, count, dimension, seed } = configuration;
  const task = taskOf(configuration, (s) => makeFamily(family, count, dimension, s));
  const inputs = ensembleInputs(task.contexts, task.tokens);
  if (inputs.contexts.length * inputs.dimension > wholeKernel)
    return streamed(inputs, seed, context);
  const outcome = await runClaim(
    {
      claim: attentionKernelInjectivity,
      instance: { contexts: task.contexts, tokens: task.tokens, seed },
    },
    {
      backend: context.backend,
      seed,
      progress: (done, total, label) => context.progress(done, total, label),
    },
  );
  const { evidence } = outcome.finding;
  const values = evidence['design.singularValues'] as readonly number[];
  const dependency = evidence.dependency as readonly (readonly number[])[];
  const [low, high] = evidence['design.interval'] as readonly number[];
  const lambda = evidence['kernel.lambdaMin'] as number;
  const shown = dependency.slice(0, 8);
  return {
    claims: [outcome],
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
      ...(shown.length > 0
        ? [
            {
              kind: 'table' as const,
              title: 'Dependencies: Σ c_i Λ_i is affine',
              columns: ['context', ...shown.map((_, r) => `c, dependency ${r + 1}`)],
              rows: task.contexts.map((_, i) => [i + 1, ...shown.map((row) => row[i])]),
              ...(dependency.length > shown.length
                ? { note: `The first ${shown.length} of ${dependency.length}.` }
                : {}),
            },
          ]
        : []),
      {
        kind: 'figure',
        figure: {
          id: 'singular-values',
          title: 'Singular values of the log-sum-exp design',
          caption:
            'In decreasing order, modulo affine functions (values below 1e-18 drawn there). A drop to rounding is a dependency.',
          x: { label: 'index' },
          y: { label: 'singular value', scale: 'log' },
          marks: [
            {
              kind: 'dots',
              series: 'design',
              x: values.map((_, i) => i + 1),
              y: values.map((value) => Math.max(value, 1e-18)),
            },
          ],
        },
      },
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

/** Kernels up to this many rows are formed; larger ones are bounded by streams of rows. */
const wholeKernel = 600;

/** Many contexts: extreme singular values and bounds of λ_min, rows made one by one and forgotten. */
function streamed(inputs: EnsembleInputs, seed: number, context: StudyContext): StudyResult {
  const { contexts, tokens, dimension } = inputs;
  context.progress(0, 3, 'log-sum-exp design modulo affine functions');
  const affine = streamInjectivity(contexts, { modulo: 'affine', seed });
  context.progress(1, 3, 'log-sum-exp design modulo constants');
  const constant = streamInjectivity(contexts, { modulo: 'constant', seed });
  context.progress(2, 3, 'kernel');
  const heads = Math.max(32, Math.ceil((1.5 * contexts.length) / dimension));
  const layout = ensembleLayout({ dimension, keyDimension: dimension, layers: 1, heads });
  const bounds = kernelBounds(headsAt(layout, randomEnsemble(layout, seed), 0), {
    contexts,
    tokens,
  });
  const { coefficients } = affine;
  return {
    claims: [],
    sections: [
      {
        kind: 'table',
        title: 'Two tests of injectivity',
        columns: ['quantity', 'value'],
        rows: [
          ['contexts', contexts.length],
          ['log-sum-exp functions modulo affine functions', affine.verdict],
          ['smallest singular value', affine.smallest],
          ['largest singular value', affine.largest],
          ['modulo constants', constant.verdict],
          ['smallest singular value modulo constants', constant.smallest],
          ['λ_min of the kernel, at least', bounds.lower],
          ['λ_min of the kernel, at most', bounds.upper],
          ['heads of the kernel', heads],
        ],
        note: 'Trained scores (Q, K) see contexts modulo affine functions; trained values see them modulo constants.',
      },
    ],
    arrays: { coefficients: { shape: [coefficients.length], data: coefficients } },
    headline: {
      verdict: affine.verdict,
      'smallest singular value': affine.smallest,
      'λ_min of the kernel, at least': bounds.lower,
      'λ_min of the kernel, at most': bounds.upper,
    },
    status: {
      kind: 'completed',
      message: `${contexts.length} contexts: ${affine.verdict} modulo affine functions, ${constant.verdict} modulo constants.`,
    },
  };
}

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
export const injectivityLab: Study<Configuration> = {
  name: 'ensemble/injectivity',
  title: 'Injectivity lab',
  description:
    'Singular values of the log-sum-exp design of contexts, the smallest eigenvalue of the attention kernel, and the coefficients of a dependency.',
  papers: ['D'],
  schema,
  run,
};
