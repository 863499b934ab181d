import type { Backend } from '../../kernels/backend.ts';
import { frobeniusNorm, type Matrix, subtract } from '../../numeric/matrix.ts';
import { dot, norm } from '../../numeric/vector.ts';
import type { Model } from '../model.ts';
import { outlierTokens, withoutTokens } from '../statistics/cloud.ts';

/** How what a network says is compared with what it said. */
export const outputMetrics = ['nll', 'state', 'cosine'] as const;
export type OutputMetric = (typeof outputMetrics)[number];

/** Output of an operated network beside that of the network as it is. */
export interface OutputChange {
  /** `|X′ − X|/|X|` of the states after the last normalisation, without the outlier tokens of X. */
  readonly state: number;
  /** `1 − cos` of the means over those tokens: of what a sentence encoder would return. */
  readonly cosine: number;
}

export function outputChange(before: Matrix, after: Matrix): OutputChange {
  const outliers = outlierTokens(before);
  const [x, y] = [before, after].map((one) => withoutTokens(one, outliers));
  return {
    state: relativeDistance(y, x),
    cosine: Math.max(0, 1 - cosine(columnSums(x), columnSums(y))),
  };
}

/** `|Y − X|/|X|` over all entries. */
export function relativeDistance(y: Matrix, x: Matrix): number {
  return frobeniusNorm(subtract(y, x)) / frobeniusNorm(x);
}

/**
 * Mean cross-entropy of the next token in nats, over the tokens of one text but the last; undefined for a model without logits.
 *
 * @param finished - states after the last normalisation, n × d
 */
export async function nextTokenLoss(
  backend: Backend,
  model: Model,
  finished: Matrix,
  ids: readonly number[],
): Promise<number | undefined> {
  const logits = await model.logits(backend, finished);
  if (logits === undefined) return undefined;
  const { columns: vocabulary, data } = logits;
  let total = 0;
  for (let i = 0; i + 1 < ids.length; i++) {
    const row = data.subarray(i * vocabulary, (i + 1) * vocabulary);
    const top = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((rest, z) => rest + Math.exp(z - top), 0);
    total += top + Math.log(sum) - row[ids[i + 1]];
  }
  return total / (ids.length - 1);
}

function columnSums({ rows, columns, data }: Matrix): Float64Array {
  const sums = new Float64Array(columns);
  for (let i = 0; i < rows; i++) for (let a = 0; a < columns; a++) sums[a] += data[i * columns + a];
  return sums;
}

function cosine(x: Float64Array, y: Float64Array): number {
  return dot(x, y) / (norm(x) * norm(y));
}
