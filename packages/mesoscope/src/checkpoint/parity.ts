import type { NumberArray } from '../formats/arrays.ts';
import { decodeSafetensors } from '../formats/safetensors.ts';
import type { Backend } from '../kernels/backend.ts';
import { type Matrix, multiply, zeros } from '../numeric/matrix.ts';
import type { ModelInput } from './embed.ts';
import { hiddenStates } from './hidden-states.ts';
import type { Model } from './model.ts';

/** Hidden states that another implementation computed. */
export interface GoldenStates {
  readonly input: ModelInput;
  /** By name: `h0` … `hL`, `final`, `logits`. */
  readonly states: ReadonlyMap<string, GoldenState>;
}

export interface GoldenState {
  /** n × d, or for some tokens the products with random signs over √d. */
  readonly values: Matrix;
  /** The root mean square of the whole state. */
  readonly rms: number;
  /** The tokens that are kept, where the state is projected. */
  readonly tokens: readonly number[] | undefined;
}

/**
 * Reads golden states as bench/peers/states.py writes them: arrays `h0` … `final`, and `ids` or `pixels`; projected ones
 * with `tokens` and `h0.rms` … . An image that is not stored is the one which every language can make (`testImage`).
 *
 * @throws MesoscopeError `file`
 */
export function decodeGoldenStates(bytes: Uint8Array, path: string): GoldenStates {
  return goldenStatesOf(decodeSafetensors(bytes, path));
}

/** Golden states from the arrays of {@link decodeGoldenStates}. */
export function goldenStatesOf(arrays: Readonly<Record<string, NumberArray>>): GoldenStates {
  const { ids, pixels, tokens } = arrays;
  const states = new Map<string, GoldenState>();
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    if (['ids', 'pixels', 'tokens'].includes(name) || name.endsWith('.rms')) continue;
    const values = { rows: shape[0], columns: shape[1], data: Float64Array.from(data) };
    const rms = arrays[`${name}.rms`]?.data[0] ?? rootMeanSquare(values.data);
    states.set(name, { values, rms, tokens: tokens && Array.from(tokens.data) });
  }
  if (ids !== undefined) return { input: { ids: Array.from(ids.data) }, states };
  const input =
    pixels === undefined
      ? testImage(224, 224)
      : { height: pixels.shape[1], width: pixels.shape[2], pixels: pixels.data };
  return { input, states };
}

export interface ParityError {
  readonly name: string;
  /** `max |x − y|` over the root mean square of the golden state y. */
  readonly error: number;
}

/**
 * How far the states of a model are from golden ones, state by state. Parity is at most 1e-12 in f64 against an f64 reference on the same
 * f32 weights, and 1e-5 against or in f32.
 *
 * @throws MesoscopeError as {@link hiddenStates}
 */
export async function parityErrors(
  backend: Backend,
  model: Model,
  { input, states: golden }: GoldenStates,
): Promise<ParityError[]> {
  const errors: ParityError[] = [];
  const compare = (name: string, found: Matrix) => {
    const expected = golden.get(name);
    if (expected !== undefined) errors.push({ name, error: relativeError(found, expected) });
  };
  const initial = await model.embed(backend, input);
  for await (const { name, states } of hiddenStates(backend, model, [initial])) {
    const [found] = states;
    compare(name, found);
    if (name !== 'final' || !golden.has('logits')) continue;
    const logits = await model.logits(backend, found);
    if (logits !== undefined) compare('logits', logits);
  }
  const reached = new Set(errors.map(({ name }) => name));
  const missed = [...golden.keys()].filter((name) => !reached.has(name));
  return [...errors, ...missed.map((name) => ({ name, error: Number.POSITIVE_INFINITY }))];
}

/** `max |x − y| / rms y`, infinite for other shapes and where anything is no number. */
function relativeError(state: Matrix, { values: y, rms, tokens }: GoldenState): number {
  const x = tokens === undefined ? state : projected(state, tokens, y.columns);
  if (x.rows !== y.rows || x.columns !== y.columns) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let k = 0; k < y.data.length; k++) {
    const error = Math.abs(x.data[k] - y.data[k]);
    if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, error);
  }
  return largest / rms;
}

/** The given tokens' products with `count` columns of random signs, over √d. */
function projected(state: Matrix, tokens: readonly number[], count: number): Matrix {
  const { columns: d, data } = state;
  const few = zeros(tokens.length, d);
  for (const [i, token] of tokens.entries()) {
    few.data.set(data.subarray(token * d, (token + 1) * d), i * d);
  }
  const scale = 1 / Math.sqrt(d);
  const directions = { rows: d, columns: count, data: signs(d * count).map((s) => s * scale) };
  return multiply(few, directions);
}

/** ±1, the same in any language: bit 16 of a linear congruential sequence modulo 2^31. */
function signs(count: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 16) & 1 ? 1 : -1;
  });
}

/** An image that any language can make: waves, and a quarter of random signs. */
export function testImage(height: number, width: number, channels = 3) {
  const noise = signs(channels * height * width);
  const pixels = noise.map((sign, k) => {
    const c = Math.floor(k / (height * width));
    const y = Math.floor(k / width) % height;
    return Math.sin(0.05 * y + c) + Math.cos(0.03 * (k % width) - c) + 0.25 * sign;
  });
  return { height, width, pixels };
}

function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
}
