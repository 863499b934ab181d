import { afterAll, describe, expect, it } from 'vitest';
import { attentionJacobian, gramMatrix } from '../../ensemble/attention-jacobian.ts';
import { attentionKernel } from '../../ensemble/attention-kernel.ts';
import { closureError, randomGaussianInputs } from '../../ensemble/closure-error.ts';
import { contextFamilies, nearTriples } from '../../ensemble/context-families.ts';
import { controlRatio, measureConvergence } from '../../ensemble/convergence-experiment.ts';
import { randomTriple, sweepDepths } from '../../ensemble/depth-sweep.ts';
import {
  type MakeMap,
  measureCurveCollapse,
  measureEnergyIdentity,
  trainingOf,
} from '../../ensemble/energy-identity.ts';
import { type ContinuousAdjoint, measureGradientErrors } from '../../ensemble/gradient-errors.ts';
import { type HeadPath, randomHeadPath } from '../../ensemble/head-path.ts';
import {
  compareInjectivity,
  type KernelComputations,
  kernelQuestions,
} from '../../ensemble/injectivity-comparison.ts';
import { measureKernelFall, measureNearDependence } from '../../ensemble/kernel-persistence.ts';
import { measureContextChanges, measureLimitErrors } from '../../ensemble/limit-errors.ts';
import {
  firstVariationGradient,
  type MeanFieldSolution,
  solveMeanField,
} from '../../ensemble/mean-field-costate.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import type { TokenMap } from '../../ensemble/token-map.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { type Conclusion, concludeClaim } from '../claim.ts';
import { convergenceConclusion } from './convergence.ts';
import { counterexample, counterexampleConclusion } from './counterexample.ts';
import { energy, energyConclusion } from './energy.ts';
import { forwardLimitConclusion } from './forward-limit.ts';
import { ensembleGradientConclusion } from './gradient.ts';
import { experimentOf } from './instance.ts';
import { attentionKernelInjectivity, injectivityConclusion } from './ntk.ts';
import { persistenceConclusion } from './persistence.ts';

/** Every claim of paper D must notice when what it is measured on is not what it says. */

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

const experiment = (index: number) => experimentOf({ explicit: false }, 1, index);
const verdictOf = (conclusion: Conclusion) =>
  concludeClaim({ conclude: () => conclusion }, [], { given: {}, seed: 1 }).verdict;

/** The values of every head times a factor. */
function withValues(theta: Float64Array, map: Pick<TokenMap, 'layout'>, factor: number) {
  const { dimension: d, keyDimension: k, heads, layerLength } = map.layout;
  return theta.map((x, i) => (i % layerLength >= 2 * heads * k * d ? factor * x : x));
}

/** A map whose gradient, and nothing else, is changed. */
const withGradient =
  (change: (entry: number, share: number) => number) =>
  (map: TokenMap): TokenMap => ({
    ...map,
    differentiate(theta, costate, gradient) {
      const finals = map.differentiate(theta, costate, gradient);
      const { dimension: d, keyDimension: k, heads, layerLength } = map.layout;
      gradient.forEach((entry, i) => {
        gradient[i] = change(entry, (i % layerLength) / (heads * k * d));
      });
      return finals;
    },
  });

describe('D.forward-limit', () => {
  const depths = [8, 16, 32, 64];
  const headCounts = [1, 2, 4, 8, 16];
  const measured = (change: (path: HeadPath) => HeadPath) =>
    [0, 1, 2, 3].map((index) => {
      const { discrete: inputs, keyDimension, seed } = experiment(index);
      const path = change(randomHeadPath({ dimension: 2, keyDimension, atoms: 8 }, seed));
      const given = { inputs, path, keyDimension, seed };
      return {
        ...measureLimitErrors(backend, given, { depths, headCounts, layers: 8, repetitions: 32 }),
        changes: measureContextChanges(backend, given, { layers: 8, sizes: [1e-2, 1e-3] }),
      };
    });
  const verdict = (change: (path: HeadPath) => HeadPath) =>
    verdictOf(forwardLimitConclusion(measured(change), { depths, heads: headCounts }));

  it('holds for what is right', () => expect(verdict((path) => path)).toBe('holds'));

  it.each<[string, (path: HeadPath) => HeadPath]>([
    [
      'one head drawn for all layers and places',
      (path) => ({
        ...path,
        network(layout, choose) {
          const one = choose?.();
          return path.network(layout, one === undefined ? undefined : () => one);
        },
      }),
    ],
    [
      'heads of depth 0 at every depth of the network',
      (path) => ({
        ...path,
        heads: (s) => path.heads(s),
        network: (layout, choose) => {
          const theta = path.network(layout, choose);
          const first = theta.slice(0, layout.layerLength);
          return theta.map((_, i) => first[i % layout.layerLength]);
        },
      }),
    ],
    [
      'values of the wrong sign in the network',
      (path) => ({
        ...path,
        network: (layout, choose) => withValues(path.network(layout, choose), { layout }, -1),
      }),
    ],
    [
      'a sum over heads in place of their mean',
      (path) => ({
        ...path,
        network: (layout, choose) =>
          withValues(
            path.network(layout, choose),
            { layout },
            choose === undefined ? 1 : layout.heads,
          ),
      }),
    ],
  ])('notices %s', (_, change) => expect(verdict(change)).not.toBe('holds'));

  it("notices half of the context costates' bound", () => {
    const halved = measured((path) => path).map((one) => ({
      ...one,
      changes: one.changes.map((c) => ({ ...c, slope: c.slope / 2, bend: c.bend / 2 })),
    }));
    expect(verdictOf(forwardLimitConclusion(halved, { depths, heads: headCounts }))).toBe('fails');
  });
});

