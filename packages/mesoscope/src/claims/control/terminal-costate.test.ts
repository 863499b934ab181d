import { afterAll, describe, expect, it } from 'vitest';
import { compareCostates } from '../../control/certificates/terminal-comparison.ts';
import {
  linearAdjointExperiment,
  randomAdjointExperiment,
} from '../../control/depth/adjoint-experiment.ts';
import { measureCostateBound } from '../../control/depth/costate-bound.ts';
import { backPropagate } from '../../control/depth/costate-errors.ts';
import { euler } from '../../flow/scheme.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { terminalCostate, terminalCostateConclusion } from './terminal-costate.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: unknown, instance: unknown = {}) {
  return (await runClaim({ claim: claim as Claim, instance }, { backend })).finding;
}

describe('A.terminal-costate on explicit states', () => {
  const U = [
    [1, 0.5],
    [-1, 2],
    [0.3, 0.1],
  ];
  const hT = [
    [0.4, -0.2],
    [1, 2],
  ];

  it('gives the costate of the mean loss, its sum, and the residual', async () => {
    const { verdict, evidence } = await find(terminalCostate, { hT, U, labels: [2, 0] });
    expect(verdict).toBe('holds');
    const residual = hT.map((h, j) => {
      const z = U.map((row) => row[0] * h[0] + row[1] * h[1]);
      const total = z.reduce((sum, x) => sum + Math.exp(x), 0);
      return z.map((x, c) => Math.exp(x) / total - (c === [2, 0][j] ? 1 : 0));
    });
    const costate = evidence.costate as number[][];
    const ofSum = evidence.costateOfSum as number[][];
    const softmaxResidual = evidence.softmaxResidual as number[][];
    residual.forEach((r, j) => {
      r.forEach((entry, c) => {
        expect(softmaxResidual[j][c]).toBeCloseTo(entry, 14);
      });
      for (const i of [0, 1]) {
        const pulled = r.reduce((sum, x, c) => sum + U[c][i] * x, 0);
        expect(costate[j][i]).toBeCloseTo(pulled / 2, 14);
        expect(ofSum[j][i]).toBeCloseTo(pulled, 14);
      }
    });
  });

  it.each([
    ['last', [2]],
    ['mean', [1]],
  ])('pools by %s', async (pooling, labels) => {
    const finding = await find(terminalCostate, { hT, U, labels, pooling });
    expect(finding.verdict).toBe('holds');
    const costate = finding.evidence.costate as number[][];
    if (pooling === 'last') expect(costate[0]).toEqual([0, 0]);
    else expect(costate[0]).toEqual(costate[1]);
  });

  it.each([1, 1e3, 1e6])('stays exact with logits of %d', async (size) => {
    const large = U.map((row) => row.map((x) => size * x));
    for (const label of [0, 1, 2]) {
      const finding = await find(terminalCostate, { hT, U: large, labels: [label, label] });
      expect(finding.verdict, finding.summary).toBe('holds');
    }
  });

  it('stays exact where large logits are nearly equal', async () => {
    const close = {
      U: [
        [1000, 1],
        [1000, 1.001],
        [999.9995, 1],
      ],
      hT: [[1, 0.3]],
    }; // prettier-ignore
    const finding = await find(terminalCostate, { ...close, labels: [1] });
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it.each([
    ['a readout of another width', { U: [[1], [2]] }, /^U: received shape/],
    ['a label outside the classes', { labels: [0, 3] }, /labels\[1\]/],
    ['a label that is no class', { labels: [0, 1.5] }, /labels/],
    ['too few labels', { labels: [0] }, /labels/],
    ['no states', { hT: [] }, /hT/],
    ['ragged states', { hT: [[1, 2], [3]] }, /hT/],
    ['entries that are not finite', { hT: [[1, Number.POSITIVE_INFINITY]] }, /hT/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(find(terminalCostate, { hT, U, labels: [0, 1], ...wrong })).rejects.toThrow(
      message,
    );
  });
});

describe('A.terminal-costate', () => {
  it('holds on its own experiments', async () => {
    const finding = await find(terminalCostate);
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it('reaches its bound where the softmax has decided for another class', async () => {
    const finding = await find(terminalCostate, { hT: [[-100]], U: [[1], [-1]], labels: [0] });
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.checks[1].measured).toBeCloseTo(1, 12);
  });

  it.each([
    ['U = 0', { hT: [[1]], U: [[0], [0]], labels: [0] }],
    ['one class', { hT: [[1, 2]], U: [[1, 2]], labels: [0] }],
    [
      'equal rows of U',
      {
        hT: [[1, 2]],
        U: [
          [1, 2],
          [1, 2],
        ],
        labels: [1],
      },
    ],
    ['a softmax that has decided', { hT: [[1e4]], U: [[1], [-1]], labels: [0] }],
  ])('is undecided with %s', async (_, instance) => {
    const finding = await find(terminalCostate, instance);
    expect(finding.verdict).toBe('undecided');
    expect(finding.summary).toContain('every costate is 0');
    expect(finding.summary).not.toMatch(/NaN|Infinity/);
  });

  it('holds with zero tokens, whose logits are 0', async () => {
    const instance = {
      hT: [[0, 0]],
      U: [
        [1, 2],
        [3, 4],
      ],
      labels: [0],
    };
    expect((await find(terminalCostate, instance)).verdict).toBe('holds');
  });
});

describe('wrong mathematics', () => {
  const options = { horizon: 1, pooling: 'position' } as const;
  const experiment = randomAdjointExperiment(backend, 1, 0, options);
  const adjoint = backPropagate(backend, experiment, 16, euler);
  if (adjoint === undefined) throw new Error('the flow diverged');
  const { loss, field, tokens, samples } = experiment;
  const sizes = { dimension: field.dimension, tokens, samples };
  const states = adjoint.trajectory.last;
  const sharp = linearAdjointExperiment(backend, { growth: 1, horizon: 1, readout: 30 });
  const sharpAdjoint = backPropagate(backend, sharp, 32, euler);
  if (sharpAdjoint === undefined) throw new Error('the flow diverged');
  const bound = measureCostateBound(backend, sharp, sharpAdjoint, sharp.loss);
  const outcomes = (change: (p: number) => number, factor = 1) => {
    const wrong = backend.allocate(states.length);
    loss.costate(states, wrong);
    wrong.forEach((p, i) => {
      wrong[i] = change(p);
    });
    const comparison = compareCostates(wrong, loss, states, sizes);
    const bounds = bound.bounds.map((most) => factor * most);
    const record = { precision: 'f64', comparison, bound: { ...bound, bounds } } as const;
    return terminalCostateConclusion([record]).checks.map(({ outcome }) => outcome);
  };

  it.each([
    ['of the wrong sign', (p: number) => -p],
    ['of the sum of losses', (p: number) => tokens * p],
    ['wrong in the tenth digit', (p: number) => p * (1 + 1e-10)],
    ['wrong in the twelfth digit', (p: number) => p * (1 + 1e-12)],
  ])('notices a costate %s', (_, change) => {
    expect(outcomes((p) => p)).toEqual(['holds', 'holds']);
    expect(outcomes(change)[0]).toBe('fails');
  });

  it.each([0.95, 0.5])('notices the bound times %d', (factor) => {
    expect(outcomes((p) => p, factor)[1]).toBe('fails');
  });
});
