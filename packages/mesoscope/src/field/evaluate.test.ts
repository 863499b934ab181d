import { describe, expect, test } from 'vitest';
import { ProgramBuilder, stateLength } from '../kernels/program.ts';
import { pullBack } from '../kernels/pullback.ts';
import { packTokens, unpackTokens } from '../kernels/tokens.ts';
import { randomStream } from '../numeric/random.ts';
import { affine } from './affine.ts';
import { attention } from './attention.ts';
import { evaluateField, type FieldArguments, pullbackField } from './evaluate.ts';
import { feedForward } from './feed-forward.ts';
import { tangent } from './tangent.ts';
import { normalMatrix, randomArguments, reference, relativeDistance } from './test-support.ts';
import { transformerBlock } from './transformer-block.ts';

const random = randomStream(9, 'evaluate');
const fields = [
  transformerBlock({ dimension: 3, heads: 2, keyDimension: 2, hidden: 4 }),
  attention({ dimension: 3, heads: 2, form: 'bilinear' }),
  tangent(feedForward({ dimension: 3, hidden: 4 })),
];

describe.each(fields.map((field) => [field.name, field] as const))('%s', (_, field) => {
  const n = 5;
  const batch = [0, 1, 2].map(() => normalMatrix(random, n, 3));
  const costates = batch.map(() => normalMatrix(random, n, 3));
  const { parameters } = randomArguments(field, n, random);
  const separately = batch.map((tokens, s) =>
    pullbackField(reference, field, { tokens, parameters }, costates[s]),
  );

  /** Runs the pullback for the whole batch, into gradients that are not 0 at the start. */
  function pullBackBatch(wanted: { state: boolean; parameters: boolean }) {
    const builder = new ProgramBuilder();
    const h = builder.state('sample', 'h', 3, n);
    const p = builder.state('sample', 'p', 3, n);
    const g = builder.state('sample', 'g', 3, n);
    const count = field.parameters.length;
    const theta = builder.parameters('shared', 'theta', 1, count);
    const gTheta = builder.parameters('accumulator', 'gTheta', 1, count);
    const value = field.trace(builder, { state: h, parameters: theta });
    const gradients = [
      { of: h, into: g, add: true },
      { of: theta, into: gTheta, add: true },
    ].filter(({ of }) => (of === h ? wanted.state : wanted.parameters));
    pullBack(builder, { value, costate: p, gradients });
    builder.add(p, g);
    const allocate = (length: number) => reference.allocate(length);
    const buffers = {
      h: packTokens(batch, allocate(3 * stateLength(3, n))),
      p: packTokens(costates, allocate(3 * stateLength(3, n))),
      g: allocate(3 * stateLength(3, n)).fill(1),
      theta: allocate(count),
      gTheta: allocate(count).fill(2),
    };
    buffers.theta.set(parameters);
    reference.compile(builder.program())({ samples: 3, buffers });
    return {
      state: unpackTokens(buffers.g, { samples: 3, tokens: n, dimension: 3 }),
      parameters: [...buffers.gTheta],
    };
  }

  test('pullbacks add to what is there, the parameters over all samples', () => {
    const together = pullBackBatch({ state: true, parameters: true });
    const state = separately.map((single, s) =>
      single.state.map((row, i) => row.map((x, a) => 1 + x + costates[s][i][a])),
    );
    expect(relativeDistance(together.state.flat(2), state.flat(2))).toBeLessThan(1e-14);
    const sum = together.parameters.map(
      (_, i) => 2 + separately.reduce((s, { parameters: g }) => s + g[i], 0),
    );
    expect(relativeDistance(together.parameters, sum)).toBeLessThan(1e-14);
  });

  test('either pullback can be asked for alone', () => {
    const together = pullBackBatch({ state: true, parameters: true });
    expect(pullBackBatch({ state: true, parameters: false }).state).toEqual(together.state);
    expect(pullBackBatch({ state: false, parameters: true }).parameters).toEqual(
      together.parameters,
    );
  });
});

describe('bad input is refused', () => {
  const field = affine({ dimension: 2 });
  const good = { tokens: [[1, 2]], parameters: [1, 2, 3, 4, 5, 6] };
  test.each([
    ['no token', { tokens: [] }, 'shape-mismatch', 'tokens'],
    ['a token of another dimension', { tokens: [[1, 2], [3]] }, 'shape-mismatch', 'tokens[1]'],
    ['a token that is not finite', { tokens: [[1, Number.NaN]] }, 'not-finite', 'tokens[0]'],
    ['too few parameters', { parameters: [1] }, 'shape-mismatch', 'parameters'],
    ['infinite parameters', { parameters: [1, 2, 3, 4, 5, 1 / 0] }, 'not-finite', 'parameters'],
    ['too many weights', { weights: [1, 1] }, 'shape-mismatch', 'weights'],
    ['a negative weight', { weights: [-1] }, 'invalid-value', 'weights'],
  ])('%s', (_, change, code, path) => {
    expect(() => evaluateField(reference, field, { ...good, ...change })).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ code, path }) }),
    );
  });

  test('a costate of another shape', () => {
    expect(() =>
      pullbackField(reference, field, good, [
        [1, 2],
        [3, 4],
      ]),
    ).toThrow(expect.objectContaining({ fault: expect.objectContaining({ path: 'costate' }) }));
  });
});

test('a wrong key is answered with the right one', () => {
  const field = affine({ dimension: 2 });
  const parameters = new Float64Array(6);
  const wrong = { token: [[1, 2]], parameters } as unknown as FieldArguments;
  expect(() => evaluateField(reference, field, wrong)).toThrow('Did you mean "tokens"?');
});
