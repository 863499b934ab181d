import { afterAll, describe, expect, it } from 'vitest';
import { affine } from '../../field/affine.ts';
import { feedForward } from '../../field/feed-forward.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { piecewiseConstantControls } from '../../flow/controls.ts';
import { createFlow } from '../../flow/flow.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { euler } from '../../flow/scheme.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { packTokens } from '../../kernels/tokens.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { inverse } from '../../numeric/decompositions.ts';
import {
  add,
  fromRows,
  identity,
  multiply,
  multiplyVector,
  scale,
  subtract,
  transpose,
} from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { certifyControls } from '../certificates/certify.ts';
import { createControlProblem } from '../create-problem.ts';
import { createLayerHamiltonian, placeOf } from '../layer-hamiltonian.ts';
import { initialParameters, partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import { stationarity } from '../stationarity.ts';
import { velocity, withScaledGradients } from '../test-support.ts';
import { minimiseLbfgs } from './lbfgs.ts';
import { controlSolvers, solveControls } from './solve-controls.ts';
import { successiveApproximations } from './successive-approximations.ts';

const backend = await createWasmBackend({ precision: 'f64', threads: 1 });
afterAll(() => backend.dispose());

function solve(
  problem: ControlProblem,
  parameters: FloatArray,
  batch: Parameters<ControlProblem['evaluate']>[1],
) {
  return minimiseLbfgs({
    backend,
    objective: (x, out) => problem.gradient(x, batch, out).objective,
    parameters,
    tolerance: 1e-11,
    norm: (gradient) => stationarity(problem, gradient).controls,
  });
}

describe('L-BFGS', () => {
  it('finds the minimum of Rosenbrock’s function', () => {
    const parameters = backend.allocate(2);
    parameters.set([-1.2, 1]);
    const result = minimiseLbfgs({
      backend,
      objective: ([x, y], out) => {
        out[0] = -400 * x * (y - x * x) - 2 * (1 - x);
        out[1] = 200 * (y - x * x);
        return 100 * (y - x * x) ** 2 + (1 - x) ** 2;
      },
      parameters,
      tolerance: 1e-12,
    });
    expect(result.status).toBe('converged');
    expect(parameters[0]).toBeCloseTo(1, 12);
    expect(parameters[1]).toBeCloseTo(1, 12);
  });

  it('says when it did not finish and when the start is of no use', () => {
    const objective = ([x]: FloatArray, out: FloatArray) => {
      out[0] = Math.sinh(x);
      return Math.cosh(x);
    };
    const parameters = backend.allocate(1);
    parameters[0] = 5;
    expect(minimiseLbfgs({ backend, objective, parameters, iterations: 1 }).status).toBe(
      'iterations-done',
    );
    parameters[0] = Number.NaN;
    expect(minimiseLbfgs({ backend, objective, parameters }).status).toBe('not-finite');
    expect(() => minimiseLbfgs({ backend, objective, parameters, memory: 0 })).toThrow(/memory/);
  });

  it('finds the linear-quadratic optimum that the Riccati recursion gives', () => {
    // h_{k+1} = (I + εA) h_k + ε u_k, J = ½|h_L|² + Σ ε (λ/2)|u_k|²: V = ½ h_0ᵀ P_0 h_0 with P_L = I,
    // P_k = F ᵀ(P − εP(λI + εP)^{-1}P)F, F = I + εA, P = P_{k+1}.
    const [d, layers, lambda] = [3, 12, 0.3];
    const epsilon = 1 / layers;
    const random = randomStream(5, 'linear-quadratic');
    const A = fromRows(
      Array.from({ length: d }, () => Array.from({ length: d }, () => random.normal())),
    );
    const h0 = Array.from({ length: d }, () => random.normal());
    const F = add(identity(d), A, epsilon);
    let P = identity(d);
    for (let k = 0; k < layers; k++) {
      const gain = multiply(P, inverse(add(scale(lambda, identity(d)), P, epsilon)), P);
      P = multiply(transpose(F), subtract(P, scale(epsilon, gain)), F);
    }
    const Ph = multiplyVector(P, h0);
    const value = 0.5 * h0.reduce((sum, x, i) => sum + x * Ph[i], 0);

    const field = affine({ dimension: d });
    const grid = uniformGrid(1, layers);
    const count = field.parameters.length;
    const parameters = backend.allocate(layers * count);
    for (let k = 0; k < layers; k++) parameters.set(A.data, k * count);
    const flow = createFlow(backend, { field, tokens: 1, samples: 1, scheme: euler });
    const initial = packTokens([[h0]], backend.allocate(flow.stateLength));
    const result = minimiseLbfgs({
      backend,
      parameters,
      tolerance: 1e-12,
      objective: (nodes, gradient) =>
        backend.scoped(() => {
          gradient.fill(0);
          const controls = piecewiseConstantControls(grid, count, nodes);
          const trajectory = flow.forward({ grid, controls, initial });
          const terminalCostate = trajectory.last;
          flow.backward({ trajectory, terminalCostate, gradient });
          const stride = flow.stateLength / d;
          let J = 0;
          for (let i = 0; i < d; i++) J += 0.5 * terminalCostate[i * stride] ** 2;
          for (let k = 0; k < layers; k++) {
            for (let i = k * count; i < (k + 1) * count; i++) {
              // A is given, u is free.
              if (i < k * count + d * d) gradient[i] = 0;
              else {
                J += 0.5 * epsilon * lambda * nodes[i] ** 2;
                gradient[i] += epsilon * lambda * nodes[i];
              }
            }
          }
          return J;
        }),
    });
    expect(result.status).toBe('converged');
    expect(result.value).toBeCloseTo(value, 13);
  });
});

describe('a scalar bilinear field', () => {
  it('has the constant optimum of its one-dimensional problem', () => {
    // h_L = h_0 Π(1 + εθ_k), z = (h_L, −h_L): for equal θ the problem is one-dimensional.
    const [layers, lambda] = [8, 0.2];
    const problem = createControlProblem(backend, {
      field: affine({ dimension: 1, bias: false }),
      grid: uniformGrid(1, layers),
      tokens: 1,
      samples: 2,
      classes: 2,
      pooling: 'last',
      regularisation: lambda,
      frozen: ['readout'],
    });
    const parameters = backend.allocate(problem.layout.length);
    partOf(problem.layout, parameters, 'controls').forEach((_, k, nodes) => {
      nodes[k] = 0.3 * Math.cos(3 * k);
    });
    partOf(problem.layout, parameters, 'readout').set([1, -1]);
    const batch = { samples: 2, states: [1, 0.4], labels: [0, 1] };
    const result = solve(problem, parameters, batch);
    expect(result.status).toBe('converged');
    const J = (theta: number) => {
      const growth = (1 + theta / layers) ** layers;
      const losses = [Math.log1p(Math.exp(-2 * growth)), Math.log1p(Math.exp(0.8 * growth))];
      return (losses[0] + losses[1]) / 2 + 0.5 * lambda * theta ** 2;
    };
    let [low, high] = [-2, 3];
    const golden = (Math.sqrt(5) - 1) / 2;
    for (let i = 0; i < 200; i++) {
      const [a, b] = [high - golden * (high - low), low + golden * (high - low)];
      if (J(a) < J(b)) high = b;
      else low = a;
    }
    expect(result.value).toBeCloseTo(J(low), 13);
    const nodes = partOf(problem.layout, parameters, 'controls');
    for (const node of nodes) expect(node).toBeCloseTo(nodes[0], 9);
    expect(nodes[0]).toBeCloseTo(low, 6);
  });
});

describe('certificates', () => {
  it.each([0, 1, 2])('calls the unique solution of a convex problem strong, start %i', (seed) => {
    const layers = 8;
    const problem = createControlProblem(backend, {
      field: velocity,
      grid: uniformGrid(1, layers),
      tokens: 1,
      samples: 2,
      classes: 2,
      pooling: 'last',
      regularisation: 0.5,
      frozen: ['readout'],
    });
    const parameters = backend.allocate(problem.layout.length);
    const random = randomStream(seed, 'start');
    partOf(problem.layout, parameters, 'controls').forEach((_, k, nodes) => {
      nodes[k] = 3 * random.normal();
    });
    partOf(problem.layout, parameters, 'readout').set([1, -1]);
    const batch = { samples: 2, states: [1, 2], labels: [0, 1] };
    expect(certifyControls(problem, parameters, batch).kind).toBe('not converged');
    const result = solve(problem, parameters, batch);
    expect(result.status).toBe('converged');
    const found = certifyControls(problem, parameters, batch);
    expect(found.kind).toBe('strong');
    expect(found.largestGap).toBeLessThan(1e-12);
    expect(found.largestJump).toBeLessThan(1e-9);
    expect(found.gradients?.agree).toBe(true);
    expect(found.gradients?.differences).toBeLessThan(1e-9);
    const [, halved] = found.gradients?.continuous ?? [];
    expect(halved).toBeLessThan(1e-9);
  });

  it('does not trust a solution whose gradient differs from finite differences', () => {
    const problem = createControlProblem(withScaledGradients(backend, 1 + 1e-4), {
      field: velocity,
      grid: uniformGrid(1, 4),
      tokens: 1,
      samples: 2,
      classes: 2,
      pooling: 'last',
      regularisation: 0.5,
      frozen: ['readout'],
    });
    const parameters = backend.allocate(problem.layout.length);
    partOf(problem.layout, parameters, 'readout').set([1, -1]);
    const batch = { samples: 2, states: [1, 2], labels: [0, 1] };
    expect(solve(problem, parameters, batch).gradientNorm).toBeLessThan(1e-10);
    const found = certifyControls(problem, parameters, batch);
    expect(found.kind).toBe('not converged');
    expect(found.reason).toMatch(/not to be trusted/);
    const unchecked = certifyControls(problem, parameters, batch, { gradientSamples: 0 });
    expect(unchecked.kind).toBe('strong');
  });

  it('calls a stationary point weak where a search finds a lower Hamiltonian', () => {
    // θ = 0 is stationary for f = W2 tanh(W1 h) (both derivatives vanish), and no minimum.
    const field = feedForward({ dimension: 2, hidden: 2, activation: 'tanh', bias: false });
    const problem = createControlProblem(backend, {
      field,
      grid: uniformGrid(1, 4),
      tokens: 1,
      samples: 2,
      classes: 2,
      pooling: 'last',
      regularisation: 0.01,
      frozen: ['readout'],
    });
    const parameters = backend.allocate(problem.layout.length);
    partOf(problem.layout, parameters, 'readout').set([2, 0, 0, 2]);
    const batch = { samples: 2, states: [1, 0.9, 0.9, 1], labels: [1, 0] };
    const found = certifyControls(problem, parameters, batch);
    expect(found.stationarity).toBe(0);
    expect(found.kind).toBe('weak');
    expect(found.largestGap).toBeGreaterThan(0);
    expect(found.reason).toMatch(/lower the Hamiltonian/);
  });
});

function smallProblem(horizon: number, layers: number, regularisation = 0.5) {
  const [d, tokens, samples] = [2, 3, 3];
  const problem = createControlProblem(backend, {
    field: transformerBlock({
      dimension: d,
      heads: 1,
      keyDimension: 1,
      hidden: 2,
      activation: 'tanh',
      normalisation: 'none',
    }),
    grid: uniformGrid(horizon, layers),
    tokens,
    samples,
    classes: 3,
    pooling: 'mean',
    regularisation,
    frozen: ['readout'],
  });
  const random = randomStream(3, 'small problem');
  const states = Array.from({ length: samples * tokens * d }, () => random.normal());
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, 7, { readout: 3 }));
  return { problem, parameters, batch: { samples, states, labels: [0, 1, 2] } };
}

