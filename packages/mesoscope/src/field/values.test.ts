import { describe, expect, test } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { affine } from './affine.ts';
import { attention } from './attention.ts';
import { evaluateField } from './evaluate.ts';
import { feedForward } from './feed-forward.ts';
import { prenormalise } from './normalise.ts';
import { parametersFromMatrices } from './parameters.ts';
import { scaleField } from './scale.ts';
import { sumOf } from './sum.ts';
import { tangent } from './tangent.ts';
import {
  apply,
  inner,
  normalMatrix,
  randomArguments,
  reference,
  relativeDistance,
} from './test-support.ts';
import { transformerBlock } from './transformer-block.ts';

const random = randomStream(8, 'values');
const [d, n, m] = [5, 4, 7];
const tokens = normalMatrix(random, n, d);
const [W, W1, W2] = [
  normalMatrix(random, d, d),
  normalMatrix(random, m, d),
  normalMatrix(random, d, m),
];
const [b, b1, b2] = [d, m, d].map((length) => normalMatrix(random, 1, length)[0]);
const plus = (x: readonly number[], y: readonly number[]) => x.map((v, a) => v + y[a]);

/** Φ(x) by Simpson's rule from 0, error below 1e-14 on |x| ≤ 12. */
function normalDistribution(x: number): number {
  const steps = 4000;
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(x);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * density((i * x) / steps);
  return 0.5 + (sum * x) / (3 * steps);
}

const activations = {
  tanh: Math.tanh,
  relu: (x: number) => Math.max(0, x),
  gelu: (x: number) => x * normalDistribution(x),
  silu: (x: number) => x / (1 + Math.exp(-x)),
};

