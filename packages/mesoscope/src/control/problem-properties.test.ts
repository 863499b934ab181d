import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { affine } from '../field/affine.ts';
import { transformerBlock } from '../field/transformer-block.ts';

import { gradedGrid, refineGrid, uniformGrid } from '../flow/grid.ts';
import { euler, heun } from '../flow/scheme.ts';
import { countingBackend } from '../flow/test-support.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { carefulDerivative } from './certificates/differences.ts';
import { createControlProblem } from './create-problem.ts';
import { initialParameters } from './parameters.ts';
import type { ControlProblemOptions } from './problem.ts';
import { layoutOn, prolongParameters, sampleParameters } from './refinement.ts';

const backend = createReferenceBackend();

/** A random control problem: field, grid with its profile, readout, penalties. */
const problems = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  dimension: fc.integer({ min: 1, max: 4 }),
  heads: fc.integer({ min: 1, max: 2 }),
  keyDimension: fc.integer({ min: 1, max: 3 }),
  hidden: fc.integer({ min: 1, max: 4 }),
  activation: fc.constantFrom('tanh' as const, 'gelu' as const, 'silu' as const),
  normalisation: fc.constantFrom('none' as const, 'rms' as const),
  causal: fc.boolean(),
  tokens: fc.integer({ min: 1, max: 5 }),
  samples: fc.integer({ min: 1, max: 4 }),
  classes: fc.integer({ min: 2, max: 5 }),
  pooling: fc.constantFrom('position' as const, 'last' as const, 'mean' as const),
  layers: fc.integer({ min: 1, max: 7 }),
  horizon: fc.double({ min: 0.2, max: 2, noNaN: true }),
  grading: fc.double({ min: 0.6, max: 1.8, noNaN: true }),
  wave: fc.double({ min: 0, max: 0.8, noNaN: true }),
  scheme: fc.constantFrom(euler, heun),
  regularisation: fc.double({ min: 0, max: 1, noNaN: true }),
  smoothness: fc.double({ min: 0, max: 1, noNaN: true }),
});

type Drawn = typeof problems extends fc.Arbitrary<infer T> ? T : never;

function build(drawn: Drawn, more: Partial<ControlProblemOptions> = {}) {
  const { dimension, tokens, samples, classes, pooling, scheme, seed, layers } = drawn;
  const { heads, keyDimension, hidden, activation, normalisation, causal } = drawn;
  const { regularisation, smoothness, horizon, grading, wave } = drawn;
  const shape = { dimension, heads, keyDimension, hidden, activation, causal };
  // A single number has no direction to be normalised.
  const field = transformerBlock({
    ...shape,
    normalisation: dimension === 1 ? 'none' : normalisation,
  });
  const problem = createControlProblem(backend, {
    field,
    grid: gradedGrid(horizon, layers, grading, (t) => 1 + wave * Math.sin(3 * t)),
    tokens,
    samples,
    classes,
    pooling,
    scheme,
    regularisation,
    smoothness,
    ...more,
  });
  const random = randomStream(seed, 'property');
  const states = Array.from({ length: samples * tokens * dimension }, () => random.normal());
  const labels = Array.from({ length: samples * problem.columns }, () => random.integer(classes));
  const parameters = initialParameters(field, problem.layout, seed);
  return { problem, parameters, batch: { samples, states, labels }, random };
}

describe('any control problem', () => {
  it('has a gradient that finite differences confirm', () => {
    fc.assert(
      fc.property(problems, (drawn) => {
        const { problem, parameters, batch, random } = build(drawn);
        const gradient = new Float64Array(problem.layout.length);
        problem.gradient(parameters, batch, gradient);
        const direction = gradient.map(() => random.normal());
        const value = () => problem.evaluate(parameters, batch).objective;
        const { derivative, error } = carefulDerivative(value, parameters, direction);
        const exact = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
        const scale = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
        expect(Math.abs(derivative - exact)).toBeLessThanOrEqual(10 * error + 1e-8 * (1 + scale));
        expect(error).toBeLessThan(1e-5 * (1 + scale));
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('has bitwise the same gradient whatever states are kept', () => {
    fc.assert(
      fc.property(problems, fc.integer({ min: 1, max: 5 }), (drawn, every) => {
        const gradients = (['all', 'sqrt', 'ends', every] as const).map((checkpoints) => {
          const { problem, parameters, batch } = build(drawn, { checkpoints });
          const gradient = new Float64Array(problem.layout.length);
          problem.gradient(parameters, batch, gradient);
          return gradient;
        });
        for (const other of gradients.slice(1)) expect(other).toEqual(gradients[0]);
      }),
      { numRuns: 25, seed: 2 },
    );
  });

  it('keeps its controls when they are sampled on their own grid, or repeated and sampled back', () => {
    fc.assert(
      fc.property(problems, (drawn) => {
        const { problem, parameters } = build(drawn);
        const { layout, grid } = problem;
        const close = (a: ArrayLike<number>) =>
          parameters.forEach((x, i) => {
            expect(Math.abs(a[i] - x)).toBeLessThan(1e-12 * (1 + Math.abs(x)));
          });
        close(sampleParameters(layout, grid, parameters, grid));
        const fine = prolongParameters(layout, grid, parameters, 'repeat');
        const { layers } = layout;
        close(sampleParameters(layoutOn(layout, 2 * layers), refineGrid(grid, 2), fine, grid));
      }),
      { numRuns: 40, seed: 3 },
    );
  });
});

describe('memory of the discrete adjoint', () => {
  /** Elements that a gradient takes at once, beside parameters and gradient themselves. */
  const peak = (layers: number, checkpoints: 'all' | 'sqrt') => {
    const counting = countingBackend();
    const problem = createControlProblem(counting, {
      field: affine({ dimension: 2 }),
      grid: uniformGrid(1, layers),
      tokens: 3,
      samples: 4,
      classes: 2,
      checkpoints,
      pooling: 'last',
    });
    const parameters = new Float64Array(problem.layout.length);
    const states = Array.from({ length: 24 }, (_, i) => Math.sin(i));
    const batch = { samples: 4, states, labels: [0, 1, 0, 1] };
    counting.peak = counting.live;
    const before = counting.live;
    const { flow } = problem.gradient(parameters, batch, new Float64Array(problem.layout.length));
    expect(flow.kind).toBe('completed');
    return counting.peak - before;
  };

  it('grows at most tenfold from 64 to 4096 layers with checkpoints, 64-fold without', () => {
    expect(peak(4096, 'sqrt') / peak(64, 'sqrt')).toBeLessThanOrEqual(10);
    expect(peak(4096, 'all') / peak(64, 'all')).toBeGreaterThan(50);
  });
});
