import { afterAll, describe, expect, it } from 'vitest';
import { controlRatio, measureConvergence } from '../../ensemble/convergence-experiment.ts';
import {
  type MakeMap,
  measureCurveCollapse,
  measureEnergyIdentity,
  trainingOf,
} from '../../ensemble/energy-identity.ts';
import { measureKernelFall, measureNearDependence } from '../../ensemble/kernel-persistence.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import type { TokenMap } from '../../ensemble/token-map.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { convergenceConclusion } from './convergence.ts';
import { energy, energyConclusion } from './energy.ts';
import { persistenceConclusion } from './persistence.ts';
import { experiment, verdictOf, withGradient, withValues } from './test-support.ts';

/** Claims about training must notice wrong mathematics. */

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

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

describe('D.convergence', () => {
  const given = { layers: 4, heads: 8, steps: 6000, displacements: [] };
  const measured = (change?: (map: TokenMap) => TokenMap) =>
    [0, 1].map((index) => ({
      ...measureConvergence(backend, experiment(index), given, change),
      control: controlRatio(experiment(index).seed, 8),
    }));
  const verdict = (change?: (map: TokenMap) => TokenMap) =>
    verdictOf(convergenceConclusion(measured(change)));

  const right = measured();

  it('holds for what is right', () =>
    expect(verdictOf(convergenceConclusion(right))).toBe('holds'));

  it.each<[string, (map: TokenMap) => TokenMap]>([
    ['a gradient that lacks a factor', withGradient((g) => g / 2)],
    ['a gradient of the wrong sign', withGradient((g) => -g)],
    [
      'a gradient in K of the wrong sign',
      withGradient((g, share) => (share >= 1 && share < 2 ? -g : g)),
    ],
  ])('notices %s', (_, change) => expect(verdict(change)).not.toBe('holds'));

  it('notices a rate μ whose N is the half', () =>
    expect(verdict((map) => ({ ...map, samples: map.samples / 2 }))).toBe('fails'));

  it('notices a control of two layers, which nothing obstructs', () => {
    const control = controlRatio(experiment(0).seed, 8, 2);
    expect(verdictOf(convergenceConclusion(right.map((one) => ({ ...one, control }))))).toBe(
      'fails',
    );
  });
});

describe('D.persistence', () => {
  const given = { layers: 4, heads: 8, steps: 3000 };
  const measured = (change?: (map: TokenMap) => TokenMap) =>
    [0, 1].map((index) => ({
      ...measureKernelFall(backend, experiment(index), given, change),
      near: measureNearDependence(experiment(index).seed, 60),
    }));
  const verdict = (change?: (map: TokenMap) => TokenMap) =>
    verdictOf(persistenceConclusion(measured(change)));

  it('holds for what is right', () => expect(verdict()).toBe('holds'));

  it.each([0.5, 2])('notices a C_s whose N is %d times what it is', (factor) =>
    expect(verdict((map) => ({ ...map, samples: factor * map.samples }))).toBe('fails'),
  );
  it.each<[string, (map: TokenMap) => TokenMap]>([
    ['a gradient in K of the wrong sign', withGradient((g, s) => (s >= 1 && s < 2 ? -g : g))],
    ['a gradient that sees no values', withGradient((g, s) => (s >= 2 ? 0 : g))],
  ])('notices %s', (_, change) => expect(verdict(change)).not.toBe('holds'));
});
