import { describe, expect, it } from 'vitest';
import { transformerBlock } from '../field/transformer-block.ts';
import { gradedGrid, uniformGrid } from '../flow/grid.ts';
import { heun } from '../flow/scheme.ts';
import { columnStride } from '../kernels/instruction.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { createControlProblem } from './create-problem.ts';
import { initialParameters, parameterParts } from './parameters.ts';
import type { ControlProblemOptions } from './problem.ts';

const backend = createReferenceBackend();
const d = 4;
const n = 5;
const S = 3;
const C = 6;
const field = transformerBlock({ dimension: d, heads: 2, keyDimension: 3, hidden: 5 });
const stream = randomStream(7, 'problem test');
const draw = (count: number, below: number) =>
  Array.from({ length: count }, () => stream.integer(below));
const tokens = draw(S * n, 7);
const states = Array.from({ length: S * n * d }, () => stream.normal());
const base = { field, tokens: n, samples: S, classes: C, grid: uniformGrid(1.5, 3) };

const cases: { name: string; options: ControlProblemOptions; columns: number }[] = [
  { name: 'tokens, every position', options: { ...base, vocabulary: 7 }, columns: n },
  {
    name: 'tokens, penalties, normalised readout, graded grid, Heun',
    options: {
      ...base,
      vocabulary: 7,
      grid: gradedGrid(1.5, 3, 1.5),
      scheme: heun,
      normalisation: 'rms',
      regularisation: 0.3,
      smoothness: 0.2,
    },
    columns: n,
  },
  { name: 'vectors, last token', options: { ...base, pooling: 'last' }, columns: 1 },
  {
    name: 'vectors, mean, normalised',
    options: { ...base, pooling: 'mean', normalisation: 'layer' },
    columns: 1,
  },
];

function setUp(options: ControlProblemOptions, columns: number) {
  const problem = createControlProblem(backend, options);
  const parameters = initialParameters(field, problem.layout, 3);
  const labels = draw(S * columns, C);
  if (columns > 1) labels[1] = -1;
  const weights = Array.from({ length: S * columns }, () => 0.5 + stream.uniform());
  const inputs = (options.vocabulary ?? 0) > 0 ? { tokens } : { states };
  return { problem, parameters, batch: { samples: S, ...inputs, labels, weights } };
}

describe.each(cases)('control problem: $name', ({ options, columns }) => {
  const { problem, parameters, batch } = setUp(options, columns);
  const gradient = new Float64Array(problem.layout.length);
  const value = problem.gradient(parameters, batch, gradient);

  it.each(parameterParts)('has the derivative of finite differences in the %s', (part) => {
    const { offset, length } = problem.layout[part];
    if (length === 0) return;
    const direction = new Float64Array(problem.layout.length);
    let exact = 0;
    for (let i = offset; i < offset + length; i++) {
      direction[i] = stream.normal();
      exact += direction[i] * gradient[i];
    }
    const along = (h: number) =>
      problem.evaluate(
        parameters.map((x, i) => x + h * direction[i]),
        batch,
      ).objective;
    const h = 1e-3 / Math.sqrt(length);
    const central = (step: number) => (along(step) - along(-step)) / (2 * step);
    const difference = (4 * central(h / 2) - central(h)) / 3;
    expect(Math.abs(difference - exact)).toBeLessThan(1e-9 * (1 + Math.abs(exact)));
  });

  it('gives sample losses and sample costates whose means are those of the loss', () => {
    const losses = new Float64Array(S);
    problem.sampleLosses(parameters, batch, losses);
    expect(losses.reduce((sum, x) => sum + x, 0) / S).toBeCloseTo(value.loss, 13);
    const { costates, evaluation, states: trajectory } = problem.trace(parameters, batch);
    expect(evaluation).toEqual(value);
    expect(costates).toHaveLength(4);
    expect(trajectory.state(3)).toHaveLength(costates[3].length);
    if (options.vocabulary === undefined || problem.penalty.regularisation > 0) return;
    const positions = problem.layout.positions.offset;
    const stride = columnStride(n);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < n; j++) {
        let mean = 0;
        for (let s = 0; s < S; s++) {
          mean += costates[0][s * problem.stateLength + i * stride + j] / S;
        }
        expect(mean).toBeCloseTo(gradient[positions + i * n + j], 13);
      }
    }
  });

  it('leaves the gradient of frozen parts at zero and changes no other', () => {
    const frozen = createControlProblem(backend, {
      ...options,
      frozen: ['embedding', 'readout', 'positions'],
    });
    const partial = new Float64Array(problem.layout.length).fill(1);
    frozen.gradient(parameters, batch, partial);
    const { controls } = problem.layout;
    const expected = gradient.map((g, i) =>
      i >= controls.offset && i < controls.offset + controls.length ? g : 0,
    );
    expect(partial).toEqual(expected);
  });
});

