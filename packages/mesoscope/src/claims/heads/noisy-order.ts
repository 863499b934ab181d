import { fitRate, type Interval, type RateData } from '../../numeric/fit.ts';

/** A rate of decay measured through noise, with what is known about its error. */
export interface NoisyOrder {
  /** Mean over seeds of the log–log slope over all scales. */
  readonly slope: number;
  /** Statistical interval, widened on both sides by `drift`. */
  readonly interval: Interval;
  /** 95 % Student-t interval over seeds. */
  readonly statistical: Interval;
  /** |slope over the finer half of the scales − slope over all|: higher-order terms show in it, and noise. */
  readonly drift: number;
}

/**
 * The order of a random quantity `y ≈ C x^order` whose noise is larger than its higher-order terms: least squares in log–log
 * over all scales, since the finer half alone would leave too few points. Where the noise is small, `fitOrder` is right: its slope
 * lies closer to the order.
 *
 * @param data.x at least 4 scales; data.y one row per seed, at least two
 */
export function fitNoisyOrder(data: RateData): NoisyOrder {
  const from = Math.min(Math.floor(data.x.length / 2), data.x.length - 3);
  const all = fitRate(data);
  const finer = fitRate({
    x: Array.from(data.x).slice(from),
    y: data.y.map((row) => Array.from(row).slice(from)),
  });
  const statistical = all.interval ?? [all.slope, all.slope];
  const drift = Math.abs(finer.slope - all.slope);
  return {
    slope: all.slope,
    interval: [statistical[0] - drift, statistical[1] + drift],
    statistical,
    drift,
  };
}

/** Whether an interval contains a value. */
export function contains([low, high]: Interval, value: number): boolean {
  return low <= value && value <= high;
}
