import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { coupledRuns } from '../../heads/coupled-runs.ts';
import { randomExperiment, sharpExperiment } from '../../heads/experiment.ts';
import { type FiniteHeads, finiteHeadsOf } from '../../heads/finite-heads.ts';
import { labelledFeatures } from '../../heads/labelled-features.ts';
import { longRun } from '../../heads/long-run.ts';
import { monotoneFlows } from '../../heads/monotone-flows.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { samplingErrors } from '../../heads/sampling-errors.ts';
import { meetLaws } from '../../heads/support-laws.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { concludeClaim } from '../claim.ts';
import { chaos } from './chaos.ts';
import { finiteHeads } from './finite-heads.ts';
import { longTime } from './long-time.ts';
import { monotonicity } from './monotonicity.ts';
import { support } from './support.ts';

/** Errors planted in the functions below their measurements; every claim must notice each. */
const wrong = vi.hoisted(() => ({ now: '' }));
beforeEach(() => {
  wrong.now = '';
});

/** A problem whose ∇Ψ lacks λθ. */
function withoutPenalty(problem: HeadProblem): HeadProblem {
  return {
    ...problem,
    firstVariation(at, heads, gradient = new Float64Array(heads.length)) {
      const values = problem.firstVariation(at, heads, gradient);
      heads.forEach((x, j) => {
        gradient[j] -= problem.regularisation * x;
      });
      return values;
    },
  };
}

type Experiment = typeof import('../../heads/experiment.ts');
vi.mock('../../heads/experiment.ts', async (original: () => Promise<Experiment>) => {
  const real = await original();
  const drawHeads: Experiment['drawHeads'] = (law, count, uniform) => {
    if (wrong.now === 'heads drawn from a sixteenth of the law') {
      return real.drawHeads(law, count, () => uniform() / 16);
    }
    if (wrong.now !== 'every head drawn twice') return real.drawHeads(law, count, uniform);
    let last = 0;
    let drawn = 0;
    return real.drawHeads(law, count, () => {
      if (drawn++ % 2 === 0) last = uniform();
      return last;
    });
  };
  return { ...real, drawHeads };
});

type Features = typeof import('../../heads/labelled-features.ts');
vi.mock('../../heads/labelled-features.ts', async (original: () => Promise<Features>) => {
  const real = await original();
  const featureSpread: Features['featureSpread'] = (features, weights) =>
    real.featureSpread(features, weights) / (wrong.now === 'half of the bound' ? 2 : 1);
  const riskOfWeightsToSecondOrder: Features['riskOfWeightsToSecondOrder'] = (
    features,
    weights,
  ) => {
    const { value, gradient, hessian } = real.riskOfWeightsToSecondOrder(features, weights);
    return {
      value,
      gradient: wrong.now === 'Ψ of the wrong sign' ? gradient.map((psi) => -psi) : gradient,
      hessian: {
        ...hessian,
        data:
          wrong.now === 'curvature without its ½' ? hessian.data.map((h) => 2 * h) : hessian.data,
      },
    };
  };
  return { ...real, featureSpread, riskOfWeightsToSecondOrder };
});

type Flow = typeof import('../../heads/flow.ts');
vi.mock('../../heads/flow.ts', async (original: () => Promise<Flow>) => {
  const real = await original();
  const headFlow: Flow['headFlow'] = function* (problem, start, options) {
    const isFast = wrong.now === 'descent with twice its step' && options.draw !== undefined;
    const speed = isFast ? 2 : wrong.now === 'half of the velocity' ? 0.5 : 1;
    for (const state of real.headFlow(problem, start, { ...options, step: speed * options.step })) {
      yield { ...state, time: state.time / speed };
    }
  };
  return { ...real, headFlow };
});

type Linear = typeof import('../../heads/linear-decay.ts');
vi.mock('../../heads/linear-decay.ts', async (original: () => Promise<Linear>) => {
  const real = await original();
  const linearDecay: Linear['linearDecay'] = (problem, limit) => {
    const isFree = wrong.now === 'a spectrum without the penalty';
    const decay = real.linearDecay(isFree ? withoutPenalty(problem) : problem, limit);
    return {
      ...decay,
      after(law) {
        const { excess, slope } = decay.after(law);
        if (wrong.now === 'risk at the rate of its modes, not twice that') {
          return { excess: (t) => excess(t / 2), slope };
        }
        if (wrong.now === 'excess without its ½') return { excess: (t) => 2 * excess(t), slope };
        return { excess, slope };
      },
    };
  };
  return { ...real, linearDecay };
});

type Curvature = typeof import('../../heads/curvature.ts');
vi.mock('../../heads/curvature.ts', async (original: () => Promise<Curvature>) => {
  const real = await original();
  const headCurvature: Curvature['headCurvature'] = (problem, ...rest) => {
    const { frozen, ...others } = real.headCurvature(problem, ...rest);
    const P = frozen.rows;
    const changed = frozen.data.map((entry, i) => {
      if (wrong.now === 'twice the curvature') return 2 * entry;
      const onDiagonal = i % (P + 1) === 0;
      return wrong.now === 'curvature without the penalty' && onDiagonal
        ? entry - problem.regularisation
        : entry;
    });
    return { frozen: { ...frozen, data: changed }, ...others };
  };
  return { ...real, headCurvature };
});

const backend = await createWasmBackend({ heapMegabytes: 512 });
afterAll(() => backend.dispose());

