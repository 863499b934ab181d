import { describe, expect, it } from 'vitest';
import { uniformGrid } from '../flow/grid.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { createControlProblem } from './create-problem.ts';
import { hamiltonianProfile } from './hamiltonian.ts';
import { partOf } from './parameters.ts';
import { constantRate, gradientFlow, minimise } from './solvers/index.ts';
import { velocity } from './test-support.ts';

describe('a convex problem whose solution is known', () => {
  // Two classes, z = (h_T, −h_T), one sample each of both classes at h_0 = 1 and 2, T = 1, g = θ²/4:
  // J = ½ Σ_s log(1 + e^{−2 y_s h_T}) + θ²/4 over constant θ; θ solves ½θ = ½ Σ_s 2 y_s/(1 + e^{2 y_s h_T}).
  const lambda = 0.5;
  const samples = [
    { h0: 1, sign: 1 },
    { h0: 2, sign: -1 },
  ];
  const slope = (theta: number) =>
    samples.reduce(
      (sum, { h0, sign }) => sum - sign / (1 + Math.exp(2 * sign * (h0 + theta))),
      lambda * theta,
    );
  let [low, high] = [-10, 10];
  for (let k = 0; k < 100; k++) {
    const middle = (low + high) / 2;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  const theta = low;
  const value =
    samples.reduce(
      (sum, { h0, sign }) => sum + 0.5 * Math.log1p(Math.exp(-2 * sign * (h0 + theta))),
      0,
    ) +
    0.5 * lambda * theta ** 2;

  it.each([1, 4, 16])(
    'is found at %i layers, with costate −λθ and a constant Hamiltonian',
    async (layers) => {
      const problem = createControlProblem(createReferenceBackend(), {
        field: velocity,
        grid: uniformGrid(1, layers),
        tokens: 1,
        samples: 2,
        classes: 2,
        pooling: 'last',
        regularisation: lambda,
        frozen: ['readout'],
      });
      const { layout } = problem;
      const parameters = new Float64Array(layout.length);
      partOf(layout, parameters, 'controls').forEach((_, k, nodes) => {
        nodes[k] = Math.sin(k);
      });
      partOf(layout, parameters, 'readout').set([1, -1]);
      const batch = { samples: 2, states: samples.map(({ h0 }) => h0), labels: [0, 1] };
      const status = await minimise({
        objective: { gradient: (x, _step, out) => problem.gradient(x, batch, out) },
        rule: gradientFlow(problem.backend, layout.length),
        parameters,
        gradient: new Float64Array(layout.length),
        rate: constantRate({ rate: 0.5 * layers }),
        steps: 1000,
        tolerance: 1e-14,
      });
      expect(status.kind).toBe('tolerance-reached');
      for (const node of partOf(layout, parameters, 'controls'))
        expect(node).toBeCloseTo(theta, 12);
      const trace = problem.trace(parameters, batch);
      expect(trace.evaluation.objective).toBeCloseTo(value, 13);
      const stride = problem.stateLength;
      for (const costate of trace.costates) {
        expect((costate[0] + costate[stride]) / 2).toBeCloseTo(-lambda * theta, 12);
      }
      const { values, range } = hamiltonianProfile(problem, parameters, trace);
      expect(values[0]).toBeCloseTo(-0.5 * lambda * theta ** 2, 12);
      expect(range).toBeLessThan(1e-12);
    },
  );
});
