import { afterAll, describe, expect, it } from 'vitest';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { symmetricEigen } from '../../numeric/decompositions.ts';
import { randomStream } from '../../numeric/random.ts';
import type { ControlModel } from '../control-model.ts';
import { createControlProblem } from '../create-problem.ts';
import { initialParameters, partOf } from '../parameters.ts';
import type { ControlProblemOptions } from '../problem.ts';
import { measureActivity } from './activity.ts';
import { augmentedValues } from './augmented-hamiltonian.ts';
import { pooledReadoutNorm } from './control-range.ts';
import { legendreCurvatures } from './legendre.ts';
import { describeSolution, numbersOf, solveModel, solveOverDepths } from './optimum.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

/** Sequences of four tokens in R³, told apart by their mean. */
function sequencesModel(
  options: { layers: number } & Partial<ControlProblemOptions>,
): ControlModel {
  const { layers, ...more } = options;
  const samples = 6;
  const problem = createControlProblem(backend, {
    field: transformerBlock({
      dimension: 3,
      heads: 1,
      keyDimension: 2,
      hidden: 3,
      activation: 'tanh',
      causal: false,
      normalisation: 'none',
    }),
    grid: uniformGrid(1, layers),
    tokens: 4,
    samples,
    classes: 3,
    pooling: 'mean',
    frozen: ['readout'],
    ...more,
  });
  const random = randomStream(3, 'sequences of a test');
  const states = Array.from({ length: samples * 12 }, () => random.normal());
  const batch = { samples, states, labels: Array.from({ length: samples }, (_, s) => s % 3) };
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, 5));
  return { problem, parameters, batch };
}

describe('solveModel', () => {
  it('descends to controls of zero gradient', () => {
    const model = sequencesModel({ layers: 5, regularisation: 1 });
    const { residual, objective, size, parameters } = solveModel(model, { tolerance: 1e-10 });
    expect(residual).toBeLessThan(1e-10);
    expect(model.problem.evaluate(model.parameters, model.batch).objective).toBe(objective);
    const nodes = partOf(model.problem.layout, parameters, 'controls');
    expect(size).toBeCloseTo(nodes.reduce((sum, x) => sum + x * x, 0) / 5, 14);
  });

  it('says that it found nothing where the flow diverges', () => {
    const model = sequencesModel({ layers: 2, regularisation: 1 });
    model.parameters.forEach((x, i) => {
      model.parameters[i] = 1e9 * x;
    });
    const found = solveModel(model);
    expect(found.status).toBe('not-finite');
    expect(describeSolution(model, found)).toBeUndefined();
  });

  it('starts each depth from the solution before', () => {
    const modelOf = (layers: number) => sequencesModel({ layers, regularisation: 1 });
    const solutions = solveOverDepths(backend, [2, 4, 8], modelOf);
    expect(solutions[2].gradients).toBeLessThan(solveModel(modelOf(8)).gradients);
    expect(numbersOf(solutions).depths.map(({ layers }) => layers)).toEqual([2, 4, 8]);
  });
});

describe('measureActivity', () => {
  const model = sequencesModel({ layers: 2 });
  const { problem, parameters, batch } = model;
  const P = problem.layout.parametersPerLayer;
  const activityWith = (name: string, factor: number) => {
    const saved = parameters.slice();
    const block = problem.field.parameters.blocks.find((one) => one.name === name);
    if (block === undefined) throw new Error(name);
    for (let k = 0; k < 2; k++) {
      const from = k * P + block.offset;
      for (let i = from; i < from + block.rows * block.columns; i++) parameters[i] *= factor;
    }
    const activity = measureActivity(model, problem.trace(parameters, batch));
    parameters.set(saved);
    return activity;
  };

  it('sees attention and activation of a random layer', () => {
    const { attention, activation } = activityWith('attention.Q', 1);
    expect(attention).toBeGreaterThan(0.05);
    expect(activation).toBeGreaterThan(0.05);
  });

  it('sees no attention without keys, and an activation that acts linearly as none', () => {
    expect(activityWith('attention.K', 0).attention).toBeLessThan(1e-14);
    expect(activityWith('feedForward.W1', 1e-4).activation).toBeLessThan(1e-6);
    expect(activityWith('feedForward.W2', 0).activation).toBeLessThan(1e-12);
  });
});

