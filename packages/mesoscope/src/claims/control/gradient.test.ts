import { afterAll, describe, expect, it } from 'vitest';
import { compareGradients } from '../../control/certificates/gradient-comparison.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import { initialParameters } from '../../control/parameters.ts';
import { withScaledGradients } from '../../control/test-support.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { type Claim, concludeClaim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { gradient, gradientConclusion } from './gradient.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: unknown, instance: unknown = {}) {
  return (await runClaim({ claim: claim as Claim, instance }, { backend })).finding;
}

const sequences = {
  h0: [
    [
      [1, 0],
      [0.5, -1],
    ],
    [
      [-1, 0.3],
      [0.2, 0.9],
    ],
  ],
  labels: [0, 1],
  U: [
    [2, 0.5],
    [-1, 1.5],
  ],
  regularisation: 1,
};

describe('A.gradient on explicit data', () => {
  it('is undecided where the readout sees nothing of the state', async () => {
    const blind = [
      [0, 0],
      [0, 0],
    ];
    const { verdict, summary } = await find(gradient, { ...sequences, U: blind });
    expect(verdict, summary).toBe('undecided');
    expect(summary).toContain('rows of U are equal');
  });

  it('compares with a readout at every position and an H¹ penalty', async () => {
    const labels = [
      [0, 1],
      [1, 1],
    ];
    const own = { ...sequences, labels, pooling: 'position', smoothness: 0.3 };
    const finding = await find(gradient, own);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.evidence['differences.readout']).toHaveLength(1);
    expect(finding.evidence['differences.embedding']).toBeUndefined();
  });

  it.each([
    ['a label list of the wrong length', { labels: [[0, 1], 1] }, /labels\[0\]/],
    ['fewer labels than sequences', { labels: [0] }, /labels/],
    [
      'sequences of different lengths',
      {
        h0: [
          [[1, 2]],
          [
            [1, 2],
            [3, 4],
          ],
        ],
      },
      /h0\[1\]/,
    ],
    ['a negative λ', { regularisation: -1 }, /regularisation/],
    [
      'a readout of another width',
      {
        U: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
      /^U: received shape/,
    ],
    ['a label outside the classes', { labels: [0, 2] }, /labels\[1\]/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(find(gradient, { ...sequences, ...wrong })).rejects.toThrow(message);
  });
});

describe('wrong mathematics of A.gradient', () => {
  const right = transformerBlock({
    dimension: 3,
    heads: 1,
    keyDimension: 2,
    hidden: 3,
    normalisation: 'none',
  });
  const verdict = (factor: number) => {
    const problem = createControlProblem(withScaledGradients(backend, factor), {
      field: right,
      grid: uniformGrid(1, 2),
      tokens: 3,
      samples: 2,
      classes: 3,
      pooling: 'last',
      regularisation: 0.1,
    });
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(initialParameters(problem.field, problem.layout, 1));
    const states = Array.from({ length: 18 }, (_, i) => Math.sin(i + 1));
    const batch = { samples: 2, states, labels: [0, 2] };
    const comparison = compareGradients(
      { problem, parameters, batch },
      { factors: [4, 8, 16, 32, 64], fineFactor: 32, directions: 'every', seed: 1 },
    );
    const conclude = () => gradientConclusion([{ precision: backend.precision, comparison }]);
    return concludeClaim({ conclude }, [], { given: {}, seed: 1 }).verdict;
  };

  it('holds for the right pullback', () => {
    expect(verdict(1)).toBe('holds');
  });

  it.each([1 + 1e-5, 1 + 1e-8, 1 + 1e-10, -1, 2])('notices a pullback times %d', (factor) => {
    expect(verdict(factor)).toBe('fails');
  });
});
