import { afterAll, describe, expect, test } from 'vitest';
import { alibiSlope } from '../kernels/instruction.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { attention } from './attention.ts';
import { evaluateField, pullbackField } from './evaluate.ts';
import type { Field } from './field.ts';
import type { NormalisationOptions } from './normalise.ts';
import {
  apply,
  inner,
  type Matrix,
  normalMatrix,
  pullbackError,
  randomArguments,
  realLayers,
  reference,
  relativeDistance,
} from './test-support.ts';
import { type TransformerLayerOptions, transformerLayer } from './transformer-layer.ts';

const [d, n] = [4, 6];
const names = Object.keys(realLayers) as (keyof typeof realLayers)[];
const optionsOf = (name: keyof typeof realLayers): TransformerLayerOptions => ({
  dimension: d,
  ...realLayers[name],
});

/** Blocks of a parameter vector by the last part of their names, as rows. */
function blocksOf(field: Field, theta: ArrayLike<number>, prefix: string): Record<string, Matrix> {
  const found: Record<string, Matrix> = {};
  for (const { name, rows, columns, offset } of field.parameters.blocks) {
    if (!name.startsWith(`${prefix}.`)) continue;
    found[name.slice(name.lastIndexOf('.') + 1)] = Array.from({ length: rows }, (_, i) =>
      Array.from({ length: columns }, (_, j) => theta[offset + i * columns + j]),
    );
  }
  return found;
}

const plus = (x: readonly number[], y: readonly number[]) => x.map((v, a) => v + y[a]);
const column = (block: Matrix | undefined, length: number, otherwise: number) =>
  block?.map(([x]) => x) ?? Array<number>(length).fill(otherwise);

/** `g ∘ norm(x) + b`, written out. */
function normalised(
  x: readonly number[],
  options: NormalisationOptions,
  B: Record<string, Matrix>,
) {
  const mean = options.kind === 'layer' ? x.reduce((s, v) => s + v, 0) / d : 0;
  const variance = x.reduce((s, v) => s + (v - mean) ** 2, 0) / d;
  const [gain, bias] = [column(B.gain, d, 1), column(B.bias, d, 0)];
  const scale = 1 / Math.sqrt(variance + (options.epsilon ?? 1e-5));
  return x.map((v, a) => gain[a] * (v - mean) * scale + bias[a]);
}

/** Attention, written out token by token and head by head. */
function attended(
  x: Matrix,
  options: TransformerLayerOptions['attention'],
  B: Record<string, Matrix>,
) {
  const { heads, keyHeads = heads, keyDimension: k = 1, causal = false } = options;
  const { window = Infinity, alibi = false, softCap = Infinity, rotary } = options;
  const map = (W: string, b: string) =>
    x.map((token) => plus(apply(B[W], token), column(B[b], B[W].length, 0)));
  const [q, keys, v] = [map('Q', 'bQ'), map('K', 'bK'), map('V', 'bV')];
  const turn = (vector: readonly number[], i: number) => {
    if (rotary === undefined) return vector;
    const out = [...vector];
    for (let j = 0; j < k / 2; j++) {
      const angle = i * rotary.theta ** ((-2 * j) / k);
      const [r, s] = rotary.layout === 'pairs' ? [2 * j, 2 * j + 1] : [j, j + k / 2];
      out[r] = vector[r] * Math.cos(angle) - vector[s] * Math.sin(angle);
      out[s] = vector[r] * Math.sin(angle) + vector[s] * Math.cos(angle);
    }
    return out;
  };
  return x.map((_, i) => {
    const all: number[] = [];
    for (let h = 0; h < heads; h++) {
      const g = Math.floor((h * keyHeads) / heads);
      const query = turn(q[i].slice(h * k, (h + 1) * k), i);
      const weights = x.map((_, j) => {
        if ((causal && j > i) || Math.abs(i - j) > window) return 0;
        const plain = inner(query, turn(keys[j].slice(g * k, (g + 1) * k), j)) / Math.sqrt(k);
        const capped = softCap === Infinity ? plain : softCap * Math.tanh(plain / softCap);
        return Math.exp(capped - (alibi ? alibiSlope(h, heads) * Math.abs(i - j) : 0));
      });
      const total = weights.reduce((s, w) => s + w, 0);
      for (let a = 0; a < k; a++) {
        all.push(weights.reduce((s, w, j) => s + w * v[j][g * k + a], 0) / total);
      }
    }
    return plus(apply(B.O, all), column(B.bO, d, 0));
  });
}

const activations: Readonly<Record<string, (y: number) => number>> = {
  silu: (y) => y / (1 + Math.exp(-y)),
  'gelu-tanh': (y) => 0.5 * y * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (y + 0.044715 * y ** 3))),
  gelu: (y) => {
    // Φ by its series.
    let [term, sum] = [y, y];
    for (let k = 3; k < 150; k += 2) {
      term *= (y * y) / k;
      sum += term;
    }
    return y * (0.5 + (sum * Math.exp((-y * y) / 2)) / Math.sqrt(2 * Math.PI));
  },
};

