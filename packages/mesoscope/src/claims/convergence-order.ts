import { shapeMismatch } from '../numeric/checks.ts';
import { fitRate, type Interval, type RateData } from '../numeric/fit.ts';

/** An order of convergence, with what is known about its error. */
export interface OrderFit {
  /** Log–log slope over the finer half of the scales: the estimate of the asymptotic order. */
  readonly slope: number;
  /** Statistical interval, widened on both sides by `preasymptotic`. */
  readonly interval: Interval;
  /**
   * Over seeds: the 95 % Student-t interval of their mean slope. Of one seed, whose errors are no random sample: the
   * range of the slopes between neighbouring scales of the finer half, and twice its width on both sides (for doubling
   * scales and an error `C/L (1 + c/L)` what is left to the order is once the width).
   */
  readonly statistical: Interval;
  /**
   * How much the slope still moves with the scales: |slope over the finer half − slope over all|. An error
   * `C/L (1 + c/L + …)` has local slope `−1 − c/L + …`, so the finer half lies closer to the order than all scales
   * do, by more than the distance that is left (with four scales, of which three make the finer half, by more than
   * half of it: there this is doubled).
   */
  readonly preasymptotic: number;
  /** Slope over all scales. */
  readonly slopeOfAll: number;
  /** Geometric mean over seeds of `C` in `y ≈ C x^slope`, over the finer half. */
  readonly constant: number;
}

/**
 * Fits an order of convergence `y ≈ C x^order` as x grows (layers, particles), where the first scales may still be
 * preasymptotic. Least squares in log–log over the finer half of the scales (at least 3), see {@link OrderFit}.
 *
 * @param data.x at least 4 scales, increasing; data.y one row per seed.
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`
 */
export function fitOrder(data: RateData): OrderFit {
  const count = data.x.length;
  if (count < 4) {
    throw shapeMismatch('scales of an order of convergence', [count], ['at least 4']);
  }
  const from = Math.min(Math.floor(count / 2), count - 3);
  const finer = fitRate({
    x: Array.from(data.x).slice(from),
    y: data.y.map((row) => Array.from(row).slice(from)),
  });
  const all = fitRate(data);
  const statistical =
    data.y.length > 1 && finer.interval !== null
      ? finer.interval
      : localSlopes(Array.from(data.x).slice(from), Array.from(data.y[0]).slice(from));
  const preasymptotic = (count === 4 ? 2 : 1) * Math.abs(finer.slope - all.slope);
  return {
    slope: finer.slope,
    interval: [statistical[0] - preasymptotic, statistical[1] + preasymptotic],
    statistical,
    preasymptotic,
    slopeOfAll: all.slope,
    constant: finer.constant,
  };
}

/** The range of the slopes between neighbouring scales, with twice its width on both sides. */
function localSlopes(x: readonly number[], y: readonly number[]): Interval {
  const slopes = x.slice(1).map((scale, i) => Math.log(y[i + 1] / y[i]) / Math.log(scale / x[i]));
  const low = Math.min(...slopes);
  const high = Math.max(...slopes);
  return [low - 2 * (high - low), high + 2 * (high - low)];
}
