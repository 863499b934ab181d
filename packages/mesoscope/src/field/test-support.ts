import { createReferenceBackend } from '../kernels/reference/backend.ts';
import type { RandomStream } from '../numeric/random.ts';
import { evaluateField, type FieldArguments, pullbackField } from './evaluate.ts';
import type { Field } from './field.ts';
import { initialiseParameters } from './parameters.ts';
import type { TransformerLayerOptions } from './transformer-layer.ts';

export const reference = createReferenceBackend();

export type Matrix = number[][];

/** rows × columns standard normal entries. */
export function normalMatrix(random: RandomStream, rows: number, columns: number): Matrix {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.normal()));
}

export function multiply(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)));
}

export function transpose(a: Matrix): Matrix {
  return a[0].map((_, j) => a.map((row) => row[j]));
}

/** A x. */
export function apply(a: Matrix, x: readonly number[]): number[] {
  return a.map((row) => inner(row, x));
}

export function inner(x: readonly number[], y: readonly number[]): number {
  return x.reduce((sum, v, a) => sum + v * y[a], 0);
}

/** max |x − y| over all entries, divided by max(1, max |y|). */
export function relativeDistance(x: readonly number[], y: readonly number[]): number {
  if (x.length !== y.length) throw new RangeError(`lengths ${x.length} and ${y.length}`);
  let difference = 0;
  let size = 1;
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(x[i]) || !Number.isFinite(y[i])) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs(x[i] - y[i]));
    size = Math.max(size, Math.abs(y[i]));
  }
  return difference / size;
}

/** A field's arguments at random: tokens and parameters of order 1, biases included; a third of the weights are 0. */
export function randomArguments(
  field: Field,
  n: number,
  random: RandomStream,
  weighted = false,
): FieldArguments {
  const tokens = normalMatrix(random, n, field.dimension);
  const parameters = initialiseParameters(field, random).map((x) => x + 0.1 * random.normal());
  if (!weighted) return { tokens, parameters };
  const weights = tokens.map(() => (random.uniform() < 1 / 3 ? 0 : 0.1 + random.uniform()));
  return { tokens, parameters, weights };
}

/**
 * How far both vector–Jacobian products are from fourth-order central differences of `⟨p, f(h,θ)⟩` over every entry of h
 * and θ. `step` must be small where f has kinks (relu, hardmax): a difference across one is meaningless.
 */
export function pullbackError(
  field: Field,
  given: FieldArguments,
  random: RandomStream,
  step = 1e-3,
): { state: number; parameters: number } {
  const d = field.dimension;
  const p = normalMatrix(random, given.tokens.length, d);
  const pairing = (changed: Partial<FieldArguments>) =>
    inner(evaluateField(reference, field, { ...given, ...changed }).flat(), p.flat());
  const derivative = (f: (shift: number) => number) =>
    (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step);
  const stateDifferences = given.tokens.flatMap((token, i) =>
    token.map((_, a) =>
      derivative((shift) =>
        pairing({ tokens: with2(given.tokens, i, a, given.tokens[i][a] + shift) }),
      ),
    ),
  );
  const theta = Float64Array.from(given.parameters);
  const parameterDifferences = Array.from(theta, (x, i) =>
    derivative((shift) => pairing({ parameters: theta.with(i, x + shift) })),
  );
  const gradients = pullbackField(reference, field, given, p);
  return {
    state: relativeDistance(gradients.state.flat(), stateDifferences),
    parameters: relativeDistance([...gradients.parameters], parameterDifferences),
  };
}

function with2(
  matrix: readonly (readonly number[])[],
  i: number,
  j: number,
  value: number,
): readonly (readonly number[])[] {
  return matrix.map((row, r) => (r === i ? row.with(j, value) : row));
}

const gained = { gain: true, bias: true } as const;

/** Layers as trained networks have them, small: one of each architecture, and what none of these has. */
export const realLayers = {
  BERT: {
    order: 'post',
    normalisation: { kind: 'layer', epsilon: 0.1, ...gained },
    attention: { heads: 2, keyDimension: 2, output: true, bias: true },
    feedForward: { hidden: 5, activation: 'gelu' },
  },
  'GPT-2': {
    normalisation: { kind: 'layer', epsilon: 0.1, ...gained },
    attention: { heads: 2, keyDimension: 2, output: true, bias: true, causal: true },
    feedForward: { hidden: 5, activation: 'gelu-tanh' },
  },
  Llama: {
    normalisation: { kind: 'rms', epsilon: 0.1, gain: true },
    attention: {
      heads: 4,
      keyHeads: 2,
      keyDimension: 2,
      output: true,
      causal: true,
      rotary: { theta: 30 },
    },
    feedForward: { hidden: 5, activation: 'silu', gated: true, bias: false },
  },
  'Llama with pairs': {
    normalisation: { kind: 'rms', epsilon: 0.1, gain: true },
    attention: {
      heads: 2,
      keyHeads: 1,
      keyDimension: 4,
      output: true,
      rotary: { theta: 30, layout: 'pairs' },
    },
    feedForward: { hidden: 5, activation: 'silu', gated: true },
  },
  ModernBERT: {
    normalisation: { kind: 'layer', epsilon: 0.1, gain: true },
    attentionNormalisation: 'none',
    attention: { heads: 2, keyDimension: 2, output: true, rotary: { theta: 10 }, window: 1 },
    feedForward: { hidden: 5, activation: 'gelu', gated: true, bias: false },
  },
  DINOv2: {
    normalisation: { kind: 'layer', epsilon: 0.1, ...gained },
    attention: { heads: 2, keyDimension: 2, output: true, bias: true },
    feedForward: { hidden: 5, activation: 'gelu' },
    layerScale: true,
  },
  'ALiBi with capped scores': {
    normalisation: { kind: 'layer', epsilon: 0.1 },
    attention: { heads: 3, keyDimension: 2, output: true, alibi: true, softCap: 0.8 },
    feedForward: { hidden: 5, activation: 'gelu' },
  },
} as const satisfies Readonly<Record<string, Omit<TransformerLayerOptions, 'dimension'>>>;