function transformed(
  x: Matrix,
  { hidden, activation = 'gelu', gated = false }: TransformerLayerOptions['feedForward'],
  B: Record<string, Matrix>,
) {
  const sigma = activations[activation];
  return x.map((token) => {
    const up = plus(apply(B.W1, token), column(B.b1, hidden, 0));
    const gate = gated ? plus(apply(B.Wg, token), column(B.bg, hidden, 0)).map(sigma) : [];
    const middle = gated ? up.map((u, a) => gate[a] * u) : up.map(sigma);
    return plus(apply(B.W2, middle), column(B.b2, d, 0));
  });
}

/** The layer itself: `x + f(x)` of the field. */
function layerOf(
  options: TransformerLayerOptions,
  field: Field,
  tokens: Matrix,
  theta: ArrayLike<number>,
) {
  let x = tokens;
  const { order = 'pre', normalisation, attentionNormalisation = normalisation } = options;
  for (const part of ['attention', 'feedForward'] as const) {
    const B = blocksOf(field, theta, part);
    const norm = part === 'attention' ? attentionNormalisation : normalisation;
    const seen = order === 'pre' && norm !== 'none' ? x.map((t) => normalised(t, norm, B)) : x;
    const f =
      part === 'attention'
        ? attended(seen, options.attention, B)
        : transformed(seen, options.feedForward, B);
    const scale = column(B.scale, d, 1);
    x = x.map((token, i) => token.map((v, a) => v + scale[a] * f[i][a]));
    if (order === 'post' && norm !== 'none') x = x.map((t) => normalised(t, norm, B));
  }
  return x;
}

describe.each(names)('a layer of %s', async (name) => {
  const options = optionsOf(name);
  const field = transformerLayer(options);
  const random = randomStream(5, name);
  const given = randomArguments(field, n, random);
  const wasm = await createWasmBackend();
  afterAll(() => wasm.dispose());

  test('is what it is when written out', () => {
    const expected = layerOf(options, field, given.tokens as Matrix, given.parameters).flat();
    for (const backend of [reference, wasm]) {
      const increment = evaluateField(backend, field, given);
      const value = increment.map((row, i) => plus(row, given.tokens[i]));
      expect(relativeDistance(value.flat(), expected)).toBeLessThan(1e-14);
    }
  });

  test('has the pullbacks that finite differences give', () => {
    const error = pullbackError(field, given, random);
    expect(error.state).toBeLessThan(1e-8);
    expect(error.parameters).toBeLessThan(1e-8);
  });

  test('does not see padding, tokens of weight 0, and has the pullbacks of what it sees', () => {
    // With a window of 1, the last token sees nothing but padding.
    const padded = { ...given, weights: [1, 1, 1, 1, 0, 0] };
    const tokens = given.tokens.map((x, i) => (i < 4 ? x : x.map((v) => 3 - v)));
    for (const backend of [reference, wasm]) {
      const [value, moved] = [padded, { ...padded, tokens }].map((one) =>
        evaluateField(backend, field, one),
      );
      expect(moved.slice(0, 4)).toEqual(value.slice(0, 4));
      expect(value.flat().every(Number.isFinite)).toBe(true);
    }
    const error = pullbackError(field, padded, random);
    expect(error.state).toBeLessThan(1e-8);
    expect(error.parameters).toBeLessThan(1e-8);
  });

  test('is the same on all backends, weights and many tokens too', () => {
    for (const [tokens, weighted] of [
      [1, false],
      [13, true],
      [40, false],
    ] as const) {
      const many = randomArguments(field, tokens, random, weighted);
      const p = normalMatrix(random, tokens, d);
      const [theirs, ours] = [reference, wasm].map((backend) => {
        const { state, parameters } = pullbackField(backend, field, many, p);
        return [evaluateField(backend, field, many).flat(), state.flat(), [...parameters]].flat();
      });
      expect(relativeDistance(ours, theirs)).toBeLessThan(1e-13);
    }
  });
});

describe('attention that makes no sense is refused', () => {
  const good = { dimension: 4, heads: 4, keyDimension: 2 };
  test.each([
    [{ keyHeads: 3 }, 'keyHeads', 'a divisor of the 4 heads'],
    [{ window: -1 }, 'window', 'a number ≥ 0'],
    [{ softCap: 0 }, 'softCap', 'a number > 0'],
    [
      { kind: 'l2', alibi: true },
      'kind',
      '"softmax", since scores are capped or biased by distance',
    ],
    [
      { keyDimension: 3, rotary: { theta: 10 } },
      'keyDimension',
      'an even number, since its rows are turned in pairs',
    ],
    [{ rotary: { theta: 0 } }, 'rotary.theta', 'a finite number > 0'],
  ] as const)('%j', (change, path, expected) => {
    expect(() => attention({ ...good, ...change })).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ path, expected }) }),
    );
  });
});
