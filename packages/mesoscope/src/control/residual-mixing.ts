import { refuse, shapeMismatch } from '../numeric/checks.ts';
import { spectralNorm } from '../numeric/decompositions.ts';
import { identity, type Matrix, multiply } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';

/** A matrix made doubly stochastic. */
export interface SinkhornMatrix {
  readonly matrix: Matrix;
  /** The largest distance of a row's or column's sum to 1. */
  readonly error: number;
}

/**
 * The doubly stochastic matrix `diag(u) e^A diag(v)` by Sinkhorn's iterations, each of which scales the columns, then the
 * rows, to sum 1. Exponentials are shifted by the rows' maxima. After any number of iterations at least 1 the rows sum to 1.
 *
 * @param logits A, n × n.
 * @param iterations at least 1; default 20, as in manifold-constrained hyper-connections (arXiv 2512.24880).
 * @throws MesoscopeError `invalid-value`, `shape-mismatch`
 */
export function sinkhornMatrix(logits: Matrix, iterations = 20): SinkhornMatrix {
  const n = logits.rows;
  if (logits.columns !== n) {
    const [received, expected] = [
      [n, logits.columns],
      [n, n],
    ];
    throw shapeMismatch('logits', received, expected);
  }
  if (!(Number.isInteger(iterations) && iterations >= 1)) {
    refuse('iterations', iterations, 'a whole number ≥ 1');
  }
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = logits.data.subarray(i * n, (i + 1) * n);
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    for (let j = 0; j < n; j++) data[i * n + j] = Math.exp(row[j] - largest);
  }
  for (let iteration = 0; iteration < iterations; iteration++) {
    for (let j = 0; j < n; j++) normalise(data, j, n, n);
    for (let i = 0; i < n; i++) normalise(data, i * n, 1, n);
  }
  let error = 0;
  for (let i = 0; i < n; i++) {
    error = Math.max(error, Math.abs(lineSum(data, i * n, 1, n) - 1));
    error = Math.max(error, Math.abs(lineSum(data, i, n, n) - 1));
  }
  return { matrix: { rows: n, columns: n, data }, error };
}

/**
 * `‖R_L ⋯ R_1‖₂` at the given depths: how much L residual maps can amplify a signal that is spread over n streams. Products
 * are rescaled on the way, so that growth is not cut off at the largest number; the logarithm is returned.
 *
 * @param map R_l for l = 1, 2, …
 * @param depths increasing
 */
export function logMixingGrowth(
  map: (layer: number) => Matrix,
  streams: number,
  depths: readonly number[],
): number[] {
  let product = identity(streams);
  let logScale = 0;
  let layer = 0;
  return depths.map((depth) => {
    while (layer < depth) {
      product = multiply(map(++layer), product);
      const size = product.data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      if (size > 1e100 || (size < 1e-100 && size > 0)) {
        product = { ...product, data: product.data.map((x) => x / size) };
        logScale += Math.log(size);
      }
    }
    return logScale + Math.log(spectralNorm(product));
  });
}

/** Logarithms of norms of products, at increasing depths. */
export interface MixingGrowth {
  /** Of maps `I + G`. */
  readonly free: readonly number[];
  /** Of the same maps made doubly stochastic, for each number of iterations, and the largest {@link SinkhornMatrix} error. */
  readonly constrained: readonly { readonly logs: readonly number[]; readonly error: number }[];
}

/** One sequence of random maps `I + G`, G of independent normal entries, as they are and made doubly stochastic. */
export function measureMixing(options: {
  readonly streams: number;
  /** Of the entries of G. */
  readonly deviation: number;
  readonly iterations: readonly number[];
  readonly depths: readonly number[];
  readonly seed: number;
  readonly index: number;
}): MixingGrowth {
  const { streams: n, deviation, iterations, depths, seed, index } = options;
  const random = randomStream(seed, 'residual maps', index);
  const maps: Matrix[] = Array.from({ length: depths[depths.length - 1] }, () => ({
    rows: n,
    columns: n,
    data: Float64Array.from(
      { length: n * n },
      (_, i) => (i % (n + 1) === 0 ? 1 : 0) + deviation * random.normal(),
    ),
  }));
  return {
    free: logMixingGrowth((layer) => maps[layer - 1], n, depths),
    constrained: iterations.map((count) => {
      const found = maps.map((map) => sinkhornMatrix(map, count));
      return {
        logs: logMixingGrowth((layer) => found[layer - 1].matrix, n, depths),
        error: Math.max(...found.map(({ error }) => error)),
      };
    }),
  };
}

function normalise(data: Float64Array, from: number, step: number, n: number): void {
  const sum = lineSum(data, from, step, n);
  for (let k = 0; k < n; k++) data[from + k * step] /= sum;
}

function lineSum(data: Float64Array, from: number, step: number, n: number): number {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += data[from + k * step];
  return sum;
}
