import { expect, it } from 'vitest';
import { affine } from '../field/affine.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { fromRows, multiplyVector } from '../numeric/matrix.ts';
import { matrixExponential } from '../numeric/matrix-functions.ts';
import { randomStream } from '../numeric/random.ts';
import { createAdaptiveFlow } from './adaptive.ts';
import { piecewiseConstantControls, piecewiseLinearControls } from './controls.ts';
import { createFlow } from './flow.ts';
import { refineGrid, uniformGrid } from './grid.ts';
import { dormandPrince } from './scheme.ts';
import { distance, interactingField, normalStates, randomNodes } from './test-support.ts';

const backend = createReferenceBackend();
const P = interactingField.parameters.length;
const shape = { samples: 2, tokens: 5, dimension: 3 };

/** Tokens under `ḣ = W_k h` in layer k of [0, T], by matrix exponentials. */
function linearExample() {
  const random = randomStream(1, 'matrices');
  const field = affine({ dimension: 3, bias: false });
  const grid = uniformGrid(2, 3);
  const nodes = random.normals(backend.allocate(3 * 9));
  const controls = piecewiseConstantControls(grid, 9, nodes);
  const initial = normalStates(backend, { samples: 2, tokens: 2, dimension: 3 }, 2);
  const matrix = (k: number, time: number) =>
    matrixExponential(
      fromRows(
        [0, 1, 2].map((i) => nodes.slice(9 * k + 3 * i, 9 * k + 3 * i + 3).map((x) => time * x)),
      ),
    );
  /** The token of sample s and column i after the given times in each layer. */
  const exact = (s: number, i: number, times: readonly number[]) => {
    let x: Float64Array = Float64Array.from([0, 1, 2], (row) => initial[24 * s + 8 * row + i]);
    times.forEach((time, k) => {
      x = multiplyVector(matrix(k, time), x);
    });
    return x;
  };
  return { field, grid, controls, initial, exact };
}

it('agrees with the matrix exponential, inside steps and over jumps of the controls', () => {
  const { field, controls, initial, exact } = linearExample();
  const flow = createAdaptiveFlow(backend, { field, tokens: 2, samples: 2 });
  const trajectory = flow.integrate({
    horizon: 2,
    controls,
    initial,
    relativeTolerance: 1e-12,
    absoluteTolerance: 1e-13,
  });
  expect(trajectory.status.kind).toBe('completed');
  const check = (state: ArrayLike<number>, times: readonly number[], tolerance: number) => {
    for (const s of [0, 1]) {
      for (const i of [0, 1]) {
        exact(s, i, times).forEach((x, row) => {
          const error = Math.abs(state[24 * s + 8 * row + i] - x);
          expect(error).toBeLessThan(tolerance * Math.max(1, Math.abs(x)));
        });
      }
    }
  };
  check(trajectory.last, [2 / 3, 2 / 3, 2 / 3], 1e-10);
  const out = backend.allocate(initial.length);
  trajectory.at(1.1, out);
  check(out, [2 / 3, 1.1 - 2 / 3], 1e-10);
  trajectory.at(0, out);
  check(out, [], 1e-15);
});

it('agrees with a fine fixed-step flow on the interacting field', () => {
  const coarse = uniformGrid(1, 3);
  const controls = piecewiseLinearControls(
    coarse.times,
    P,
    randomNodes(backend, interactingField, 4, 4),
  );
  const initial = normalStates(backend, shape, 4);
  const options = { field: interactingField, tokens: 5, samples: 2 };
  const fine = createFlow(backend, { ...options, scheme: dormandPrince });
  const exact = fine.forward({ grid: refineGrid(coarse, 64), controls, initial });
  const { last, rejected } = createAdaptiveFlow(backend, options).integrate({
    horizon: 1,
    controls,
    initial,
    relativeTolerance: 1e-11,
    absoluteTolerance: 1e-12,
  });
  expect(distance(last, exact.last, 5)).toBeLessThan(1e-9);
  expect(rejected).toBeLessThan(10);
});

it('a depth profile is a change of time', () => {
  // τ = ∫ζ with ζ = 1 + t over [0, 1] ends at 3/2; θ(t) runs as θ̃(τ), sampled alike at the ends.
  const field = affine({ dimension: 3 });
  const initial = normalStates(backend, { samples: 1, tokens: 4, dimension: 3 }, 6);
  const node = randomNodes(backend, field, 1, 3);
  const constant = (horizon: number) =>
    piecewiseConstantControls(uniformGrid(horizon, 1), field.parameters.length, node);
  const flow = createAdaptiveFlow(backend, { field, tokens: 4, samples: 1 });
  const precise = { initial, relativeTolerance: 1e-12, absoluteTolerance: 1e-13 };
  const profiled = flow.integrate({
    ...precise,
    horizon: 1,
    profile: (t) => 1 + t,
    controls: constant(1),
  });
  const plain = flow.integrate({ ...precise, horizon: 1.5, controls: constant(1.5) });
  expect(distance(profiled.last, plain.last, 4)).toBeLessThan(1e-11);
  const early = backend.allocate(initial.length);
  const late = backend.allocate(initial.length);
  profiled.at(0.4, early);
  plain.at(0.4 + 0.4 ** 2 / 2, late);
  expect(distance(early, late, 4)).toBeLessThan(1e-11);
});

it('stops at an event of the state and when it diverges', () => {
  // ḣ = h from 1: h = 5 at t = log 5, h = 10³ at t = log 10³.
  const field = affine({ dimension: 1 });
  const controls = piecewiseConstantControls(uniformGrid(10, 1), 2, Float64Array.of(1, 0));
  const initial = backend.allocate(8);
  initial[0] = 1;
  const flow = createAdaptiveFlow(backend, { field, tokens: 1, samples: 1 });
  const stopped = flow.integrate({
    horizon: 10,
    controls,
    initial,
    relativeTolerance: 1e-12,
    events: [{ name: 'five', value: (_, h) => h[0] - 5 }],
  });
  expect(stopped.status).toMatchObject({ kind: 'event', name: 'five' });
  expect(stopped.depth).toBeCloseTo(Math.log(5), 10);
  expect(stopped.last[0]).toBeCloseTo(5, 9);
  const diverged = flow.integrate({ horizon: 10, controls, initial, limit: 1e3 });
  expect(diverged.status).toMatchObject({ kind: 'diverged', sample: 0 });
  expect(diverged.depth).toBeGreaterThan(Math.log(1e3));
});

it('lets weight 0 be seen by none', () => {
  const controls = piecewiseConstantControls(
    uniformGrid(1, 1),
    P,
    randomNodes(backend, interactingField, 1, 9),
  );
  const flow = createAdaptiveFlow(backend, {
    field: interactingField,
    tokens: 3,
    samples: 1,
    weighted: true,
  });
  const initial = normalStates(backend, { samples: 1, tokens: 3, dimension: 3 }, 2);
  const weights = backend.allocate(8);
  weights.set([1, 0, 1]);
  const input = { horizon: 1, controls, initial, weights, absoluteTolerance: 1e-13 };
  const before = flow.integrate(input).last.slice();
  initial[1] += 0.5;
  const after = flow.integrate(input).last;
  expect(after[0]).toBeCloseTo(before[0], 10);
  expect(after[2]).toBeCloseTo(before[2], 8);
  expect(after[1]).not.toBeCloseTo(before[1], 3);
});