describe('D.gradient', () => {
  const depths = [8, 16, 32, 64];
  const path = (index: number) =>
    randomHeadPath({ dimension: 2, keyDimension: 2, atoms: 4 }, experiment(index).seed, 0.5);
  const verdict = (adjoint?: ContinuousAdjoint) =>
    verdictOf(
      ensembleGradientConclusion(
        [0, 1].map((index) => ({
          ...measureGradientErrors(
            backend,
            { ...experiment(index), path: path(index) },
            depths,
            adjoint,
          ),
          closure: closureError(backend, randomGaussianInputs(index), experiment(index)),
        })),
        { depths },
      ),
    );
  /** Costates changed at every depth: context points first, the token last. */
  const withCostates =
    (change: (q: Float64Array, isToken: boolean) => Float64Array): ContinuousAdjoint['solve'] =>
    (problem, costate): MeanFieldSolution => {
      const solution = solveMeanField(problem, costate);
      return {
        ...solution,
        at(m) {
          const { columns, costates } = solution.at(m);
          return {
            columns,
            costates: costates.map((q, c) => change(q, c === costates.length - 1)),
          };
        },
      };
    };
  const adjoint = { solve: solveMeanField, gradient: firstVariationGradient };

  it('holds for what is right', () => expect(verdict()).toBe('holds'));

  it.each<[string, ContinuousAdjoint]>([
    [
      'no context costates',
      { ...adjoint, solve: withCostates((q, isToken) => (isToken ? q : q.map(() => 0))) },
    ],
    [
      'context costates of the wrong sign',
      { ...adjoint, solve: withCostates((q, isToken) => (isToken ? q : q.map((x) => -x))) },
    ],
    [
      'a missing factor 1/N',
      {
        ...adjoint,
        solve: (problem, costate) => solveMeanField(problem, (x) => costate(x).map((p) => 3 * p)),
      },
    ],
    [
      'a transposed K in the gradient of Q',
      {
        ...adjoint,
        gradient(head, pair, masses) {
          const { K } = head;
          const [a, b, c, d] = K.data;
          const wrong = firstVariationGradient(
            { ...head, K: { ...K, data: Float64Array.of(a, c, b, d) } },
            pair,
            masses,
          );
          return firstVariationGradient(head, pair, masses).map((x, i) => (i < 4 ? wrong[i] : x));
        },
      },
    ],
    [
      'scores without 1/√k',
      {
        ...adjoint,
        gradient: (head, pair, masses) =>
          firstVariationGradient(head, pair, masses).map((x, i) => (i < 8 ? Math.SQRT2 * x : x)),
      },
    ],
  ])('notices %s', (_, wrong) => expect(verdict(wrong)).toBe('fails'));

  it('notices an adjoint that is off by a millionth part', () => {
    const [right] = [0].map((index) =>
      measureGradientErrors(backend, { ...experiment(index), path: path(index) }, depths),
    );
    const { differences } = right;
    const off = differences.map((one) => ({
      ...one,
      difference: one.difference + 1e-6 * one.scale,
    }));
    const conclusion = ensembleGradientConclusion(
      [{ ...right, differences: off, closure: undefined }],
      { depths },
    );
    expect(verdictOf(conclusion)).toBe('fails');
  });
});

