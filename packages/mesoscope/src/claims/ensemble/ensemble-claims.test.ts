import { expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { runClaim } from '../run.ts';
import { counterexample } from './counterexample.ts';
import { energy } from './energy.ts';
import { ensembleGradient } from './gradient.ts';
import { attentionKernelInjectivity } from './ntk.ts';
import { persistence } from './persistence.ts';

const backend = await createWasmBackend();

const gaussianContext = (a: number, b: number, c: number) => ({
  gaussian: {
    mean: [0, 0],
    covariance: [
      [a, b],
      [b, c],
    ],
  },
});
const triple = {
  contexts: [
    gaussianContext(1, 0.2, 0.6),
    gaussianContext(0.4, -0.1, 1.4),
    gaussianContext(0.7, 0.05, 1),
  ],
  tokens: [
    [1, -0.5],
    [1, -0.5],
    [1, -0.5],
  ],
  targets: [
    [1.6, 0],
    [0.2, -1],
    [1.4, 0.3],
  ],
  depths: [1, 2],
  heads: 4,
  seed: 3,
};

it('reaches the predicted floor with one layer, and nearly zero with two', async () => {
  const { finding } = await runClaim({ claim: counterexample, instance: triple }, { backend });
  expect(finding.verdict).toBe('holds');
  const floor = finding.evidence['loss.predictedFloor'] as number[];
  expect(floor[0]).toBeCloseTo(((1.6 + 0.2 - 2.8) ** 2 + (-1 - 0.6) ** 2) / 36, 12);
});

it('decides nothing about independent contexts', async () => {
  const contexts = [...triple.contexts.slice(0, 2), gaussianContext(0.7, 0.5, 1)];
  const { finding } = await runClaim(
    { claim: counterexample, instance: { ...triple, contexts } },
    { backend },
  );
  expect(finding.verdict).toBe('outside');
});

it('finds the dependency of a triple by both tests', async () => {
  const { finding } = await runClaim(
    { claim: attentionKernelInjectivity, instance: triple },
    { backend },
  );
  expect(finding.verdict).toBe('holds');
  const [row] = finding.evidence.dependency as number[][];
  expect(row[0] / row[2]).toBeCloseTo(-0.5, 9);
  const lambda = finding.evidence['kernel.lambdaMin'] as number;
  expect(Math.abs(lambda)).toBeLessThan(1e-12);
});

it('agrees on every family of contexts', async () => {
  const { finding } = await runClaim({ claim: attentionKernelInjectivity }, { backend });
  expect(finding.verdict).toBe('holds');
  expect(finding.evidence['families.asKnown']).toBe(1);
});

it('compares gradients on explicit inputs', async () => {
  const { finding } = await runClaim(
    {
      claim: ensembleGradient,
      instance: { ...triple, depths: [8, 16, 32, 64], contextPoints: 4 },
    },
    { backend },
  );
  expect(finding.verdict).toBe('holds');
  const closures = finding.evidence['closure.relativeErrors'] as number[];
  expect(closures.length).toBeGreaterThan(0);
  for (const error of closures) expect(error).toBeLessThan(1e-9);
});

it('sees injectivity lost where the kernel is exactly singular', async () => {
  const { finding } = await runClaim({ claim: persistence }, { backend });
  expect(finding.evidence['lost.cases']).toBeGreaterThan(0);
  for (const kernel of finding.evidence['lost.kernelAtCrossing'] as number[]) {
    expect(kernel).toBeLessThan(1e-12);
  }
});

it.each([
  ['contexts', { contexts: [] }],
  ['contexts[0].points', { contexts: [{ points: [] }], tokens: [[1]] }],
  ['sum to 1', { contexts: [{ points: [[1, 2]], weights: [0.9] }], tokens: [[1, 2]] }],
  ['tokens: received shape', { contexts: [{ points: [[1, 2]] }], tokens: [[1]] }],
  [
    'tokens',
    {
      contexts: [{ points: [[1, 2]] }],
      tokens: [
        [1, 2],
        [0, 1],
      ],
    },
  ],
])('refuses bad input: %s', async (words, instance) => {
  const whole = { tokens: [[1, 2]], ...instance };
  await expect(runClaim({ claim: energy, instance: whole }, { backend })).rejects.toThrow(words);
});