describe('a layer’s Hamiltonian', () => {
  it.each([0, 2.5])('has the derivative that finite differences give, ρ = %d', (weight) => {
    const { problem, parameters, batch } = smallProblem(1, 3);
    const trace = problem.trace(parameters, batch);
    const hamiltonian = createLayerHamiltonian(problem, batch.samples);
    const P = problem.layout.parametersPerLayer;
    const [theta, reference, gradient, scratch] = [0, 1, 2, 3].map(() => backend.allocate(P));
    const random = randomStream(1, 'theta');
    for (let i = 0; i < P; i++) {
      theta[i] = random.normal();
      reference[i] = theta[i] + 0.3 * random.normal();
    }
    hamiltonian.at(
      placeOf(problem, trace, 1),
      weight > 0 ? { weight, theta: reference } : undefined,
    );
    hamiltonian.value(theta, gradient);
    for (let i = 0; i < P; i++) {
      const [centre, step] = [theta[i], 1e-5];
      theta[i] = centre + step;
      const above = hamiltonian.value(theta, scratch);
      theta[i] = centre - step;
      const below = hamiltonian.value(theta, scratch);
      theta[i] = centre;
      expect(gradient[i]).toBeCloseTo((above - below) / (2 * step), 7);
    }
  });
});

describe('successive approximations', () => {
  it('reach the stationary point that L-BFGS finds, in both forms, on a short horizon', () => {
    const reference = smallProblem(0.1, 4, 2);
    partOf(reference.problem.layout, reference.parameters, 'controls').fill(0.1);
    const start = reference.parameters.slice();
    const { value } = solve(reference.problem, reference.parameters, reference.batch);
    for (const augmentation of [0, 0.1]) {
      const { problem, parameters, batch } = smallProblem(0.1, 4, 2);
      parameters.set(start);
      const result = successiveApproximations({
        problem,
        parameters,
        batch,
        augmentation,
        sweeps: 200,
      });
      expect(result.status).toBe('converged');
      expect(result.objectives.at(-1)).toBeCloseTo(value, 8);
    }
  });

  it('descends at every sweep in the extended form, on a horizon where the basic form does not', () => {
    const run = (augmentation: number) => {
      const { problem, parameters, batch } = smallProblem(6, 12);
      return successiveApproximations({ problem, parameters, batch, augmentation, sweeps: 12 });
    };
    const rises = ({ objectives }: ReturnType<typeof run>) =>
      objectives.some((J, i) => i > 0 && !(J <= objectives[i - 1]));
    expect(rises(run(0))).toBe(true);
    expect(rises(run(0.1))).toBe(false);
  });
});

