import { MesoscopeError } from '../errors.ts';
import { fitRate, type Interval, type RateData } from '../numeric/fit.ts';

/** An order of convergence, with what is known about its error. */
export interface OrderFit {
  /** Log–log slope over the finer half of the scales: the estimate of the asymptotic order. */
  readonly slope: number;
  /** Statistical interval, widened on both sides by `preasymptotic`. */
  readonly interval: Interval;
  /** 95 % Student-t interval of the slope over seeds (of one seed: from its residuals). */
  readonly statistical: Interval;
  /**
   * How much the slope still moves with the scales: |slope over the finer half − slope over all|. An error
   * `C/L (1 + c/L + …)` has local slope `−1 − c/L + …`, so the finer half lies closer to the order than all scales
   * do, by more than the distance that is left.
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
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'scales of an order of convergence',
      received: [count],
      expected: ['at least 4'],
    });
  }
  const from = Math.min(Math.floor(count / 2), count - 3);
  const finer = fitRate({
    x: Array.from(data.x).slice(from),
    y: data.y.map((row) => Array.from(row).slice(from)),
  });
  const all = fitRate(data);
  const statistical = finer.interval ?? [finer.slope, finer.slope];
  const preasymptotic = Math.abs(finer.slope - all.slope);
  return {
    slope: finer.slope,
    interval: [statistical[0] - preasymptotic, statistical[1] + preasymptotic],
    statistical,
    preasymptotic,
    slopeOfAll: all.slope,
    constant: finer.constant,
  };
}
