import { afterAll, describe, expect, it } from 'vitest';
import { compareGradients } from '../../control/certificates/gradient-comparison.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import { hamiltonianProfile } from '../../control/hamiltonian.ts';
import { initialParameters } from '../../control/parameters.ts';
import type { Field } from '../../field/field.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { euler } from '../../flow/scheme.ts';
import { literal } from '../../kernels/program.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomAdjointExperiment } from '../../control/depth/adjoint-experiment.ts';
import { measureCostateBound } from '../../control/depth/costate-bound.ts';
import { backPropagate, measureCostateErrors } from '../../control/depth/costate-errors.ts';
import { costateOrderFinding } from './costate-order.ts';
import { randomExperiment } from '../../control/depth/depth-experiment.ts';
import { differentiateLoss } from '../../control/certificates/dual-loss.ts';
import { measureEulerErrors } from '../../control/depth/euler-errors.ts';
import { eulerOrderFinding } from './euler-order.ts';
import { gradientFinding } from './gradient.ts';
import { solveOverDepths } from './hamiltonian.ts';
import { hamiltonianFinding } from './hamiltonian-finding.ts';
import { randomSequencesModel } from './hamiltonian-problem.ts';
import { solveModel } from './optima.ts';
import { compareCostates, terminalCostateFinding } from './terminal-costate.ts';

/** Every claim must notice when what it is measured on is not what it says. */

const backend = await createWasmBackend();
afterAll(() => backend.dispose());
const depths = [8, 16, 32, 64, 128];

/** Layers that reach a twentieth further than the flow they are compared with. */
const stretched = (referenceSteps: number) => (layers: number) =>
  uniformGrid(layers < referenceSteps ? 1.05 : 1, layers);

it('A.euler-order fails for layers of a wrong length', () => {
  const experiment = { ...randomExperiment(backend, 1, 0), grid: stretched(1024) };
  const finding = eulerOrderFinding(depths, [measureEulerErrors(backend, experiment, depths)]);
  expect(finding.verdict).toBe('fails');
});

it('A.costate-order fails for layers of a wrong length', () => {
  const experiment = { ...randomAdjointExperiment(backend, 1, 0), grid: stretched(512) };
  const finding = costateOrderFinding(depths, [measureCostateErrors(backend, experiment, depths)]);
  expect(finding.verdict).toBe('fails');
});

it('A.costate-order fails for a terminal costate of the wrong sign in the layers', () => {
  const right = randomAdjointExperiment(backend, 1, 0);
  let calls = 0;
  const costate: typeof right.loss.costate = (state, into) => {
    right.loss.costate(state, into);
    // The first call is the reference's.
    if (calls++ > 0) for (let i = 0; i < into.length; i++) into[i] = -into[i];
  };
  const wrong = { ...right, loss: { ...right.loss, costate } };
  const measured = measureCostateErrors(backend, wrong, depths);
  expect(costateOrderFinding(depths, [measured]).verdict).not.toBe('holds');
});

describe('A.terminal-costate', () => {
  const experiment = randomAdjointExperiment(backend, 1, 0);
  const adjoint = backPropagate(backend, experiment, 16, euler);
  if (adjoint === undefined) throw new Error('the flow diverged');
  const { loss, field, tokens, samples } = experiment;
  const sizes = { dimension: field.dimension, tokens, samples };
  const states = adjoint.trajectory.last;
  const exact = differentiateLoss(loss, states, sizes);
  const bound = measureCostateBound(backend, experiment, adjoint, loss);

  it.each([
    ['of the wrong sign', (p: number) => -p],
    ['of the sum of losses', (p: number) => tokens * p],
    ['wrong in the tenth digit', (p: number) => p * (1 + 1e-10)],
  ])('fails for a costate %s', (_, change) => {
    const wrong = backend.allocate(states.length);
    loss.costate(states, wrong);
    wrong.forEach((p, i) => {
      wrong[i] = change(p);
    });
    const comparison = compareCostates(wrong, exact, sizes);
    expect(terminalCostateFinding(backend, [comparison], [bound]).verdict).toBe('fails');
  });

  it('fails for costates above the bound', () => {
    const comparison = compareCostates(exact, exact, sizes);
    expect(terminalCostateFinding(backend, [comparison], [bound]).verdict).toBe('holds');
    const above = { ...bound, largestRatio: 1.01 };
    expect(terminalCostateFinding(backend, [comparison], [above]).verdict).toBe('fails');
  });
});

describe('A.gradient', () => {
  const right = transformerBlock({
    dimension: 3,
    heads: 1,
    keyDimension: 2,
    hidden: 3,
    normalisation: 'none',
  });
  /** A field whose pullback is that of another: the costate is scaled before it. */
  const scaled = (factor: number): Field => ({
    ...right,
    trace(builder, input) {
      const { value, pullback } = right.trace(builder, input);
      return {
        value,
        pullback(p, gradients) {
          const y = builder.scratch(p.rows, p.columns);
          builder.emit({ op: 'axpy', x: p, y, alpha: literal(factor), accumulate: false });
          pullback(y, gradients);
        },
      };
    },
  });
  const verdict = (factor: number) => {
    const problem = createControlProblem(backend, {
      field: scaled(factor),
      grid: uniformGrid(1, 2),
      tokens: 3,
      samples: 2,
      classes: 3,
      pooling: 'last',
      regularisation: 0.1,
    });
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(initialParameters(problem.field, problem.layout, 1));
    const states = Array.from({ length: 18 }, (_, i) => Math.sin(i + 1));
    const batch = { samples: 2, states, labels: [0, 2] };
    const comparison = compareGradients(
      { problem, parameters, batch },
      { factors: [4, 8, 16, 32], fineFactor: 32, directions: 'every', seed: 1 },
    );
    return gradientFinding(backend.precision, [comparison]).verdict;
  };

  it('holds for the right pullback and fails for one that is off by a hundred-thousandth part', () => {
    expect(verdict(1)).toBe('holds');
    expect(verdict(1 + 1e-5)).toBe('fails');
    expect(verdict(-1)).toBe('fails');
  });
});

describe('A.hamiltonian', () => {
  const layers = [4, 8, 16, 32];
  const modelOf = (L: number) =>
    randomSequencesModel(backend, { seed: 1, index: 0, layers: L, regularisation: 1 });
  const records = solveOverDepths(backend, layers, modelOf, { continuation: true });

  it('holds for solutions, and fails where samples are paired with the costates of others', () => {
    expect(hamiltonianFinding([records]).verdict).toBe('holds');
    const wrong = layers.map((L, i) => {
      const model = modelOf(L);
      solveModel(model, { tolerance: 1e-10 });
      const { problem, parameters, batch } = model;
      const trace = problem.trace(parameters, batch);
      const size = problem.stateLength;
      for (const p of trace.costates) {
        const first = p.slice(0, size);
        p.copyWithin(0, size);
        p.set(first, p.length - size);
      }
      const { deviation } = hamiltonianProfile(problem, parameters, trace);
      return { ...records[i], deviation };
    });
    expect(hamiltonianFinding([wrong]).verdict).toBe('fails');
  });

  it('is outside for controls that are not stationary', () => {
    const options = { continuation: true, iterations: 1 };
    const finding = hamiltonianFinding([solveOverDepths(backend, layers, modelOf, options)]);
    expect(finding.verdict).toBe('outside');
    expect(finding.assumptions[0].holds).toBe(false);
  });
});