describe('every solver', () => {
  // A strongly convex problem on a short horizon: they must all come to its one solution.
  const reference = smallProblem(0.1, 4, 2);
  partOf(reference.problem.layout, reference.parameters, 'controls').fill(0.1);
  const start = reference.parameters.slice();
  const { value } = solve(reference.problem, reference.parameters, reference.batch);

  it.each(controlSolvers)(
    '%s comes to the same solution and says why it stopped',
    async (solver) => {
      const { problem, parameters, batch } = smallProblem(0.1, 4, 2);
      parameters.set(start);
      const iterations = solver.endsWith('approximations') ? 200 : 3000;
      // Adam's rate ends; the augmentation's gradient is a difference.
      const tolerance =
        { adam: 1e-5, 'extended-successive-approximations': 1e-6 }[solver as string] ?? 1e-8;
      const found = await solveControls({
        problem,
        parameters,
        batch,
        solver,
        iterations,
        tolerance,
      });
      expect(found.converged, found.reason).toBe(true);
      expect(found.residual).toBeLessThanOrEqual(tolerance);
      expect(found.objective).toBeCloseTo(value, 8);
      expect(found.layerGradients).toBeGreaterThan(4);
      parameters.set(start);
      const short = await solveControls({ problem, parameters, batch, solver, iterations: 1 });
      expect(short.converged).toBe(false);
      expect(short.reason).toMatch(/taken/);
    },
  );
});
