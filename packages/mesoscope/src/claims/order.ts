import { fitRate, type Interval, type RateData } from '../numeric/fit.ts';
import {
  type Check,
  type Condition,
  certain,
  jointConfidence,
  judged,
  type Measurement,
  type Question,
} from './check.ts';
import { fitOrder } from './convergence-order.ts';

/** Errors at increasing scales (layers, particles), one row for each experiment or group of draws. */
export interface OrderData {
  readonly scales: readonly number[];
  readonly rows: readonly (readonly number[])[];
}

interface OrderQuestion extends Question, OrderData {
  /** The expected log–log slope: −1. */
  readonly order: number;
  /** `exactly`: no other order will do. `at least as fast`: an O(·) statement, which a faster decay does not contradict. */
  readonly side: 'exactly' | 'at least as fast';
  /** Default: the neighbouring integer and half-integer orders, and 0 (for an O(·) statement the slower ones of these). */
  readonly rivals?: readonly number[];
}

/**
 * The order of errors without randomness: each row is one instance of a deterministic statement, whose order is
 * extrapolated to infinite scales with a bound on what is left ({@link extrapolatedOrder}). All rows must have it, so that the
 * interval is the hull of theirs. The bound presumes that the scales are asymptotic, which no finite number of errors can tell:
 * an order contradicts only if it lies three bounds away.
 *
 * @param question.accuracy - absolute accuracy of the errors, of all or of each row: rounding, or that of the reference solution
 * @param question.suprema - whether an error is the largest of several; default false
 */