it('bounds the terminal costate by √2 times the norm of readout and pooling', () => {
  for (const pooling of ['mean', 'last'] as const) {
    const model = sequencesModel({ layers: 1, pooling });
    const { terminalCostate } = model.problem.trace(model.parameters, model.batch);
    const size = model.problem.stateLength;
    const largest = Math.max(
      ...Array.from({ length: 6 }, (_, s) =>
        Math.hypot(...terminalCostate.subarray(s * size, (s + 1) * size)),
      ),
    );
    const bound = Math.SQRT2 * pooledReadoutNorm(model);
    expect(largest).toBeLessThan(bound);
    expect(largest).toBeGreaterThan(0.2 * bound);
  }
});

it('makes the augmented Hamiltonian anew from the trajectory', () => {
  const model = sequencesModel({ layers: 3, regularisation: 0.5 });
  const trial = partOf(
    sequencesModel({ layers: 3 }).problem.layout,
    sequencesModel({ layers: 3 }).parameters,
    'controls',
  );
  trial.forEach((x, i) => {
    trial[i] = x + Math.sin(i);
  });
  for (const { solver, anew, size } of augmentedValues(model, trial, 2)) {
    expect(Math.abs(solver - anew)).toBeLessThan(1e-12 * size);
    expect(size).toBeGreaterThan(0);
  }
});

it('finds the smallest eigenvalue of the Hamiltonian’s second derivative', () => {
  const model = sequencesModel({ layers: 2, regularisation: 0.2 });
  const { problem, parameters, batch } = model;
  const trace = problem.trace(parameters, batch);
  const P = problem.layout.parametersPerLayer;
  // ∂J/∂θ_0 with the states and costates held is ε ∂H_0/∂θ; at the last layer costates do not depend on θ at all,
  // so that the second derivative of H there is that of E⟨p_T, f(h_1, θ)⟩ + g, here by differences of its values.
  const theta = parameters.subarray(P, 2 * P);
  const saved = theta.slice();
  const last = trace.costates[2].slice();
  const before = trace.states.state(1).slice();
  const value = () => {
    const { states } = problem.trace(parameters, batch);
    const after = states.state(2);
    let sum = 0;
    for (let i = 0; i < last.length; i++) {
      // Padding holds nothing that counts: tokens 4 … 7 of every row.
      if (i % 8 < 4) sum += last[i] * (after[i] - before[i]);
    }
    return (sum * 2) / batch.samples;
  };
  const h = 1e-4;
  const at = (i: number, j: number, a: number, b: number) => {
    theta.set(saved);
    theta[i] += a * h;
    theta[j] += b * h;
    return value();
  };
  const data = new Float64Array(P * P);
  for (let i = 0; i < P; i++) {
    for (let j = 0; j <= i; j++) {
      const second =
        (at(i, j, 1, 1) - at(i, j, 1, -1) - at(i, j, -1, 1) + at(i, j, -1, -1)) / (4 * h * h);
      data[i * P + j] = second;
      data[j * P + i] = second;
    }
  }
  theta.set(saved);
  const eigenvalues = symmetricEigen({ rows: P, columns: P, data }).values;
  const expected = 0.2 + Math.min(...eigenvalues);
  const [found] = legendreCurvatures(model, trace, { layers: [1] });
  expect(Math.abs(found - expected)).toBeLessThan(1e-3 * Math.max(...eigenvalues.map(Math.abs)));
});

it('finds that H is not convex on the way across a jump', () => {
  const model = sequencesModel({ layers: 8, regularisation: 0.02 });
  const { parameters, jump } = solveModel(model, { iterations: 3000 });
  expect(jump).toBeGreaterThan(0.5);
  const quality = describeSolution(model, { layers: 8, parameters });
  expect(quality?.curvature).toBeLessThan(0);
});