describe('D.energy', () => {
  const steps = [16, 32, 64, 128];
  const given = energy.given.parse({ steps }, 'quick');
  const collapse = [0, 1].map((index) =>
    measureCurveCollapse(backend, trainingOf(experiment(index), 0.4)),
  );
  const verdict = (makeMap?: MakeMap, collapsed = collapse) =>
    verdictOf(
      energyConclusion(
        collapsed.map((one, index) => ({
          ...one,
          ...measureEnergyIdentity(
            backend,
            trainingOf(experiment(index), 0.4),
            { heads: 8, steps },
            makeMap,
          ),
        })),
        given,
      ),
    );
  const changed =
    (change: (map: TokenMap) => TokenMap): MakeMap =>
    (on, options) =>
      change(createParticleMap(on, options));

  it('does not contradict what is right', () => expect(verdict()).not.toBe('fails'));

  it.each<[string, (map: TokenMap) => TokenMap]>([
    ['a gradient that lacks a factor', withGradient((g) => 2 * g)],
    ['a gradient of the wrong sign', withGradient((g) => -g)],
    [
      'a gradient in K of the wrong sign',
      withGradient((g, share) => (share >= 1 && share < 2 ? -g : g)),
    ],
    [
      'a loss that knows the first head from the others',
      (map) => ({
        ...map,
        differentiate: (theta, costate, gradient) =>
          map.differentiate(
            theta.map((x, i) => (i % map.layout.layerLength === 0 ? 1.001 * x : x)),
            costate,
            gradient,
          ),
      }),
    ],
  ])('notices %s', (_, change) => expect(verdict(changed(change))).toBe('fails'));

  it('notices a sum over heads in place of their mean', () => {
    const sum = changed((map) => ({
      ...map,
      differentiate: (theta, costate, gradient) =>
        map.differentiate(
          withValues(theta, map, Math.sqrt(map.layout.heads) / 2),
          costate,
          gradient,
        ),
    }));
    const wrong = [0, 1].map((index) =>
      measureCurveCollapse(backend, trainingOf(experiment(index), 0.05), sum),
    );
    expect(verdict(undefined, wrong)).not.toBe('holds');
  });
});

describe('D.ntk', () => {
  const given = attentionKernelInjectivity.given.parse({ draws: 2 }, 'quick');
  const families = [...contextFamilies, ...nearTriples];
  const verdict = (computations?: KernelComputations) =>
    verdictOf(
      injectivityConclusion(
        [0, 1].map((index) =>
          families.flatMap((family) =>
            kernelQuestions.map((question) =>
              compareInjectivity(
                family.make(1, index),
                question,
                { seed: 1 + index, keyDimension: 2 },
                computations,
              ),
            ),
          ),
        ),
        given,
      ),
    );
  /** Explicit gradients changed by parameter (0: Q, 1: K, 2: V), and a kernel that is their Gram matrix: both agree. */
  const consistent = (change: (entry: number, block: number) => number): KernelComputations => {
    const jacobian: typeof attentionJacobian = (heads, state, part) => {
      const right = attentionJacobian(heads, state, part);
      const length = right.rows / heads.length;
      const data = right.data.map((entry, i) =>
        change(entry, Math.floor((Math.floor(i / right.columns) % length) / 4)),
      );
      return { ...right, data };
    };
    return { jacobian, kernel: (heads, state, part) => gramMatrix(jacobian(heads, state, part)) };
  };
  const right = { kernel: attentionKernel, jacobian: attentionJacobian };

  it('holds for what is right', () => expect(verdict()).toBe('holds'));

  it.each<[string, KernelComputations]>([
    ['a kernel without its ⟨Qx, Qx′⟩ term', consistent((g, block) => (block === 1 ? 0 : g))],
    ['a kernel without its ⟨x, x′⟩ term', consistent((g, block) => (block === 0 ? 0 : g))],
    ['a kernel without values', consistent((g, block) => (block === 2 ? 0 : g))],
    ['scores without 1/√k', consistent((g, block) => (block < 2 ? Math.SQRT2 * g : g))],
    [
      'a formula twice as large',
      {
        ...right,
        kernel: (...of) => {
          const matrix = attentionKernel(...of);
          return { ...matrix, data: matrix.data.map((x) => 2 * x) };
        },
      },
    ],
    [
      'gradients that see no values where these are trained',
      { ...right, jacobian: (heads, state) => attentionJacobian(heads, state, 'query-key') },
    ],
  ])('notices %s', (_, computations) => expect(verdict(computations)).toBe('fails'));
});

