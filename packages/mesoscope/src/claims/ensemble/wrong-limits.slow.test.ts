import { afterAll, describe, expect, it } from 'vitest';
import { closureError, randomGaussianInputs } from '../../ensemble/closure-error.ts';
import { type ContinuousAdjoint, measureGradientErrors } from '../../ensemble/gradient-errors.ts';
import { type HeadPath, randomHeadPath } from '../../ensemble/head-path.ts';
import { measureContextChanges, measureLimitErrors } from '../../ensemble/limit-errors.ts';
import {
  firstVariationGradient,
  type MeanFieldSolution,
  solveMeanField,
} from '../../ensemble/mean-field-costate.ts';
import type { ParticleMap } from '../../ensemble/particle-map.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { forwardLimitConclusion } from './forward-limit.ts';
import { ensembleGradientConclusion } from './gradient.ts';
import { experiment, verdictOf, withGradient, withValues } from './test-support.ts';

/** Claims about limits in depth and width must notice wrong mathematics. */

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

describe('D.forward-limit', () => {
  const depths = [8, 16, 32, 64];
  const headCounts = [1, 2, 4, 8, 16];
  const measured = (
    change: (path: HeadPath) => HeadPath,
    ofMap: (map: ParticleMap) => ParticleMap = (map) => map,
  ) =>
    [0, 1, 2, 3].map((index) => {
      const { discrete: inputs, keyDimension, seed } = experiment(index);
      const path = change(randomHeadPath({ dimension: 2, keyDimension, atoms: 8 }, seed));
      const given = { inputs, path, keyDimension, seed };
      return {
        ...measureLimitErrors(backend, given, { depths, headCounts, layers: 8, repetitions: 32 }),
        changes: measureContextChanges(backend, given, { layers: 8, sizes: [1e-2, 1e-3] }, ofMap),
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

  it.each<[string, (q: number[], point: number, points: number) => number[]]>([
    ['half of themselves', (q) => q.map((x) => x / 2)],
    ['shares of 1/n where the weights stand already', (q, _, n) => q.map((x) => x / n)],
    ['0 but at the first point', (q, point) => (point === 0 ? q : q.map(() => 0))],
  ])('notices context costates that are %s', (_, change) => {
    const wrong = (map: ParticleMap): ParticleMap => ({
      ...map,
      initialCostates(theta, costate) {
        const { tokens, contexts } = map.initialCostates(theta, costate);
        return {
          tokens,
          contexts: contexts.map((points) => points.map((q, j) => change(q, j, points.length))),
        };
      },
    });
    const conclusion = forwardLimitConclusion(
      measured((path) => path, wrong),
      { depths, heads: headCounts },
    );
    expect(verdictOf(conclusion)).toBe('fails');
  });
});

describe('D.gradient', () => {
  const depths = [8, 16, 32, 64];
  const path = (index: number) =>
    randomHeadPath({ dimension: 2, keyDimension: 2, atoms: 4 }, experiment(index).seed, 0.5);
  const verdict = (adjoint?: ContinuousAdjoint, change?: (map: ParticleMap) => ParticleMap) =>
    verdictOf(
      ensembleGradientConclusion(
        [0, 1].map((index) => ({
          ...measureGradientErrors(
            backend,
            { ...experiment(index), path: path(index) },
            depths,
            adjoint,
            change,
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

  it('notices a discrete adjoint that is off by a millionth part', () =>
    expect(
      verdict(
        undefined,
        withGradient((g) => (1 + 1e-6) * g),
      ),
    ).toBe('fails'));
});
