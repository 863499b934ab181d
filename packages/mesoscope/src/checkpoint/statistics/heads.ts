import { solve } from '../../numeric/decompositions.ts';
import { type Matrix, multiply, transpose, zeros } from '../../numeric/matrix.ts';
import type { HeadView } from '../attention-view.ts';
import { centre } from './cloud.ts';

/** Statistics of one head at one cloud. */
export interface HeadStatistics {
  /** `max_j (1/n) Σ_i P_ij`: the share of all attention that one key draws. */
  readonly sink: number;
  /** Mean over tokens that see more than one key of the entropy of P_i over the logarithm of their number. */
  readonly entropy: number;
  /** `rms_i σ_i/√(2 ln n_i)`, σ_i the deviation of token i's scores over the n_i keys that it sees. */
  readonly tilt: number;
  /** Share of tokens with `σ_i > √(2 ln n_i)`, from where the sampled tilted mean is no longer near its limit. */
  readonly tiltedShare: number;
  /** Share of tokens with σ_i above half of that, from where its error no longer falls as n^{−1/2}. */
  readonly halfTiltedShare: number;
  /**
   * `rms_i |y_i − (v̄ + A q_i)|/√tr Σ_v`, A = β Cov(v, k): how far the head is from what it does to a Gaussian law. Null where tokens
   * see different keys.
   */
  readonly closure: number | null;
  /**
   * What sampling alone makes of it on a Gaussian law: `√(mean_i ((e^{σ_i²} − 1 − σ_i²) tr Σ_v + (e^{σ_i²} − 1)|A q_i|²)/n)/√tr Σ_v`, by
   * the delta method for self-normalised weights. The cloud's own v̄ and A take the first orders of its error away; against those
   * of the law it would be `e^{σ_i²}(tr Σ_v + |A q_i|²)`.
   */
  readonly closurePredicted: number | null;
  /** R² of the best affine map from q_i to y_i, whatever the theory says of it; null for no more tokens than coefficients, and where nothing varies. */
  readonly affineShare: number | null;
}

/** How far the scores of a head deviate. */
export type HeadTilt = Pick<HeadStatistics, 'tilt' | 'tiltedShare' | 'halfTiltedShare'>;

export function headTilt(head: HeadView): HeadTilt {
  const deviations = Float64Array.from(
    { length: head.values.rows },
    (_, i) => attentionOf(head, i).deviation,
  );
  return tiltOf(head, deviations);
}

/** By the deviations of the scores of tokens that see more than one key. */
function tiltOf({ first, end }: HeadView, deviations: Float64Array): HeadTilt {
  const ratios = Array.from(deviations, (deviation, i) => {
    const seen = end(i) - first(i);
    return seen < 2 ? Number.NaN : deviation / Math.sqrt(2 * Math.log(seen));
  }).filter((ratio) => !Number.isNaN(ratio));
  const count = Math.max(1, ratios.length);
  return {
    tilt: Math.sqrt(ratios.reduce((sum, ratio) => sum + ratio ** 2, 0) / count),
    tiltedShare: ratios.filter((ratio) => ratio > 1).length / count,
    halfTiltedShare: ratios.filter((ratio) => ratio > 0.5).length / count,
  };
}

export function headStatistics(head: HeadView): HeadStatistics {
  const { values, first, end } = head;
  const n = values.rows;
  const received = new Float64Array(n);
  const outputs = zeros(n, values.columns);
  const deviations = new Float64Array(n);
  const entropies: number[] = [];
  for (let i = 0; i < n; i++) {
    const seen = end(i) - first(i);
    const { weights, deviation } = attentionOf(head, i);
    deviations[i] = deviation;
    weights.forEach((weight, j) => {
      received[first(i) + j] += weight / n;
      addRow(outputs, i, values, first(i) + j, weight);
    });
    if (seen < 2) continue;
    const entropy = weights.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
    entropies.push(entropy / Math.log(seen));
  }
  const all = first(n - 1) === 0 && end(0) === n;
  return {
    ...tiltOf(head, deviations),
    ...(all ? closureOf(head, outputs, deviations) : { closure: null, closurePredicted: null }),
    sink: received.reduce((a, b) => Math.max(a, b), 0),
    entropy: entropies.reduce((sum, x) => sum + x, 0) / Math.max(1, entropies.length),
    affineShare: affineShare(head.queries, outputs),
  };
}

/** P_i over the keys that token i sees, and the deviation of its scores. */
export function attentionOf({ queries, keys, scale, first, end }: HeadView, i: number) {
  const k = queries.columns;
  const from = first(i);
  const weights = new Float64Array(end(i) - from);
  let mean = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < weights.length; j++) {
    let score = 0;
    for (let a = 0; a < k; a++) score += queries.data[i * k + a] * keys.data[(from + j) * k + a];
    weights[j] = scale * score;
    mean += weights[j] / weights.length;
    highest = Math.max(highest, weights[j]);
  }
  let variance = 0;
  let total = 0;
  for (let j = 0; j < weights.length; j++) {
    variance += (weights[j] - mean) ** 2 / weights.length;
    weights[j] = Math.exp(weights[j] - highest);
    total += weights[j];
  }
  for (let j = 0; j < weights.length; j++) weights[j] /= total;
  return { weights, deviation: Math.sqrt(variance) };
}

function closureOf({ queries, keys, values, scale }: HeadView, y: Matrix, sigma: Float64Array) {
  const n = values.rows;
  const v = centre(values);
  const covariance = multiply(transpose(v.centred), centre(keys).centred);
  const tilts = multiply(queries, transpose(covariance));
  const spread = v.centred.data.reduce((sum, x) => sum + x * x, 0) / n;
  let measured = 0;
  let predicted = 0;
  for (let i = 0; i < n; i++) {
    let error = 0;
    let shift = 0;
    for (let a = 0; a < values.columns; a++) {
      const at = i * values.columns + a;
      const tilt = (scale / n) * tilts.data[at];
      error += (y.data[at] - v.mean[a] - tilt) ** 2;
      shift += tilt ** 2;
    }
    measured += error / n;
    const growth = Math.expm1(sigma[i] ** 2);
    predicted += ((growth - sigma[i] ** 2) * spread + growth * shift) / n ** 2;
  }
  return {
    closure: Math.sqrt(measured / spread),
    closurePredicted: Math.sqrt(predicted / spread),
  };
}

/** R² of the least squares of y on (1, q). */
function affineShare(queries: Matrix, outputs: Matrix): number | null {
  const { rows: n, columns: k } = queries;
  if (n <= k + 1) return null;
  const { centred: q } = centre(queries);
  const { centred: y } = centre(outputs);
  const gram = multiply(transpose(q), q);
  const largest = gram.data.reduce((a, b) => Math.max(a, b), 0);
  const total = y.data.reduce((sum, x) => sum + x * x, 0);
  if (largest === 0 || total === 0) return null;
  // Directions that no query has are left out by a ridge far below rounding's effect on R².
  for (let a = 0; a < k; a++) gram.data[a * k + a] += 1e-12 * largest;
  const cross = multiply(transpose(q), y);
  const coefficients = solve(gram, cross);
  const explained = coefficients.data.reduce((sum, c, at) => sum + c * cross.data[at], 0);
  return explained / total;
}

function addRow(into: Matrix, i: number, from: Matrix, j: number, weight: number): void {
  const d = from.columns;
  for (let a = 0; a < d; a++) into.data[i * d + a] += weight * from.data[j * d + a];
}
