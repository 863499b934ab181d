import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AttentionKind } from '../kernels/instruction.ts';
import { randomStream } from '../numeric/random.ts';
import { type AttentionOptions, attention, attentionKinds } from './attention.ts';
import { evaluateField } from './evaluate.ts';
import { parametersFromMatrices } from './parameters.ts';
import {
  apply,
  inner,
  type Matrix,
  multiply,
  normalMatrix,
  pullbackError,
  randomArguments,
  reference,
  relativeDistance,
} from './test-support.ts';

/** The definition, one query at a time, unshifted exponentials. `heads[h]` maps a token to its query, key and value. */
function attentionByDefinition(
  heads: readonly {
    query: (x: readonly number[]) => readonly number[];
    key: (x: readonly number[]) => readonly number[];
    value: (x: readonly number[]) => readonly number[];
  }[],
  { kind, causal, scale }: { kind: AttentionKind; causal: boolean; scale: number },
  tokens: Matrix,
  weights: readonly number[] = tokens.map(() => 1 / tokens.length),
): Matrix {
  return tokens.map((x, i) => {
    const sum = x.map(() => 0);
    for (const { query, key, value } of heads) {
      const seen = tokens
        .map((y, j) => ({ y, w: weights[j], j }))
        .filter(({ w, j }) => w > 0 && (!causal || j <= i));
      const scores = seen.map(({ y }) =>
        kind === 'l2'
          ? -scale * key(y).reduce((s, k, a) => s + (query(x)[a] - k) ** 2, 0)
          : scale * inner(query(x), key(y)),
      );
      const unscaled = seen.map(({ w }, j) => {
        if (kind === 'hardmax') return scores[j] === Math.max(...scores) ? w : 0;
        return w * (kind === 'linear' ? scores[j] : Math.exp(scores[j]));
      });
      const total =
        kind === 'linear' || kind === 'unnormalised' ? 1 : unscaled.reduce((s, e) => s + e, 0);
      seen.forEach(({ y }, j) => {
        value(y).forEach((v, a) => {
          sum[a] += (unscaled[j] / total) * v;
        });
      });
    }
    return sum;
  });
}

const times = (a: Matrix) => (x: readonly number[]) => apply(a, x);

const shapes = fc.record({
  n: fc.integer({ min: 1, max: 7 }),
  dimension: fc.integer({ min: 1, max: 5 }),
  heads: fc.integer({ min: 1, max: 3 }),
  keyDimension: fc.integer({ min: 1, max: 4 }),
  valueDimension: fc.integer({ min: 1, max: 6 }),
  causal: fc.boolean(),
  weighted: fc.boolean(),
  combine: fc.constantFrom('sum' as const, 'mean' as const),
  structure: fc.constantFrom('QKV', 'QKVO', 'BV', 'BVO'),
  seed: fc.nat(),
});

function optionsOf(
  shape: typeof shapes extends fc.Arbitrary<infer T> ? T : never,
  kind: AttentionKind,
): AttentionOptions {
  const { dimension, heads, causal, combine, structure } = shape;
  return {
    dimension,
    heads,
    causal,
    combine,
    kind,
    ...(structure.startsWith('B')
      ? { form: 'bilinear' as const }
      : { keyDimension: shape.keyDimension }),
    ...(structure.endsWith('O') ? { output: true, valueDimension: shape.valueDimension } : {}),
  };
}

