import { afterAll, describe, expect, it } from 'vitest';
import { affine } from '../field/affine.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { piecewiseConstantControls, piecewiseLinearControls } from './controls.ts';
import { directionalDerivative, finiteDifferenceGradient } from './finite-difference.ts';
import { createFlow } from './flow.ts';
import { gradedGrid, refineGrid, uniformGrid } from './grid.ts';
import { dormandPrince, euler, heun, rk4 } from './scheme.ts';
import {
  countingBackend,
  interactingField,
  normalStates,
  pairing,
  randomNodes,
} from './test-support.ts';
import type { Controls, DepthGrid, Scheme } from './types.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());
const shape = { samples: 2, tokens: 4, dimension: 3 };
const P = interactingField.parameters.length;

/** The objective `⟨w, h_L⟩` of a flow of the interacting field, its gradient and its costates. */
function linearObjective(scheme: Scheme, grid: DepthGrid, controls: Controls) {
  const flow = createFlow(backend, {
    field: interactingField,
    tokens: shape.tokens,
    samples: shape.samples,
    scheme,
  });
  const initial = normalStates(backend, shape, 7);
  const terminalCostate = normalStates(backend, shape, 8);
  const value = () =>
    pairing(flow.forward({ grid, controls, initial }).last, terminalCostate, shape.tokens);
  const gradient = backend.allocate(controls.nodes.length);
  const trajectory = flow.forward({ grid, controls, initial });
  const costates = flow.backward({ trajectory, terminalCostate, gradient, keepCostates: true });
  return { value, gradient, costates, initial };
}

const grid = gradedGrid(1.5, 3, 1.3, (t) => 1 + 0.3 * t);
const cases = [
  {
    name: 'piecewise constant',
    grid,
    controls: () =>
      piecewiseConstantControls(grid, P, randomNodes(backend, interactingField, 3, 1)),
  },
  {
    name: 'piecewise linear on a coarser grid',
    grid: refineGrid(uniformGrid(1.5, 2), 2),
    controls: () =>
      piecewiseLinearControls(
        uniformGrid(1.5, 2).times,
        P,
        randomNodes(backend, interactingField, 3, 2),
      ),
  },
];

describe.each(cases)('discrete adjoint, $name controls', ({ grid, controls }) => {
  it.each([euler, heun, rk4, dormandPrince])('$name agrees with finite differences', (scheme) => {
    const nodes = controls();
    const { value, gradient, costates, initial } = linearObjective(scheme, grid, nodes);
    const random = randomStream(3, 'directions');
    for (const [x, exact] of [
      [nodes.nodes, gradient],
      [initial, costates.initial],
    ] as const) {
      const direction = random.normals(new Float64Array(x.length));
      const { derivative } = directionalDerivative(value, x, direction);
      const expected =
        x === initial
          ? pairing(exact, direction, shape.tokens)
          : Float64Array.from(exact).reduce((sum, g, i) => sum + g * direction[i], 0);
      expect(Math.abs(derivative - expected)).toBeLessThan(1e-9 * Math.max(1, Math.abs(expected)));
    }
  });
});

it('agrees with finite differences in every single entry', () => {
  const controls = cases[0].controls();
  const { value, gradient } = linearObjective(heun, grid, controls);
  const differences = finiteDifferenceGradient(value, controls.nodes, { halvings: 4 });
  const scale = Math.max(...gradient.map(Math.abs));
  for (const [i, g] of gradient.entries()) {
    expect(Math.abs(g - differences[i])).toBeLessThan(1e-8 * scale);
  }
});

