import { expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Study } from '../study.ts';
import type { Checkpoint, StudyContext } from '../whole.ts';
import { ensembleStudies } from './index.ts';

const backend = await createWasmBackend();

function context(rest: Partial<StudyContext> = {}): StudyContext {
  return {
    backend,
    corpus: () => Promise.reject(new Error('no corpus')),
    images: () => Promise.reject(new Error('no images')),
    metric: () => {},
    progress: () => {},
    checkpoint: async () => {},
    ...rest,
  };
}

function study(name: string): Study {
  return ensembleStudies.find((one) => one.name === `ensemble/${name}`) as Study;
}

function run(name: string, configuration: object, rest: Partial<StudyContext> = {}) {
  const { schema, run } = study(name);
  return backend.scopedAsync(() => run(schema.parse(configuration), context(rest)));
}

it.each(['discrete', 'mixtures', 'triple', 'regression'])('%s lowers its loss', async (name) => {
  const { headline, status, sections } = await run(name, { steps: 30, heads: 8 });
  expect(status.kind).toBe('completed');
  expect(headline['final loss']).toBeLessThan(0.9 * Number(headline['initial loss']));
  expect(sections.filter((section) => section.kind === 'figure').length).toBeGreaterThan(2);
});

it('trains with cross-entropy and an affine part', async () => {
  const { headline } = await run('discrete', {
    steps: 30,
    heads: 8,
    loss: 'cross-entropy',
    affine: true,
  });
  expect(headline['initial loss']).toBeGreaterThan(0);
  expect(headline['final loss']).toBeLessThan(0.9 * Number(headline['initial loss']));
});

it('continues from a checkpoint to the same numbers', async () => {
  const configuration = { steps: 40, heads: 4, reportEvery: 10 };
  const checkpoints: Checkpoint[] = [];
  const whole = await run('discrete', configuration, {
    checkpoint: async (make) => {
      const { meta, arrays } = make();
      const copy = Object.entries(arrays).map(([key, value]) => [key, value.slice()]);
      checkpoints.push({ meta, arrays: Object.fromEntries(copy) });
    },
  });
  const resumed = await run('discrete', configuration, { resume: checkpoints[1] });
  expect(resumed.arrays.theta.data).toEqual(whole.arrays.theta.data);
  expect(resumed.arrays.reports.data).toEqual(whole.arrays.reports.data);
});

it.each([
  ['gaussians', 'dependent'],
  ['boxes', 'independent'],
  ['triple', 'dependent'],
  ['translates', 'dependent'],
])('the lab finds %s %s', async (family, verdict) => {
  const { headline, claims } = await run('injectivity', { family });
  expect(headline.verdict).toBe(verdict);
  expect('finding' in claims[0] && claims[0].finding.verdict).toBe('holds');
});

it('streams the rows of many contexts', async () => {
  const configuration = { family: 'discrete', count: 160, dimension: 4 };
  const { headline, sections } = await run('injectivity', configuration);
  expect(headline.verdict).toBe('independent');
  expect(headline['two tests']).toBe('agree');
  const value = Number(headline['λ_min of the kernel']);
  expect(Number(headline['λ_min of the kernel, at least']) / value).toBeGreaterThan(0.998);
  expect(Number(headline['λ_min of the kernel, at least']) / value).toBeLessThan(1);
  expect(sections.filter((section) => section.kind === 'figure').length).toBe(1);
});

it('streams dependent contexts, and continues after the design', async () => {
  const configuration = { family: 'gaussians', count: 320, dimension: 2 };
  const saved: Checkpoint[] = [];
  const checkpoint: StudyContext['checkpoint'] = async (make) => {
    saved.push(make());
  };
  const whole = await run('injectivity', configuration, { checkpoint });
  expect(whole.headline.verdict).toBe('dependent');
  expect(whole.headline['two tests']).toBe('agree');
  // Centred Gaussians in the plane have three quadratic forms.
  expect(whole.arrays.dependency.shape).toEqual([317, 320]);
  const resumed = await run('injectivity', configuration, { resume: saved[0] });
  expect(resumed.headline).toEqual(whole.headline);
});

it('compares what it learned in context with classical predictors on held-out tasks', async () => {
  const { headline, sections } = await run('regression', { steps: 60, heads: 8 });
  expect(headline['held-out error of least squares']).toBeLessThan(0.01);
  expect(headline['held-out error of one gradient step']).toBeGreaterThan(0.05);
  expect(headline['held-out error of the network']).toBeLessThan(0.9);
  expect(sections[0]).toMatchObject({ title: 'What was learned, on tasks never seen' });
});

it('refuses contexts without tokens, and targets of another number', async () => {
  await expect(run('discrete', { contexts: [{ points: [[1, 2]] }] })).rejects.toThrow('tokens');
  await expect(run('discrete', { targets: [[1, 2]] })).rejects.toThrow('targets');
});
