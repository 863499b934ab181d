import { afterAll, describe, expect, it } from 'vitest';
import { affine } from '../field/affine.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { createAdaptiveFlow } from './adaptive.ts';
import { piecewiseLinearControls } from './controls.ts';
import { createContinuousAdjoint } from './costate.ts';
import { directionalDerivative } from './finite-difference.ts';
import { createFlow } from './flow.ts';
import { givenGrid, refineGrid } from './grid.ts';
import { dormandPrince } from './scheme.ts';
import { distance, interactingField, normalStates, pairing, randomNodes } from './test-support.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());
const P = interactingField.parameters.length;

describe('a field for each layer', () => {
  const sizes = { samples: 2, tokens: 4, dimension: 3 };
  const fields = [interactingField, affine({ dimension: 3 }), interactingField];
  // Layers of unequal length, and none of the controls' own breakpoints where they end.
  const stack = { times: Float64Array.of(0, 0.3, 0.8, 1), fields };
  const controls = piecewiseLinearControls(
    Float64Array.of(0, 0.5, 1),
    P,
    randomNodes(backend, interactingField, 3, 11),
  );
  const initial = normalStates(backend, sizes, 12);
  const options = { field: stack, tokens: 4, samples: 2 };
  const precise = { controls, relativeTolerance: 1e-12, absoluteTolerance: 1e-12 };
  const flow = createAdaptiveFlow(backend, options);

  it('agrees with a fine fixed-step flow, at the end and inside', () => {
    const grid = refineGrid(givenGrid([0, 0.3, 0.5, 0.8, 1]), 64);
    const exact = createFlow(backend, { ...options, scheme: dormandPrince }).forward({
      grid,
      controls,
      initial,
    });
    const trajectory = flow.integrate({ ...precise, horizon: 1, initial });
    expect(trajectory.status.kind).toBe('completed');
    expect(distance(trajectory.last, exact.last, 4)).toBeLessThan(1e-10);
    // Steps that do not land where a layer ends are rejected again and again.
    expect(trajectory.rejected).toBeLessThan(10);
    const out = backend.allocate(initial.length);
    for (const k of [64, 100, 192, 200]) {
      trajectory.at(grid.times[k], out);
      expect(distance(out, exact.state(k), 4)).toBeLessThan(1e-9);
    }
  });

  it('ends inside a layer, but not beyond the last', () => {
    const whole = flow.integrate({ ...precise, horizon: 1, initial });
    const part = flow.integrate({ ...precise, horizon: 0.6, initial });
    const out = backend.allocate(initial.length);
    whole.at(0.6, out);
    expect(distance(part.last, out, 4)).toBeLessThan(1e-9);
    expect(() => flow.integrate({ ...precise, horizon: 1.1, initial })).toThrow(
      /horizon: received 1.1, expected at most 1, where the last layer ends/,
    );
  });

  it('has the gradient that finite differences and the discrete adjoint of fine steps have', () => {
    const terminalCostate = normalStates(backend, sizes, 13);
    const solve = () => flow.integrate({ ...precise, horizon: 1, initial });
    const grid = refineGrid(givenGrid([0, 0.3, 0.5, 0.8, 1]), 24);
    const adjoint = createContinuousAdjoint(backend, options);
    const continuous = backend.allocate(controls.nodes.length);
    adjoint.integrate({
      grid,
      controls,
      states: solve().at,
      terminalCostate,
      gradient: continuous,
    });
    const fixed = createFlow(backend, { ...options, scheme: dormandPrince });
    const discrete = backend.allocate(controls.nodes.length);
    const trajectory = fixed.forward({ grid, controls, initial });
    fixed.backward({ trajectory, terminalCostate, gradient: discrete });
    const direction = randomNodes(backend, interactingField, 3, 14);
    const value = () => backend.scoped(() => pairing(solve().last, terminalCostate, 4));
    const { derivative } = directionalDerivative(value, controls.nodes, direction, {
      step: 0.02,
      halvings: 3,
    });
    for (const gradient of [continuous, discrete]) {
      const found = Array.from<number>(gradient).reduce((sum, g, i) => sum + g * direction[i], 0);
      expect(Math.abs(found / derivative - 1)).toBeLessThan(1e-8);
    }
    const coarse = givenGrid([0, 0.5, 1]);
    const misfit = { grid: coarse, controls, states: solve().at, terminalCostate };
    expect(() => adjoint.integrate(misfit)).toThrow(/contains the depth 0.3, where a layer ends/);
  });
});