it('is exact to rounding where it can be written by hand', () => {
  // h ← (1 + εa + (εa)²/2) h + (1 + εa/2)εb for Heun with θ = (a, b) constant in the layer.
  const field = affine({ dimension: 1 });
  const flow = createFlow(backend, { field, tokens: 1, samples: 1, scheme: heun });
  const grid = uniformGrid(1, 2);
  const nodes = backend.allocate(4);
  nodes.set([0.7, -0.4, -1.3, 0.2]);
  const controls = piecewiseConstantControls(grid, 2, nodes);
  const initial = backend.allocate(flow.stateLength);
  initial[0] = 1.25;
  const terminalCostate = backend.allocate(flow.stateLength);
  terminalCostate[0] = 3;
  const gradient = backend.allocate(4);
  const trajectory = flow.forward({ grid, controls, initial });
  const costates = flow.backward({ trajectory, terminalCostate, gradient, keepCostates: true });

  const e = 0.5;
  const growth = (a: number) => 1 + e * a + (e * a) ** 2 / 2;
  const h0 = 1.25;
  const h1 = growth(0.7) * h0 + (1 + (e * 0.7) / 2) * e * -0.4;
  const p1 = growth(-1.3) * 3;
  const partA = (h: number, a: number, b: number) => (e + e * e * a) * h + (e * e * b) / 2;
  const partB = (a: number) => (1 + (e * a) / 2) * e;
  const exact = [
    p1 * partA(h0, 0.7, -0.4),
    p1 * partB(0.7),
    3 * partA(h1, -1.3, 0.2),
    3 * partB(-1.3),
  ];
  for (const [i, g] of exact.entries()) {
    expect(Math.abs(gradient[i] - g)).toBeLessThan(4e-15 * Math.abs(g));
  }
  expect(costates.all?.[1][0]).toBeCloseTo(p1, 14);
  expect(costates.initial[0]).toBeCloseTo(growth(0.7) * p1, 14);
});

it('adds to the gradient it is given', () => {
  const controls = cases[1].controls();
  const { gradient } = linearObjective(rk4, cases[1].grid, controls);
  const flow = createFlow(backend, { field: interactingField, tokens: 4, samples: 2, scheme: rk4 });
  const twice = backend.allocate(gradient.length);
  const trajectory = flow.forward({
    grid: cases[1].grid,
    controls,
    initial: normalStates(backend, shape, 7),
  });
  const terminalCostate = normalStates(backend, shape, 8);
  for (let i = 0; i < 2; i++) flow.backward({ trajectory, terminalCostate, gradient: twice });
  const scale = Math.max(...gradient.map(Math.abs));
  for (const [i, g] of twice.entries()) {
    expect(Math.abs(g - 2 * gradient[i])).toBeLessThan(1e-14 * scale);
  }
});

describe('checkpoints', () => {
  /** A reference backend that counts the elements in use; what a scope allocates is given back at its end. */
  it.each([1, 2, 3, 7, 16, 17])('give bitwise the same gradient at L = %i', (layers) => {
    const depths = uniformGrid(1, layers);
    const controls = piecewiseConstantControls(
      depths,
      P,
      randomNodes(backend, interactingField, layers, 5),
    );
    const flow = createFlow(backend, {
      field: interactingField,
      tokens: 4,
      samples: 2,
      scheme: heun,
    });
    const initial = normalStates(backend, shape, 7);
    const terminalCostate = normalStates(backend, shape, 8);
    const run = (checkpoints: 'all' | 'sqrt' | 'ends' | number) => {
      const gradient = backend.allocate(controls.nodes.length);
      const trajectory = flow.forward({ grid: depths, controls, initial, checkpoints });
      const { initial: costate } = flow.backward({ trajectory, terminalCostate, gradient });
      return { last: trajectory.last, costate, gradient };
    };
    const all = run('all');
    for (const checkpoints of ['sqrt', 'ends', 2, 5] as const) {
      expect(run(checkpoints)).toEqual(all);
    }
  });

  it('keep O(√L) states', () => {
    const peakStates = (layers: number, checkpoints: 'all' | 'sqrt') => {
      const counting = countingBackend();
      const field = affine({ dimension: 2 });
      const flow = createFlow(counting, { field, tokens: 3, samples: 2, scheme: euler });
      const grid = uniformGrid(1, layers);
      const controls = piecewiseConstantControls(grid, 6, new Float64Array(6 * layers));
      const initial = normalStates(backend, { samples: 2, tokens: 3, dimension: 2 }, 1);
      counting.live = 0;
      counting.peak = 0;
      counting.scoped(() => {
        const trajectory = flow.forward({ grid, controls, initial, checkpoints });
        flow.backward({ trajectory, terminalCostate: initial });
      });
      return counting.peak / initial.length;
    };
    expect(peakStates(64, 'all')).toBe(66);
    expect(peakStates(64, 'sqrt')).toBe(9 + 7 + 1);
    expect(peakStates(4096, 'sqrt')).toBe(65 + 63 + 1);
  });
});
