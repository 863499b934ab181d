import { afterAll, expect, it } from 'vitest';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { fitRate } from '../numeric/fit.ts';
import { createAdaptiveFlow } from './adaptive.ts';
import { piecewiseConstantControls, piecewiseLinearControls, sampleControls } from './controls.ts';
import { createContinuousAdjoint } from './costate.ts';
import { directionalDerivative } from './finite-difference.ts';
import { createFlow } from './flow.ts';
import { refineGrid, uniformGrid } from './grid.ts';
import { euler } from './scheme.ts';
import { distance, interactingField, normalStates, pairing, randomNodes } from './test-support.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());
const P = interactingField.parameters.length;
const shape = { field: interactingField, tokens: 4, samples: 2 };
const coarse = uniformGrid(1, 2, (t) => 1 + 0.5 * t);
const initial = normalStates(backend, { samples: 2, tokens: 4, dimension: 3 }, 7);
const terminalCostate = normalStates(backend, { samples: 2, tokens: 4, dimension: 3 }, 8);
const flow = createAdaptiveFlow(backend, shape);
const adjoint = createContinuousAdjoint(backend, shape);
const precise = { relativeTolerance: 1e-12, absoluteTolerance: 1e-12 };

const differences = { step: 0.02, halvings: 3 };

const kinds = [
  {
    name: 'piecewise constant',
    controls: piecewiseConstantControls(coarse, P, randomNodes(backend, interactingField, 2, 1)),
  },
  {
    name: 'piecewise linear',
    controls: piecewiseLinearControls(
      coarse.times,
      P,
      randomNodes(backend, interactingField, 3, 2),
    ),
  },
];

it.each(kinds)('is the gradient of the continuous flow: $name', ({ controls }) => {
  const input = { horizon: 1, profile: coarse.profile, controls, initial, ...precise };
  const solve = () => flow.integrate(input);
  const trajectory = solve();
  const gradient = backend.allocate(controls.nodes.length);
  const costates = adjoint.integrate({
    grid: refineGrid(coarse, 24),
    controls,
    states: trajectory.at,
    terminalCostate,
    gradient,
  });
  const value = () => backend.scoped(() => pairing(solve().last, terminalCostate, 4));
  const direction = randomNodes(backend, interactingField, controls.nodeCount, 5);
  const inNodes = directionalDerivative(value, controls.nodes, direction, differences);
  const expected = Float64Array.from(gradient).reduce((sum, g, i) => sum + g * direction[i], 0);
  expect(Math.abs(inNodes.derivative - expected)).toBeLessThan(1e-8 * Math.abs(expected));
  const push = normalStates(backend, { samples: 2, tokens: 4, dimension: 3 }, 9);
  const inState = directionalDerivative(value, initial, push, differences);
  const pushed = pairing(costates.initial, push, 4);
  expect(Math.abs(inState.derivative - pushed)).toBeLessThan(1e-8 * Math.abs(pushed));
});

it('is approached by the discrete costate and gradient at rate 1', () => {
  const controls = kinds[1].controls;
  const trajectory = flow.integrate({ horizon: 1, controls, initial, ...precise });
  const depths = [16, 32, 64, 128];
  const finest = uniformGrid(1, 128);
  const exact = adjoint.integrate({
    grid: finest,
    controls,
    states: trajectory.at,
    terminalCostate,
    keepCostates: true,
  });
  const state = backend.allocate(initial.length);
  const density = backend.allocate(P);
  const errors = depths.map((layers) => {
    const grid = uniformGrid(1, layers);
    const nodes = backend.allocate(layers * P);
    sampleControls(controls, grid, 'left', nodes);
    const discrete = createFlow(backend, { ...shape, scheme: euler });
    const gradient = backend.allocate(layers * P);
    const costates = discrete.backward({
      trajectory: discrete.forward({
        grid,
        controls: piecewiseConstantControls(grid, P, nodes),
        initial,
      }),
      terminalCostate,
      gradient,
      keepCostates: true,
    });
    let costateError = 0;
    let gradientError = 0;
    for (let k = 0; k <= layers; k++) {
      const reference = exact.all?.[(k * 128) / layers];
      const costate = costates.all?.[k];
      if (!reference || !costate) throw new Error('costates are missing');
      costateError = Math.max(costateError, distance(costate, reference, 4));
      if (k === layers) continue;
      const depth = k / layers;
      trajectory.at(depth, state);
      const place = { depth, from: depth, to: depth + 1 / layers };
      adjoint.density({ controls, ...place, state, costate: reference }, density);
      for (let i = 0; i < P; i++) {
        const gap = Math.abs(layers * gradient[k * P + i] - density[i]);
        gradientError = Math.max(gradientError, gap);
      }
    }
    return { costateError, gradientError };
  });
  for (const name of ['costateError', 'gradientError'] as const) {
    const { slope } = fitRate({ x: depths, y: [errors.map((error) => error[name])] });
    expect(Math.abs(slope + 1)).toBeLessThan(0.1);
  }
});
