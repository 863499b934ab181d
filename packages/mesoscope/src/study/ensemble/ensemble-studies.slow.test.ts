import { expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { KeptPiece } from '../pieces.ts';
import { studyByName } from '../registry.ts';
import { runStudy } from '../run-here.ts';
import { continuedResult, resultOf } from '../test-support.ts';
import { ensembleStudies } from './index.ts';

const backend = await createWasmBackend();

const study = (name: string) => studyByName(`ensemble/${name}`, ensembleStudies);
const run = (name: string, configuration: object) =>
  resultOf(study(name), configuration, { backend });

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
  const whole = await run('discrete', configuration);
  const resumed = await continuedResult(study('discrete'), configuration, { backend }, 2);
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
  const whole = await run('injectivity', configuration);
  expect(whole.headline.verdict).toBe('dependent');
  expect(whole.headline['two tests']).toBe('agree');
  // Centred Gaussians in the plane have three quadratic forms.
  expect(whole.arrays.dependency.shape).toEqual([317, 320]);
  const kept = new Map<number, KeptPiece>();
  const stop = new AbortController();
  const parsed = study('injectivity').schema.parse(configuration);
  const first = await runStudy(study('injectivity'), parsed, {
    backend,
    kept,
    signal: stop.signal,
    progress: () => stop.abort(),
  });
  expect(first).toBeUndefined();
  expect(kept.get(0)?.state).toBeDefined();
  const resumed = await runStudy(study('injectivity'), parsed, { backend, kept });
  expect(resumed?.headline).toEqual(whole.headline);
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