describe.each(attentionKinds)('%s attention', (kind) => {
  test('is its definition, in every form', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const random = randomStream(shape.seed, 'attention definition');
        const { dimension: d, heads: H, causal, structure } = shape;
        const bilinear = structure.startsWith('B');
        const output = structure.endsWith('O');
        const v = output ? shape.valueDimension : d;
        const many = (rows: number, columns: number) =>
          Array.from({ length: H }, () => normalMatrix(random, rows, columns));
        const [Q, K, B] = [many(shape.keyDimension, d), many(shape.keyDimension, d), many(d, d)];
        const [V, O] = [many(v, d), many(d, v)];
        const field = attention(optionsOf(shape, kind));
        const parameters = parametersFromMatrices(field, {
          ...(bilinear ? { B } : { Q, K }),
          V,
          ...(output ? { O } : {}),
        });
        const { tokens, weights } = randomArguments(field, shape.n, random, shape.weighted);
        const expected = attentionByDefinition(
          V.map((_, h) => ({
            query: times(bilinear ? B[h] : Q[h]),
            key: bilinear ? (x) => x : times(K[h]),
            value: times(output ? multiply(O[h], V[h]) : V[h]),
          })),
          { kind, causal, scale: bilinear ? 1 : 1 / Math.sqrt(shape.keyDimension) },
          tokens as Matrix,
          weights,
        ).map((f) => f.map((x) => (shape.combine === 'mean' ? x / H : x)));
        const given = { tokens, parameters, weights };
        const value = evaluateField(reference, field, given);
        expect(relativeDistance(value.flat(), expected.flat())).toBeLessThan(1e-12);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('has the pullbacks that finite differences give', () => {
    // A difference across a change of the hardmax is meaningless; between changes the field is linear in h and V.
    const [step, tolerance] = kind === 'hardmax' ? [1e-5, 1e-8] : [1e-3, 1e-8];
    fc.assert(
      fc.property(shapes, (shape) => {
        const random = randomStream(shape.seed, 'attention pullback');
        const field = attention(optionsOf(shape, kind));
        const given = randomArguments(field, shape.n, random, shape.weighted);
        const error = pullbackError(field, given, random, step);
        expect(error.state).toBeLessThan(tolerance);
        expect(error.parameters).toBeLessThan(tolerance);
      }),
      { numRuns: 15, seed: 2 },
    );
  });

  test('without a mask does not depend on the order of the tokens', () => {
    const random = randomStream(3, 'permutation');
    const field = attention({ dimension: 3, heads: 2, keyDimension: 2, kind });
    const { tokens, parameters, weights = [] } = randomArguments(field, 6, random, true);
    const value = evaluateField(reference, field, { tokens, parameters, weights });
    const order = random.shuffle([0, 1, 2, 3, 4, 5]);
    const permuted = evaluateField(reference, field, {
      tokens: order.map((i) => tokens[i]),
      parameters,
      weights: order.map((i) => weights[i]),
    });
    const expected = order.flatMap((i) => value[i]);
    expect(relativeDistance(permuted.flat(), expected)).toBeLessThan(1e-14);
  });

  test('counts a weight as so many repeated points, and a token of weight 0 as unseen', () => {
    const random = randomStream(4, 'repetition');
    const field = attention({ dimension: 3, heads: 2, keyDimension: 2, kind });
    const { tokens, parameters } = randomArguments(field, 4, random);
    const multiplicity = [3, 1, 0, 2];
    const repeated = tokens.flatMap((x, i) => Array.from({ length: multiplicity[i] }, () => x));
    const many = evaluateField(reference, field, { tokens: repeated, parameters });
    const weights = multiplicity.map((m) => m / 6);
    const few = evaluateField(reference, field, { tokens, parameters, weights });
    const expected = [few[0], few[0], few[0], few[1], few[3], few[3]];
    expect(relativeDistance(many.flat(), expected.flat())).toBeLessThan(1e-14);
    expect(few[2].every(Number.isFinite)).toBe(true);
  });
});

describe('symmetries of heads', () => {
  const random = randomStream(5, 'gauge');
  const [d, k, n] = [4, 3, 6];
  const tokens = normalMatrix(random, n, d);
  const [Q, K] = [normalMatrix(random, k, d), normalMatrix(random, k, d)];
  const V = normalMatrix(random, d, d);
  const field = attention({ dimension: d, heads: 1, keyDimension: k });
  const value = evaluateField(reference, field, {
    tokens,
    parameters: parametersFromMatrices(field, { Q, K, V }),
  });

  test('Q → G Q, K → G⁻ᵀ K changes nothing', () => {
    // G = 1 + u vᵀ, whose inverse is 1 − u vᵀ/(1 + vᵀu).
    const u = [0.5, -1, 0.25];
    const v = [1, 0.5, 2];
    const rankOne = (factor: number) =>
      u.map((ua, a) => v.map((vb, b) => (a === b ? 1 : 0) + factor * ua * vb));
    const G = rankOne(1);
    const inverse = rankOne(-1 / (1 + inner(u, v)));
    const inverseTransposed = inverse.map((_, a) => inverse.map((row) => row[a]));
    const parameters = parametersFromMatrices(field, {
      Q: multiply(G, Q),
      K: multiply(inverseTransposed, K),
      V,
    });
    const gauged = evaluateField(reference, field, { tokens, parameters });
    expect(relativeDistance(gauged.flat(), value.flat())).toBeLessThan(1e-13);
  });

  test('the bilinear form with B = β Kᵀ Q is the same field', () => {
    const bilinear = attention({ dimension: d, heads: 1, form: 'bilinear' });
    const B = Q[0].map((_, a) =>
      Q[0].map((__, b) => Q.reduce((s, q, r) => s + K[r][a] * q[b], 0) / Math.sqrt(k)),
    );
    const parameters = parametersFromMatrices(bilinear, { B, V });
    const other = evaluateField(reference, bilinear, { tokens, parameters });
    expect(relativeDistance(other.flat(), value.flat())).toBeLessThan(1e-13);
  });

  test('equal heads: the mean is one head, the sum is H heads', () => {
    const three = { Q: [Q, Q, Q], K: [K, K, K], V: [V, V, V] };
    for (const combine of ['sum', 'mean'] as const) {
      const many = attention({ dimension: d, heads: 3, keyDimension: k, combine });
      const parameters = parametersFromMatrices(many, three);
      const factor = combine === 'sum' ? 3 : 1;
      const result = evaluateField(reference, many, { tokens, parameters });
      const expected = value.flat().map((x) => factor * x);
      expect(relativeDistance(result.flat(), expected)).toBeLessThan(1e-13);
    }
  });

  test('scores of ±1e4 give finite values inside the convex hull of the values', () => {
    const identity = V.map((_, a) => V.map((__, b) => (a === b ? 1 : 0)));
    const parameters = parametersFromMatrices(field, {
      Q: Q.map((row) => row.map((x) => 1e4 * x)),
      K,
      V: identity,
    });
    const result = evaluateField(reference, field, { tokens, parameters });
    for (let a = 0; a < d; a++) {
      const coordinate = tokens.map((x) => x[a]);
      for (const x of result) {
        expect(x[a]).toBeGreaterThanOrEqual(Math.min(...coordinate) - 1e-12);
        expect(x[a]).toBeLessThanOrEqual(Math.max(...coordinate) + 1e-12);
      }
    }
  });
});

describe('options', () => {
  test.each([
    [{ dimension: 0, heads: 1, keyDimension: 1 }, 'invalid-value'],
    [{ dimension: 2, heads: 1.5, keyDimension: 1 }, 'invalid-value'],
    [{ dimension: 2, heads: 1 }, 'invalid-value'],
    [{ dimension: 2, heads: 1, keyDimension: 3, form: 'bilinear' as const }, 'invalid-value'],
    [{ dimension: 2, heads: 1, keyDimension: 3, valueDimension: 3 }, 'invalid-value'],
    [{ dimension: 2, heads: 1, keyDimension: 3, scale: Number.NaN }, 'not-finite'],
    [{ dimension: 2, heads: 1, keyDimension: 3, kind: 'softmx' as 'softmax' }, 'unknown-name'],
  ])('%j are refused', (options, code) => {
    expect(() => attention(options)).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ code }) }),
    );
  });
});
