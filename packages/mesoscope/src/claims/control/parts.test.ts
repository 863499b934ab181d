import { afterAll, describe, expect, it } from 'vitest';
import { carefulDerivative, confirmedDerivative } from '../../control/certificates/differences.ts';
import {
  constant,
  divide,
  exponential,
  logarithm,
  logSumExp,
  multiply,
  squareRoot,
} from '../../control/certificates/dual.ts';
import { refineProblem } from '../../control/certificates/refined-problem.ts';
import type { ControlModel } from '../../control/control-model.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import { initialParameters } from '../../control/parameters.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { directionalDerivative } from '../../flow/finite-difference.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { measureTrainedClaim, trainedClaims } from './trained-model.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

describe('dual numbers', () => {
  const x = { value: 1.7, derivative: 1 };

  it.each([
    ['x³', multiply(x, multiply(x, x)), 1.7 ** 3, 3 * 1.7 ** 2],
    ['1/x', divide(constant(1), x), 1 / 1.7, -1 / 1.7 ** 2],
    ['√x', squareRoot(x), Math.sqrt(1.7), 0.5 / Math.sqrt(1.7)],
    ['eˣ', exponential(x), Math.exp(1.7), Math.exp(1.7)],
    ['log x', logarithm(x), Math.log(1.7), 1 / 1.7],
  ])('differentiate %s', (_, found, value, derivative) => {
    expect(found.value).toBeCloseTo(value, 14);
    expect(found.derivative).toBeCloseTo(derivative, 14);
  });

  it('differentiate the logarithm of a sum of exponentials without overflow', () => {
    const found = logSumExp([constant(1e4), { value: 1e4, derivative: 1 }]);
    expect(found.value).toBe(1e4 + Math.log(2));
    expect(found.derivative).toBe(0.5);
  });
});

it('carefulDerivative begins again where a function bends within the first step', () => {
  const x = new Float64Array([5e-4, 0]);
  const value = () => Math.tanh(1e3 * x[0]);
  const exact = 1e3 / Math.cosh(0.5) ** 2;
  const { derivative, error } = carefulDerivative(value, x, [1, 0]);
  expect(Math.abs(derivative - exact)).toBeLessThan(1e-6 * exact);
  expect(Math.abs(derivative - exact)).toBeLessThan(10 * error);
  const once = directionalDerivative(value, x, [1, 0]);
  expect(Math.abs(once.derivative - exact)).toBeGreaterThan(1e-4 * exact);
});

it('confirmedDerivative notices that neighbours in an extrapolation agree by chance', () => {
  const x = new Float64Array([0]);
  // Central differences 1 + h² − 0.8 h⁴/step² are equal at h = step and at half of it.
  const step = 0.05;
  const value = () => x[0] + x[0] ** 3 - (0.8 * x[0] ** 5) / step ** 2;
  const deceived = carefulDerivative(value, x, [1]);
  expect(Math.abs(deceived.derivative - 1)).toBeGreaterThan(1e6 * deceived.error);
  const confirmed = confirmedDerivative(value, x, [1]);
  expect(Math.abs(confirmed.derivative - 1)).toBeLessThan(2 * confirmed.error);
});

describe('refineProblem', () => {
  const model = textModel(3);
  const { problem, parameters, batch } = model;

  it('is the same problem with one part a layer', () => {
    const refined = refineProblem(problem, 1);
    const value = refined.problem.evaluate(refined.repeat(parameters), batch);
    expect(value.objective).toBe(problem.evaluate(parameters, batch).objective);
  });

  it('gathers the derivative in the coarse parameters', () => {
    const refined = refineProblem(problem, 3);
    const gradient = backend.allocate(refined.problem.layout.length);
    refined.problem.gradient(refined.repeat(parameters), batch, gradient);
    const gathered = refined.gather(gradient);
    const random = randomStream(1, 'direction');
    const direction = gathered.map(() => random.normal());
    const value = () => refined.problem.evaluate(refined.repeat(parameters), batch).objective;
    const { derivative } = directionalDerivative(value, parameters, direction);
    const expected = gathered.reduce((sum, g, i) => sum + g * direction[i], 0);
    expect(Math.abs(derivative - expected)).toBeLessThan(1e-8 * Math.abs(expected));
  });
});

describe('a trained model', () => {
  it('is measured by all five claims', () => {
    const { problem, parameters, batch } = textModel(2);
    const model = { problem, parameters, probe: batch };
    const outcomes = trainedClaims.map((claim) => measureTrainedClaim(claim, model));
    const verdicts = outcomes.map((o) => ('finding' in o ? o.finding.verdict : o.error.message));
    expect(verdicts).toEqual(['holds', 'holds', 'holds', 'holds', 'outside']);
  });

  it('that diverges is reported, not hidden', () => {
    const { problem, parameters, batch } = textModel(2);
    parameters.forEach((x, i) => {
      parameters[i] = 1e9 * x;
    });
    const model = { problem, parameters, probe: batch };
    for (const outcome of trainedClaims.map((claim) => measureTrainedClaim(claim, model))) {
      if ('finding' in outcome) expect(outcome.finding.verdict).not.toBe('holds');
      else expect(outcome.error.message).toContain('diverges');
    }
  });
});

/** Tokens of 5 classes through a normalised causal block, read at every position. */
function textModel(layers: number): ControlModel {
  const problem = createControlProblem(backend, {
    field: transformerBlock({
      dimension: 4,
      heads: 2,
      keyDimension: 2,
      hidden: 4,
      normalisation: 'rms',
    }),
    grid: uniformGrid(1, layers),
    tokens: 5,
    samples: 4,
    classes: 5,
    vocabulary: 5,
    normalisation: 'rms',
    regularisation: 1e-3,
  });
  const random = randomStream(5, 'text model');
  const draw = () => Array.from({ length: 20 }, () => random.integer(5));
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, 1));
  return { problem, parameters, batch: { samples: 4, tokens: draw(), labels: draw() } };
}