describe('control problem', () => {
  it('has the terminal costate Uᵀ(softmax − e_y), written out by hand', () => {
    const { problem, parameters, batch } = setUp({ ...base, pooling: 'last' }, 1);
    const { states: trajectory, terminalCostate, logits } = problem.trace(parameters, batch);
    const hT = trajectory.last;
    const U = parameters.subarray(problem.layout.readout.offset);
    const stride = columnStride(n);
    let total = 0;
    for (let s = 0; s < S; s++) total += batch.weights[s];
    for (let s = 0; s < S; s++) {
      const z = Array.from({ length: C }, (_, c) => {
        let sum = 0;
        for (let i = 0; i < d; i++) {
          sum += U[c * d + i] * hT[s * problem.stateLength + i * stride + n - 1];
        }
        return sum;
      });
      const scale = z.reduce((sum, x) => sum + Math.exp(x), 0);
      for (let c = 0; c < C; c++) {
        expect(logits[(s * C + c) * columnStride(1)]).toBeCloseTo(z[c], 13);
      }
      for (let i = 0; i < d; i++) {
        let p = 0;
        for (let c = 0; c < C; c++) {
          p += U[c * d + i] * (Math.exp(z[c]) / scale - (batch.labels[s] === c ? 1 : 0));
        }
        for (let j = 0; j < n; j++) {
          const expected = j === n - 1 ? (p * batch.weights[s] * S) / total : 0;
          const received = terminalCostate[s * problem.stateLength + i * stride + j];
          expect(received).toBeCloseTo(expected, 13);
        }
      }
    }
  });

  it('says that the flow diverged instead of giving a number', () => {
    const { problem, parameters, batch } = setUp({ ...base, vocabulary: 7 }, n);
    const huge = parameters.map((x) => x * 1e9);
    const gradient = new Float64Array(problem.layout.length);
    const value = problem.gradient(huge, batch, gradient);
    expect(value.flow.kind).toBe('diverged');
    expect(value.loss).toBeNaN();
    expect(problem.trace(huge, batch).costates).toHaveLength(0);
  });

  it.each([
    [{ labels: draw(S * n, C).fill(C, 2, 3) }, /labels\[2\]/],
    [{ labels: [0] }, /labels/],
    [{ samples: S + 1 }, /samples/],
    [{ tokens: tokens.map(() => 7) }, /tokens/],
    [{ labels: draw(S * n, C).fill(-1) }, /at least one label/],
    [{ weights: draw(S * n, C).fill(-1) }, /weights/],
  ])('refuses the batch %o', (wrong, message) => {
    const { problem, parameters, batch } = setUp({ ...base, vocabulary: 7 }, n);
    expect(() => problem.evaluate(parameters, { ...batch, ...wrong })).toThrow(message);
  });

  it.each([
    [{ regularisation: -1 }, /regularisation/],
    [{ smoothness: Number.NaN }, /smoothness/],
    [{ classes: 0 }, /classes/],
    [{ positions: true }, /positions/],
  ])('refuses the problem %o', (wrong, message) => {
    expect(() => createControlProblem(backend, { ...base, ...wrong })).toThrow(message);
  });

  it('refuses input vectors that are not finite', () => {
    const { problem, parameters, batch } = setUp({ ...base, pooling: 'last' }, 1);
    const broken = states.with(3, Number.NaN);
    expect(() => problem.evaluate(parameters, { ...batch, states: broken })).toThrow(/states/);
  });
});