describe('B.finite-heads', () => {
  const given = { counts: [64, 128, 256, 512, 1024], groups: 8, draws: 100 };
  const options = { regularisation: 0.02, heads: 48 };
  const experiments = [
    randomExperiment(backend, 1, 0, options),
    sharpExperiment(backend, 1, 1, options),
  ];
  const random = () => randomStream(1, 'drawn heads');
  const right = experiments.map((one) => finiteHeadsOf(one, given, random()));
  const verdict = (measured: FiniteHeads[]) =>
    concludeClaim(finiteHeads, measured, { given: given as never, seed: 1 }).verdict;
  it('holds for the right risk', () => {
    expect(verdict(right)).toBe('holds');
  });
  it.each([
    'every head drawn twice',
    'Ψ of the wrong sign',
    'curvature without its ½',
    'half of the bound',
  ])('does not for %s', (error) => {
    wrong.now = error;
    const measured = experiments.map(({ problem, law }, e) => ({
      ...right[e],
      away: samplingErrors(labelledFeatures(problem, law.parameters), law, given, random()),
    }));
    expect(verdict(measured)).not.toBe('holds');
  });
});

describe('B.chaos', () => {
  const experiment = randomExperiment(backend, 1, 0, {
    ...{ regularisation: 0.02, heads: 64, value: 0.5, sequences: 8 },
  });
  // Few draws: the right mathematics is not contradicted, the wrong one is.
  const verdict = (problem: HeadProblem) => {
    const pieces = [0, 1, 2, 3, 4].map((group) => ({
      runs: coupledRuns({ ...experiment, problem }, { horizon: 2, seed: 1, group, draws: 4 }),
    }));
    const given = { explicit: false, horizon: 2 } as never;
    return concludeClaim(chaos, pieces, { given, seed: 1 }).verdict;
  };
  it('is not contradicted by the right flow', () => {
    expect(verdict(experiment.problem)).not.toBe('fails');
  });
  it.each(['heads drawn from a sixteenth of the law', 'descent with twice its step'])(
    'is by %s',
    (error) => {
      wrong.now = error;
      expect(verdict(experiment.problem)).toBe('fails');
    },
  );
  it('is by the gradient of a drawn sequence without the factor S', () => {
    const { problem } = experiment;
    const linearise: HeadProblem['linearise'] = (law, drawn) => {
      const at = problem.linearise(law, drawn);
      const S = drawn === undefined ? 1 : problem.data.sequences;
      return { ...at, residual: at.residual.map((entry) => entry / S) };
    };
    expect(verdict({ ...problem, linearise })).toBe('fails');
  });
});

describe('B.long-time', () => {
  const experiment = randomExperiment(backend, 1, 0, { regularisation: 0.2, heads: 12 });
  const verdict = () => {
    const pieces = [{ run: longRun(experiment, 6000), compact: true }];
    return concludeClaim(longTime, pieces, { given: {} as never, seed: 1 }).verdict;
  };
  it('holds for the right spectrum', () => {
    expect(verdict()).toBe('holds');
  });
  it.each([
    'risk at the rate of its modes, not twice that',
    'excess without its ½',
    'a spectrum without the penalty',
  ])('does not for %s', (error) => {
    wrong.now = error;
    expect(verdict()).not.toBe('holds');
  });
});

describe('B.monotonicity', () => {
  const experiment = randomExperiment(backend, 1, 0, {
    ...{ regularisation: 1, heads: 6, value: 0.1, score: 0.1 },
  });
  const verdict = () => {
    const found = monotoneFlows(experiment, { seed: 1, index: 0, starts: 1 });
    const given = { explicit: true } as never;
    return concludeClaim(monotonicity, [{ regularisation: 1, found }], { given, seed: 1 }).verdict;
  };
  it('holds for the right flow and curvature', () => {
    expect(verdict()).toBe('holds');
  });
  it.each(['half of the velocity', 'twice the curvature', 'curvature without the penalty'])(
    'does not for %s',
    (error) => {
      wrong.now = error;
      expect(verdict()).not.toBe('holds');
    },
  );
});

describe('B.support', () => {
  const experiment = randomExperiment(backend, 1, 0, {
    ...{ regularisation: 0.05, heads: 4, onLine: true, sequences: 6, tokens: 4 },
  });
  const { problem } = experiment;
  const { data } = problem;
  const stride = columnStride(data.tokens);
  const changes: readonly [string, (residual: Float64Array) => Float64Array][] = [
    ['twice the residual', (residual) => residual.map((entry) => 2 * entry)],
    [
      'a residual without e_Y',
      (residual) => {
        const changed = residual.slice();
        data.labels.forEach((label, i) => {
          const s = Math.floor(i / stride);
          if (data.weights[i] > 0) {
            changed[(s * data.classes + label) * stride + (i % stride)] += data.weights[i];
          }
        });
        return changed;
      },
    ],
    ['a residual of the wrong sign', (residual) => residual.map((entry) => -entry)],
  ];
  it.each(changes)('does not hold for %s', (_, change) => {
    const linearise: HeadProblem['linearise'] = (law, drawn) => {
      const at = problem.linearise(law, drawn);
      return { ...at, residual: change(at.residual) };
    };
    const met = meetLaws(
      { ...experiment, problem: { ...problem, linearise } },
      4,
      randomStream(1, 'trained'),
    );
    const given = { explicit: false, horizon: 0.5, regularisation: 0.05 } as never;
    expect(concludeClaim(support, [met], { given, seed: 1 }).verdict).not.toBe('holds');
  });
});
