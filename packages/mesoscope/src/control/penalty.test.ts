import { afterAll, describe, expect, it } from 'vitest';
import { transformerBlock } from '../field/transformer-block.ts';
import { gradedGrid, uniformGrid } from '../flow/grid.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { compareGradients } from './certificates/gradient-comparison.ts';
import { createControlProblem } from './create-problem.ts';
import { createLayerHamiltonian, placeOf } from './layer-hamiltonian.ts';
import { initialParameters, partOf } from './parameters.ts';
import { controlPenalty, penaltyDensity } from './penalty.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());
const field = transformerBlock({
  dimension: 3,
  heads: 1,
  keyDimension: 2,
  hidden: 3,
  activation: 'tanh',
  causal: false,
  normalisation: 'none',
});
const P = field.parameters.length;
const random = randomStream(2, 'penalty test');
const reference = Float64Array.from({ length: P }, () => random.normal());

function modelWith(options: { readonly smoothness: number }) {
  const problem = createControlProblem(backend, {
    field,
    grid: uniformGrid(1, 3),
    tokens: 3,
    samples: 2,
    classes: 3,
    pooling: 'mean',
    regularisation: 0.7,
    reference,
    ...options,
  });
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(field, problem.layout, 1));
  const states = Array.from({ length: 18 }, (_, i) => Math.sin(i + 1));
  return { problem, parameters, batch: { samples: 2, states, labels: [0, 2] } };
}

describe('∫(λ/2)|θ − θ_ref|² dt', () => {
  it('is 0 at θ_ref, and its density that of a layer', () => {
    const nodes = Float64Array.from({ length: 3 * P }, (_, i) => reference[i % P]);
    const grid = gradedGrid(2, 3, 1.5);
    const penalty = { regularisation: 0.7, smoothness: 0.3, reference };
    const gradient = new Float64Array(3 * P);
    expect(controlPenalty(nodes, grid, penalty, gradient)).toBe(0);
    expect(gradient.every((x) => x === 0)).toBe(true);
    nodes[P] += 2;
    expect(Array.from(penaltyDensity(nodes, 3, penalty))).toEqual([0, expect.closeTo(1.4, 14), 0]);
    const alone = { ...penalty, smoothness: 0 };
    const length = grid.times[2] - grid.times[1];
    expect(controlPenalty(nodes, grid, alone, gradient)).toBeCloseTo(1.4 * length, 14);
    expect(gradient[P]).toBeCloseTo(1.4 * length, 14);
  });

  it('has one gradient made in three ways', () => {
    const options = {
      factors: [2, 4, 8, 16],
      fineFactor: 32,
      directions: 3,
      seed: 1,
    } as const;
    const { differences, continuous, fine } = compareGradients(
      modelWith({ smoothness: 0 }),
      options,
    );
    expect(differences.controls?.difference).toBeLessThan(1e-8);
    expect(fine.discrete).toBeLessThan(1e-8);
    expect(fine.differences).toBeLessThan(1e-8);
    // Discrete and continuous adjoint: of order 1/L.
    expect(continuous[3] / continuous[2]).toBeCloseTo(0.5, 1);
    const smooth = compareGradients(modelWith({ smoothness: 0.2 }), { ...options, factors: [1] });
    expect(smooth.differences.controls?.difference).toBeLessThan(1e-8);
  });

  it('enters the Hamiltonian of a layer, whose gradient is that of J', () => {
    const { problem, parameters, batch } = modelWith({ smoothness: 0 });
    const trace = problem.trace(parameters, batch);
    const hamiltonian = createLayerHamiltonian(problem, 2);
    const gradient = problem.backend.allocate(problem.layout.length);
    problem.gradient(parameters, batch, gradient);
    const own = problem.backend.allocate(P);
    for (let k = 0; k < 3; k++) {
      hamiltonian.at(placeOf(problem, trace, k));
      hamiltonian.value(
        partOf(problem.layout, parameters, 'controls').subarray(k * P, (k + 1) * P),
        own,
      );
      own.forEach((x, i) => {
        expect(Math.abs(x / 3 - gradient[k * P + i])).toBeLessThan(1e-14);
      });
    }
  });

  it.each([
    [[1, 2], /reference/],
    [reference.map(() => Number.NaN), /reference/],
  ])('refuses the reference %#', (wrong, message) => {
    const options = { field, grid: uniformGrid(1, 2), tokens: 3, samples: 2, classes: 3 };
    expect(() => createControlProblem(backend, { ...options, reference: wrong })).toThrow(message);
  });
});