describe('fields are their formulas', () => {
  test('affine: W h + b', () => {
    const field = affine({ dimension: d });
    const parameters = parametersFromMatrices(field, { W, b });
    const value = evaluateField(reference, field, { tokens, parameters });
    const expected = tokens.map((x) => plus(apply(W, x), b));
    expect(relativeDistance(value.flat(), expected.flat())).toBeLessThan(1e-14);
  });

  test.each(['tanh', 'relu', 'gelu', 'silu'] as const)('feed-forward with %s', (activation) => {
    for (const bias of [true, false]) {
      const field = feedForward({ dimension: d, hidden: m, activation, bias });
      const matrices = bias ? { W1, b1, W2, b2 } : { W1, W2 };
      const parameters = parametersFromMatrices(field, matrices);
      const value = evaluateField(reference, field, { tokens, parameters });
      const zero = b1.map(() => 0);
      const expected = tokens.map((x) => {
        const before = plus(apply(W1, x), bias ? b1 : zero);
        return plus(apply(W2, before.map(activations[activation])), bias ? b2 : zero);
      });
      expect(relativeDistance(value.flat(), expected.flat())).toBeLessThan(1e-13);
    }
  });

  test.each([
    ['layer', 1],
    ['rms', 0],
  ] as const)('%s normalisation before the field', (kind, centred) => {
    const epsilon = 0.01;
    const field = prenormalise(affine({ dimension: d }), { kind, epsilon });
    const parameters = parametersFromMatrices(field, { W, b });
    const value = evaluateField(reference, field, { tokens, parameters });
    const expected = tokens.map((x) => {
      const mean = (centred * x.reduce((s, v) => s + v, 0)) / d;
      const size = Math.sqrt(x.reduce((s, v) => s + (v - mean) ** 2, 0) / d + epsilon);
      return plus(
        apply(
          W,
          x.map((v) => (v - mean) / size),
        ),
        b,
      );
    });
    expect(relativeDistance(value.flat(), expected.flat())).toBeLessThan(1e-13);
  });

  test('tangent: orthogonal to each token, and unchanged by a second projection', () => {
    const inside = attention({ dimension: d, heads: 2, keyDimension: 2 });
    const { parameters } = randomArguments(inside, n, random);
    const once = evaluateField(reference, tangent(inside), { tokens, parameters });
    const twice = evaluateField(reference, tangent(tangent(inside)), { tokens, parameters });
    const free = evaluateField(reference, inside, { tokens, parameters });
    once.forEach((f, i) => {
      const x = tokens[i];
      expect(Math.abs(inner(f, x))).toBeLessThan(1e-13);
      const radial = inner(x, free[i]) / inner(x, x);
      const expected = free[i].map((v, a) => v - radial * x[a]);
      expect(relativeDistance(f, expected)).toBeLessThan(1e-14);
    });
    expect(relativeDistance(twice.flat(), once.flat())).toBeLessThan(1e-14);
  });

  test('sum and scale: parameters one after the other, blocks named after their summand', () => {
    const parts = {
      attention: attention({ dimension: d, heads: 2, keyDimension: 3 }),
      feedForward: feedForward({ dimension: d, hidden: m }),
    };
    const field = scaleField(sumOf(parts), 0.25);
    expect(field.parameters.blocks.map((block) => block.name)).toEqual([
      'attention.Q',
      'attention.K',
      'attention.V',
      'feedForward.W1',
      'feedForward.b1',
      'feedForward.W2',
      'feedForward.b2',
    ]);
    const { parameters } = randomArguments(field, n, random);
    const cut = parts.attention.parameters.length;
    const evaluate = (part: typeof field, from: number, to?: number) =>
      evaluateField(reference, part, {
        tokens,
        parameters: Array.from(parameters).slice(from, to),
      }).flat();
    const expected = plus(evaluate(parts.attention, 0, cut), evaluate(parts.feedForward, cut)).map(
      (x) => x / 4,
    );
    expect(relativeDistance(evaluate(field, 0), expected)).toBeLessThan(1e-14);
  });

  test('transformer block: causal attention and feed-forward of the normalised tokens', () => {
    const options = { dimension: d, heads: 2, keyDimension: 2, output: true };
    const block = transformerBlock({ ...options, hidden: m, activation: 'tanh' });
    const { parameters } = randomArguments(block, n, random);
    const normalised = tokens.map((x) => {
      const mean = x.reduce((s, v) => s + v, 0) / d;
      const size = Math.sqrt(x.reduce((s, v) => s + (v - mean) ** 2, 0) / d + 1e-5);
      return x.map((v) => (v - mean) / size);
    });
    const parts = sumOf({
      attention: attention({ ...options, causal: true }),
      feedForward: feedForward({ dimension: d, hidden: m, activation: 'tanh' }),
    });
    const expected = evaluateField(reference, parts, { tokens: normalised, parameters });
    const value = evaluateField(reference, block, { tokens, parameters });
    expect(relativeDistance(value.flat(), expected.flat())).toBeLessThan(1e-13);
    const changedLast = evaluateField(reference, block, {
      tokens: tokens.with(n - 1, [9, 8, 7, 6, 5]),
      parameters,
    });
    expect(changedLast.slice(0, n - 1)).toEqual(value.slice(0, n - 1));
  });
});

describe('options', () => {
  const field = affine({ dimension: 2 });
  test.each([
    [
      'an unknown activation',
      () => feedForward({ dimension: 2, hidden: 2, activation: 'gelo' as 'gelu' }),
    ],
    ['an unknown normalisation', () => prenormalise(field, { kind: 'batch' as 'layer' })],
    ['no hidden unit', () => feedForward({ dimension: 2, hidden: 0 })],
    ['ε = 0', () => prenormalise(field, { kind: 'rms', epsilon: 0 })],
    ['an infinite factor', () => scaleField(field, Number.POSITIVE_INFINITY)],
    ['an empty sum', () => sumOf({})],
    ['summands of different dimension', () => sumOf({ a: field, b: affine({ dimension: 3 }) })],
  ])('%s is refused', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ name: 'MesoscopeError' }));
  });
});