describe('D.convergence', () => {
  const given = { layers: 4, heads: 8, steps: 6000, displacements: [] };
  const measured = (change?: (map: TokenMap) => TokenMap) =>
    [0, 1].map((index) => ({
      ...measureConvergence(backend, experiment(index), given, change),
      control: controlRatio(experiment(index).seed, 8),
    }));
  const verdict = (change?: (map: TokenMap) => TokenMap) =>
    verdictOf(convergenceConclusion(measured(change)));

  it('holds for what is right', () => expect(verdict()).toBe('holds'));

  it.each<[string, (map: TokenMap) => TokenMap]>([
    ['a gradient that lacks a factor', withGradient((g) => g / 2)],
    ['a gradient of the wrong sign', withGradient((g) => -g)],
    [
      'a gradient in K of the wrong sign',
      withGradient((g, share) => (share >= 1 && share < 2 ? -g : g)),
    ],
  ])('notices %s', (_, change) => expect(verdict(change)).not.toBe('holds'));

  it('notices twice the rate, and a control that converges', () => {
    const right = measured();
    const faster = right.map((one) => ({
      ...one,
      runs: one.runs.map((run) => ({ ...run, rates: run.rates.map((rate) => 2 * rate) })),
    }));
    expect(verdictOf(convergenceConclusion(faster))).toBe('fails');
    const converging = right.map((one) => ({ ...one, control: 1e-6 }));
    expect(verdictOf(convergenceConclusion(converging))).toBe('fails');
  });
});

describe('D.counterexample', () => {
  const given = counterexample.given.parse({ depths: [2] }, 'quick');
  const verdict = (
    change?: (map: TokenMap) => TokenMap,
    targets = (y: Float64Array, _: number) => y,
  ) =>
    verdictOf(
      counterexampleConclusion(
        [1, 2].map((seed) => {
          const triple = randomTriple(seed, 2);
          const depths = { depths: [1, 2], heads: 4 };
          const sweep = sweepDepths(backend, triple, depths, change);
          const { floor } = sweepDepths(
            backend,
            { ...triple, targets: triple.targets.map(targets) },
            { depths: [], heads: 4 },
          );
          return { ...sweep, floor };
        }),
        given,
      ),
    );
  /** Final tokens changed, gradients with them. */
  const withFinals =
    (change: (x: number, i: number) => number, slope: (i: number) => number) =>
    (map: TokenMap): TokenMap => ({
      ...map,
      forward: (theta) => map.forward(theta).map(change),
      differentiate(theta, costate, gradient) {
        const finals = map.differentiate(
          theta,
          (x) => costate(x.map(change)).map((p, i) => p * slope(i)),
          gradient,
        );
        return finals.map(change);
      },
    });

  it('holds for what is right', () => expect(verdict()).toBe('holds'));

  it('notices a floor of the wrong sign in y₃', () =>
    expect(verdict(undefined, (y, i) => (i === 2 ? y.map((entry) => -entry) : y))).toBe('fails'));
  it('notices a floor with another factor', () =>
    expect(verdict(undefined, (y) => y.map((entry) => 1.1 * entry))).toBe('fails'));
  it('notices a layer that tells dependent contexts apart', () =>
    expect(
      verdict(
        withFinals(
          (x, i) => x * (1 + 0.1 * i),
          (i) => 1 + 0.1 * i,
        ),
      ),
    ).toBe('fails'));
  it('notices networks that cannot move', () =>
    expect(
      verdict(
        withFinals(
          () => 0,
          () => 0,
        ),
      ),
    ).not.toBe('holds'));
});

describe('D.persistence', () => {
  const given = { layers: 4, heads: 8, steps: 3000 };
  const measured = (change?: (map: TokenMap) => TokenMap) =>
    [0, 1].map((index) => ({
      ...measureKernelFall(backend, experiment(index), given, change),
      near: measureNearDependence(experiment(index).seed, 60),
    }));
  const right = measured();
  const scaled = (factor: number) =>
    right.map((one) => ({
      ...one,
      prediction: {
        ...one.prediction,
        constants: one.prediction.constants.map((constant) => factor * constant),
      },
    }));

  it('holds for what is right', () =>
    expect(verdictOf(persistenceConclusion(right))).toBe('holds'));

  it.each([0.5, Math.SQRT1_2, Math.SQRT2])('notices C_s times %d', (factor) =>
    expect(verdictOf(persistenceConclusion(scaled(factor)))).toBe('fails'),
  );
  it('notices a gradient in K of the wrong sign', () =>
    expect(
      verdictOf(
        persistenceConclusion(
          measured(withGradient((g, share) => (share >= 1 && share < 2 ? -g : g))),
        ),
      ),
    ).not.toBe('holds'));
});
