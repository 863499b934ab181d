import { add, frobeniusNorm, type Matrix, subtract } from '../../numeric/matrix.ts';
import { outlierTokens, withoutTokens } from '../statistics/cloud.ts';
import { relativeDistance } from './output-change.ts';

/** A network whose layers were replaced by 1, 2, 4, … steps each, on one input. */
export interface RefinementRecord {
  /** m = 1, 2, 4, …: steps for each layer. */
  readonly steps: readonly number[];
  /** `e(m) = |X^(m) − X^(2m)|/|X^(1)|`, one fewer than there are m. */
  readonly differences: readonly number[];
  /** How far the network is from its own flow; null with fewer than three m. */
  readonly gap: EulerGap | null;
}

/** `D = |X^(1) − X^(∞)|/|X^(∞)|`, with X^(∞) extrapolated from the two finest m (Richardson, order 1). */
export interface EulerGap {
  readonly value: number;
  /** Distance of the last two extrapolations, in the same unit; with one only, of it and the finest. */
  readonly error: number;
}

/**
 * What the outputs of a refined network say about its order and about the flow that they tend to.
 *
 * @param outputs - X^(m), n × d, for m = 1, 2, 4, …; outlier tokens of the first are left out
 */
export function refinementRecord(outputs: readonly Matrix[]): RefinementRecord {
  const outliers = outlierTokens(outputs[0]);
  const states = outputs.map((one) => withoutTokens(one, outliers));
  const size = frobeniusNorm(states[0]);
  const changes = states.slice(1).map((finer, i) => subtract(finer, states[i]));
  return {
    steps: states.map((_, i) => 2 ** i),
    differences: changes.map((change) => frobeniusNorm(change) / size),
    gap: eulerGap(states, changes),
  };
}

function eulerGap(states: readonly Matrix[], changes: readonly Matrix[]): EulerGap | null {
  if (states.length < 3) return null;
  // 2X^(2m) − X^(m), but for the first two, which hold the network itself.
  const limits = changes.slice(1).map((change, i) => add(states[i + 2], change));
  const limit = limits[limits.length - 1];
  const before = limits[limits.length - 2] ?? states[states.length - 1];
  return {
    value: relativeDistance(states[0], limit),
    error: relativeDistance(before, limit),
  };
}

/** Local orders `log₂ e(m)/e(2m)`. */
export function localOrders({ differences }: Pick<RefinementRecord, 'differences'>): number[] {
  return differences.slice(1).map((finer, i) => Math.log2(differences[i] / finer));
}
