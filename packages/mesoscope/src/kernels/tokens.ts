import { MesoscopeError } from '../errors.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import type { FloatArray } from './backend.ts';
import { columnStride } from './instruction.ts';
import { stateLength } from './program.ts';

/**
 * Writes S samples of n tokens in R^d, `samples[s][token][coordinate]`, as S padded d × n states one after the other
 * (tokens along columns, rows `columnStride(n)` apart); the padding is set to 0.
 *
 * @param into a buffer of at least `S · stateLength(d, n)` elements
 * @returns `into`
 * @throws MesoscopeError `shape-mismatch` if a token or a sample differs from the first in length, or `into` is too short
 */
export function packTokens(
  samples: readonly (readonly (readonly number[])[])[],
  into: FloatArray,
): FloatArray {
  if (samples.length === 0) return into;
  const n = samples[0].length;
  const d = samples[0][0]?.length ?? 0;
  const length = stateLength(d, n);
  if (into.length < samples.length * length) {
    throw mismatch('into', [into.length], [`at least ${samples.length * length}`]);
  }
  const stride = columnStride(n);
  into.fill(0, 0, samples.length * length);
  samples.forEach((tokens, s) => {
    if (tokens.length !== n) throw mismatch(`samples[${s}]`, [tokens.length], [n]);
    tokens.forEach((token, j) => {
      if (token.length !== d) throw mismatch(`samples[${s}][${j}]`, [token.length], [d]);
      for (let i = 0; i < d; i++) into[s * length + i * stride + j] = token[i];
    });
  });
  return into;
}

/**
 * Reads padded d × n states back: `result[s][token][coordinate]`. The inverse of {@link packTokens}.
 *
 * @throws MesoscopeError `shape-mismatch` if `states` is too short for the shape
 */
export function unpackTokens(
  states: FloatArray,
  shape: { readonly samples: number; readonly tokens: number; readonly dimension: number },
): number[][][] {
  const { samples, tokens, dimension } = shape;
  const length = stateLength(dimension, tokens);
  if (states.length < samples * length) {
    throw mismatch('states', [states.length], [`at least ${samples * length}`]);
  }
  const stride = columnStride(tokens);
  return Array.from({ length: samples }, (_, s) =>
    Array.from({ length: tokens }, (_, j) =>
      Array.from({ length: dimension }, (_, i) => states[s * length + i * stride + j]),
    ),
  );
}

/** The n × d matrix of one sample's tokens as a padded d × n state: {@link packTokens} for one sample. */
export function packRows({ rows: n, columns: d, data }: Matrix, into: FloatArray): FloatArray {
  const stride = columnStride(n);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < d; a++) into[a * stride + i] = data[i * d + a];
  }
  return into;
}

/** Reads a padded d × n state back as n × d. The inverse of {@link packRows}. */
export function unpackRows(state: FloatArray, n: number, d: number): Matrix {
  const stride = columnStride(n);
  const points = zeros(n, d);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < d; a++) points.data[i * d + a] = state[a * stride + i];
  }
  return points;
}

function mismatch(
  path: string,
  received: readonly number[],
  expected: readonly (number | string)[],
): MesoscopeError {
  return new MesoscopeError({ code: 'shape-mismatch', path, received, expected });
}
