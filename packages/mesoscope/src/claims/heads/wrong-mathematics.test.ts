import { afterAll, describe, expect, it } from 'vitest';
import { trainSingleHead } from '../../heads/dirac.ts';
import { measureDissipation } from '../../heads/dissipation.ts';
import { randomExperiment } from '../../heads/experiment.ts';
import { randomHeads } from '../../heads/head-law.ts';
import { perturbHead } from '../../heads/perturbed-head.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { meetLaws } from '../../heads/support-laws.ts';
import { descendingApart } from '../../heads/test-support.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { concludeClaim } from '../claim.ts';
import { dirac } from './dirac.ts';
import { dissipation } from './dissipation.ts';
import { support } from './support.ts';

/** Every claim must notice when Ψ or its gradient is another than it says. */

const backend = await createWasmBackend({ heapMegabytes: 256 });
afterAll(() => backend.dispose());

/** A problem whose first variation is wrong, in values and gradient. */
function wrong(
  problem: HeadProblem,
  change: (problem: HeadProblem, psi: number, head: Float64Array, gradient: Float64Array) => number,
): HeadProblem {
  return descendingApart({
    ...problem,
    firstVariation(at, heads, gradient = new Float64Array(heads.length)) {
      const values = problem.firstVariation(at, heads, gradient);
      const P = heads.length / values.length;
      return values.map((psi, i) =>
        change(
          problem,
          psi,
          heads.subarray(i * P, (i + 1) * P),
          gradient.subarray(i * P, (i + 1) * P),
        ),
      );
    },
  });
}

const errors: readonly [string, Parameters<typeof wrong>[1]][] = [
  [
    'without the penalty',
    ({ regularisation }, psi, head, gradient) => {
      head.forEach((x, j) => {
        gradient[j] -= regularisation * x;
      });
      return psi - (regularisation / 2) * head.reduce((sum, x) => sum + x * x, 0);
    },
  ],
  [
    'half as large',
    (_, psi, __, gradient) => {
      gradient.forEach((g, j) => {
        gradient[j] = g / 2;
      });
      return psi / 2;
    },
  ],
  [
    'of the wrong sign',
    (_, psi, __, gradient) => {
      gradient.forEach((g, j) => {
        gradient[j] = -g;
      });
      return -psi;
    },
  ],
];

const given = { explicit: false, horizon: 0.5, regularisation: 0.05 } as never;

describe('B.dissipation', () => {
  const experiment = randomExperiment(backend, 1, 0, { regularisation: 0.05, heads: 12 });
  const verdict = (problem: HeadProblem) =>
    concludeClaim(dissipation, [measureDissipation({ ...experiment, problem }, 0.5)], {
      given,
      seed: 1,
    }).verdict;
  it('holds for the right first variation', () => {
    expect(verdict(experiment.problem)).toBe('holds');
  });
  it.each(errors)('does not for one %s', (_, change) => {
    expect(verdict(wrong(experiment.problem, change))).not.toBe('holds');
  });
});

describe('B.dirac', () => {
  const { problem } = randomExperiment(backend, 1, 0, { regularisation: 0.05 });
  const start = randomHeads(problem.shape, 1, randomStream(1, 'start'), { score: 1, value: 1 });
  const { head } = trainSingleHead(problem, start.parameters);
  const verdict = (of: HeadProblem) => {
    const perturbed = perturbHead(of, head, randomStream(1, 'cloud'));
    return concludeClaim(dirac, [{ concentrated: true, perturbed }], { given, seed: 1 }).verdict;
  };
  it('holds for the right first variation', () => {
    expect(verdict(problem)).toBe('holds');
  });
  it.each(errors)('does not for one %s', (_, change) => {
    expect(verdict(wrong(problem, change))).not.toBe('holds');
  });
});

describe('B.support', () => {
  const experiment = randomExperiment(backend, 1, 0, {
    ...{ regularisation: 0.05, heads: 4, onLine: true, sequences: 6, tokens: 4 },
  });
  const verdict = (problem: HeadProblem) =>
    concludeClaim(support, [meetLaws({ ...experiment, problem }, 8, randomStream(1, 'trained'))], {
      given,
      seed: 1,
    }).verdict;
  it('holds for the right first variation', () => {
    expect(verdict(experiment.problem)).toBe('holds');
  });
  it('does not for one half as large', () => {
    expect(verdict(wrong(experiment.problem, errors[1][1]))).not.toBe('holds');
  });
});