export function deterministicOrder(
  question: OrderQuestion & {
    readonly accuracy: number | readonly number[];
    readonly suprema?: boolean;
  },
): Check {
  const { scales, rows, suprema = false } = question;
  const accuracy = [question.accuracy].flat();
  const accuracyOf = (row: number) => accuracy[row % accuracy.length];
  const clear = rows.map((row, i) => clearScales(row, accuracyOf(i)));
  const resolved: Condition = {
    name: 'errors at four scales or more stand ten times clear of their accuracy',
    holds: rows.length > 0 && clear.every((count) => count >= 4),
    value: Math.min(...clear),
  };
  if (!resolved.holds) return orderCheck(question, Number.NaN, null, 'numerics', 0, resolved);
  const orders = rows.map((row, i) =>
    extrapolatedOrder(scales.slice(0, clear[i]), row.slice(0, clear[i]), accuracyOf(i), suprema),
  );
  const hull: Interval = [
    Math.min(...orders.map(({ order, error }) => order - error)),
    Math.max(...orders.map(({ order, error }) => order + error)),
  ];
  const middle = orders.map(({ order }) => order).sort((a, b) => a - b)[orders.length >> 1];
  const judge = (measured: number, interval: Interval, contradiction: Interval) =>
    orderCheck({ ...question, contradiction }, measured, interval, 'numerics', 0, resolved);
  const around = ({ order, error }: ExtrapolatedOrder, bounds: number): Interval => [
    order - bounds * error,
    order + bounds * error,
  ];
  const contradicted = orders
    .map((one) => judge(one.order, around(one, 1), around(one, sure)))
    .find(({ outcome }) => outcome === 'fails');
  return contradicted ?? judge(middle, hull, [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
}

/** Bounds on what an extrapolation leaves open, within which an order contradicts nothing. */
const sure = 3;

/**
 * The order of errors that are random: log–log slopes of independent groups of draws, with the Student-t interval of their
 * mean (at the joint level where `among` intervals are asked at once) and, apart from it, the bias bound of scales that are
 * not yet asymptotic (`fitOrder`) or the caller's own.
 */
export function sampledOrder(
  question: OrderQuestion & {
    /** How many intervals the claim asks at once; default 1. */
    readonly among?: number;
    /** Of the slope; default what `fitOrder` finds. */
    readonly bias?: number;
  },
): Check {
  const { scales, rows, among = 1 } = question;
  const smallest = Math.min(...rows.flat());
  const resolved: Condition = {
    name: 'errors are positive and finite, in two groups of draws or more',
    holds: rows.length > 1 && smallest > 0 && rows.flat().every(Number.isFinite),
    value: rows.length > 1 ? smallest : 'one group',
  };
  if (!resolved.holds) return orderCheck(question, Number.NaN, null, 'sample', 0, resolved);
  const data: RateData = { x: scales, y: rows };
  const { slope, interval } = fitRate(data, { confidence: jointConfidence(among) });
  const contradiction = fitRate(data, { confidence: certain }).interval;
  // The slope over all scales lies as far from that of the finer half as this from the order, at the most.
  const bias = question.bias ?? (scales.length < 4 ? 0 : 2 * fitOrder(data).preasymptotic);
  const asked = { ...question, contradiction };
  return orderCheck(asked, slope, interval, 'sample', bias, resolved);
}

/** `like L^-1.000`; what to say where there is no order. */
export function decayInWords(scale: string, { measured }: Pick<Check, 'measured'>): string {
  return Number.isFinite(measured)
    ? `like ${scale}^${measured.toFixed(3)}`
    : 'in no measurable way';
}

/** Geometric means over the rows, scale by scale: they have the order that all rows have, and fluctuate less. */
export function geometricMeans(rows: readonly (readonly number[])[]): number[] {
  return rows[0].map((_, i) =>
    Math.exp(rows.reduce((sum, row) => sum + Math.log(row[i]), 0) / rows.length),
  );
}

function orderCheck(
  question: OrderQuestion & Pick<Measurement, 'contradiction'>,
  measured: number,
  interval: Interval | null,
  intervalFrom: 'sample' | 'numerics',
  bias: number,
  resolved: Condition,
): Check {
  const { order, side, resolution = [], rivals = neighbours(order, side) } = question;
  const asked = { ...question, measured, interval, intervalFrom, bias };
  return judged(
    'order',
    side === 'exactly' ? 'value' : 'not-slower',
    { ...asked, resolution: [...resolution, resolved] },
    order,
    rivals,
  );
}

/** Orders that an interval must exclude to say anything. */
function neighbours(order: number, side: OrderQuestion['side']): number[] {
  const around = [-1, -0.5, 0.5, 1].map((step) => order + step);
  const all = around.includes(0) ? around : [...around, 0];
  return side === 'exactly' ? all : all.filter((rival) => rival > order);
}

/** How many of the first scales have errors that stand clear of their accuracy. */
function clearScales(errors: readonly number[], accuracy: number): number {
  const first = errors.findIndex((error) => !(error > 10 * accuracy && Number.isFinite(error)));
  return first < 0 ? errors.length : first;
}

/** An order at infinite scales, and a bound on what its extrapolation leaves open. */
export interface ExtrapolatedOrder {
  readonly order: number;
  readonly error: number;
}

/**
 * The order of `C x^p (1 + c/x + …)` at infinite x. Local slopes `p_i` between neighbouring scales are `p − c'/x_i + O(x_i^{−2})`
 * at the geometric means `x_i`; two of them are extrapolated to `1/x = 0` (Richardson). The finest extrapolation differs
 * from its limit by less than from the ones before it, whichever power comes next: `error` is the larger distance to the two before,
 * but at least half of what the extrapolation moves the finest slope (two extrapolations may agree by chance), all of it where
 * four errors leave two extrapolations only, plus what an absolute `accuracy` of the errors makes of the extrapolated slope.
 *
 * A supremum over layers or tokens is smooth in x only by pieces: where its place changes between the two finest scales, from an
 * error with c to one with c̃, the finest slope lies between the slopes of the two, and nothing before it knows c̃. For `suprema`,
 * `error` is no less than the spread of the last three local slopes, which for doubling scales is 3c'/x_i at the finest: enough
 * for |c̃| ≤ 3|c|.
 *
 * @param errors - at least 4, positive
 */
export function extrapolatedOrder(
  scales: readonly number[],
  errors: readonly number[],
  accuracy: number,
  suprema: boolean,
): ExtrapolatedOrder {
  const gaps = scales.slice(1).map((x, i) => Math.log(x / scales[i]));
  const slopes = gaps.map((gap, i) => Math.log(errors[i + 1] / errors[i]) / gap);
  const middles = gaps.map((_, i) => Math.sqrt(scales[i] * scales[i + 1]));
  const limits = slopes
    .slice(1)
    .map((slope, i) => slope + (slope - slopes[i]) / (middles[i + 1] / middles[i] - 1));
  const order = limits[limits.length - 1];
  const before = limits.slice(-3, -1).map((limit) => Math.abs(limit - order));
  const moved = Math.abs(order - slopes[slopes.length - 1]) / (limits.length > 2 ? 2 : 1);
  const finest = slopes.slice(-3);
  const spread = suprema ? Math.max(...finest) - Math.min(...finest) : 0;
  const steep = middles[middles.length - 1] / middles[middles.length - 2] - 1;
  const noise = slopes
    .map((_, i) => (accuracy / errors[i] + accuracy / errors[i + 1]) / gaps[i])
    .slice(-2);
  const rounding = noise[1] + (noise[0] + noise[1]) / steep;
  return { order, error: Math.max(...before, moved, spread) + rounding };
}
