import { expect, it } from 'vitest';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import {
  controlAt,
  piecewiseConstantControls,
  piecewiseLinearControls,
  prolongControls,
  sampleControls,
  sampledControls,
} from './controls.ts';
import { givenGrid, gradedGrid, refineGrid, uniformGrid } from './grid.ts';

const backend = createReferenceBackend();

it('takes a piecewise constant control from inside the step', () => {
  const grid = givenGrid([0, 0.3, 1]);
  const controls = piecewiseConstantControls(grid, 1, Float64Array.of(5, 7));
  const nodeAt = (t: number, from: number, to: number) => controls.combination(t, from, to)[0].node;
  expect(nodeAt(0, 0, 0.3)).toBe(0);
  expect(nodeAt(0.3, 0, 0.3)).toBe(0);
  expect(nodeAt(0.3, 0.3, 1)).toBe(1);
  expect(nodeAt(0.3, 0.3, 0)).toBe(0);
  expect(nodeAt(1, 0.3, 1)).toBe(1);
  expect(nodeAt(0.1, 0, 1)).toBe(0);
  expect(nodeAt(0.9, 0, 1)).toBe(1);
});

it('interpolates linearly, with one node at a node', () => {
  const controls = sampledControls(backend, {
    times: Float64Array.of(0, 1, 4),
    parameterCount: 2,
    theta: (t, out) => out.set([t ** 2, -t]),
  });
  const out = backend.allocate(2);
  controlAt(controls, 2, 0, 4, out);
  expect(out).toEqual(Float64Array.of(6, -2));
  expect(controls.combination(1, 0, 1)).toEqual([{ node: 1, weight: 1 }]);
  expect(controls.combination(4, 1, 4)).toEqual([{ node: 2, weight: 1 }]);
});

it('samples onto the layers of a grid', () => {
  const linear = piecewiseLinearControls(Float64Array.of(0, 2), 1, Float64Array.of(0, 2));
  const out = backend.allocate(4);
  sampleControls(linear, uniformGrid(2, 4), 'left', out);
  expect(out).toEqual(Float64Array.of(0, 0.5, 1, 1.5));
  sampleControls(linear, uniformGrid(2, 4), 'middle', out);
  expect(out).toEqual(Float64Array.of(0.25, 0.75, 1.25, 1.75));
});

it('prolongs by repetition to the same function, and linearly to the same line', () => {
  const grid = gradedGrid(3, 4, 1.7);
  const fine = refineGrid(grid, 2);
  const line = (from: number, to: number) => 2 - 3 * ((from + to) / 2);
  const nodes = Float64Array.from({ length: 4 }, (_, k) => line(grid.times[k], grid.times[k + 1]));
  const controls = piecewiseConstantControls(grid, 1, nodes);
  const repeated = prolongControls(controls, 'repeat', backend.allocate(8));
  for (let k = 0; k < 8; k++) expect(repeated.nodes[k]).toBe(nodes[k >> 1]);
  const interpolated = prolongControls(controls, 'linear', backend.allocate(8));
  for (let k = 0; k < 8; k++) {
    expect(interpolated.nodes[k]).toBeCloseTo(line(fine.times[k], fine.times[k + 1]), 12);
  }
  const one = piecewiseConstantControls(uniformGrid(1, 1), 1, Float64Array.of(4));
  expect(prolongControls(one, 'linear', backend.allocate(2)).nodes).toEqual(Float64Array.of(4, 4));
});

it('refines a grid without moving its depths', () => {
  const grid = gradedGrid(0.7, 5, 0.6);
  const fine = refineGrid(grid, 3);
  grid.times.forEach((t, k) => {
    expect(fine.times[3 * k]).toBe(t);
  });
  expect(fine.times.length).toBe(16);
  expect(uniformGrid(0.7, 7).times[7]).toBe(0.7);
});
