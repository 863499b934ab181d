import { expect, it } from 'vitest';
import { affine } from '../field/affine.ts';
import { evaluateField, pullbackField } from '../field/evaluate.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { unpackTokens } from '../kernels/tokens.ts';
import { spectralNorm } from '../numeric/decompositions.ts';
import { fromRows } from '../numeric/matrix.ts';
import { piecewiseConstantControls, piecewiseLinearControls } from './controls.ts';
import { createFlow } from './flow.ts';
import { uniformGrid } from './grid.ts';
import { createFieldProbe } from './lipschitz.ts';
import { heun } from './scheme.ts';
import { interactingField, normalStates, randomNodes } from './test-support.ts';

const backend = createReferenceBackend();
const P = interactingField.parameters.length;

it('finds the spectral norm of the full Jacobian of the interacting field', () => {
  const nodes = randomNodes(backend, interactingField, 1, 3);
  const grid = uniformGrid(1, 1, () => 1.7);
  const controls = piecewiseConstantControls(grid, P, nodes);
  const state = normalStates(backend, { samples: 2, tokens: 4, dimension: 3 }, 3);
  const probe = createFieldProbe(backend, { field: interactingField, tokens: 4, samples: 2 });
  const place = { controls, depth: 0, from: 0, to: 1, profile: grid.profile, state };
  const measured = probe.operatorNorms(place, { tolerance: 1e-10, iterations: 1000 });
  const speeds = probe.speeds(place);
  const samples = unpackTokens(state, { samples: 2, tokens: 4, dimension: 3 });
  samples.forEach((tokens, s) => {
    const given = { tokens, parameters: nodes };
    const rows = Array.from({ length: 12 }, (_, r) => {
      const p = Array.from({ length: 4 }, (_, i) =>
        Array.from({ length: 3 }, (_, a) => (3 * i + a === r ? 1.7 : 0)),
      );
      return pullbackField(backend, interactingField, given, p).state.flat();
    });
    const exact = spectralNorm(fromRows(rows));
    expect(Math.abs(measured[s] - exact)).toBeLessThan(1e-6 * exact);
    const value = evaluateField(backend, interactingField, given).flat();
    expect(speeds[s]).toBeCloseTo(1.7 * Math.hypot(...value), 12);
  });
});

it('measures the constants of a linear flow along its trajectory', () => {
  // F = (1 + t) (1 + 2t) h for one coordinate: D_hF ≤ 6, ∂_tF = (3 + 4t) h.
  const field = affine({ dimension: 1, bias: false });
  const grid = uniformGrid(1, 8, (t) => 1 + t);
  const controls = piecewiseLinearControls(Float64Array.of(0, 1), 1, Float64Array.of(1, 3));
  const flow = createFlow(backend, { field, tokens: 2, samples: 1, scheme: heun });
  const initial = backend.allocate(flow.stateLength);
  initial.set([3e-3, 4e-3]);
  const trajectory = flow.forward({ grid, controls, initial });
  const probe = createFieldProbe(backend, { field, tokens: 2, samples: 1 });
  const constants = probe.along(trajectory);
  expect(constants.stateLipschitz).toBeCloseTo(6, 8);
  const end = Math.hypot(trajectory.last[0], trajectory.last[1]);
  expect(constants.speed).toBeCloseTo(6 * end, 12);
  expect(Math.abs(constants.timeVariation - 7 * end)).toBeLessThan(1e-7 * end);
  expect(constants.layers.length).toBe(8);
  expect(constants.layers[0].stateLipschitz).toBeCloseTo((1 + 1 / 8) * (1 + 2 / 8), 8);
});

it('gives a field without change in depth no variation in time', () => {
  const grid = uniformGrid(1, 3);
  const controls = piecewiseConstantControls(grid, P, randomNodes(backend, interactingField, 3, 4));
  const flow = createFlow(backend, {
    field: interactingField,
    tokens: 4,
    samples: 1,
    scheme: heun,
  });
  const initial = normalStates(backend, { samples: 1, tokens: 4, dimension: 3 }, 3);
  const trajectory = flow.forward({ grid, controls, initial });
  const probe = createFieldProbe(backend, { field: interactingField, tokens: 4, samples: 1 });
  expect(probe.along(trajectory).timeVariation).toBeLessThan(1e-9);
});
