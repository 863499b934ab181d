import type { Interval } from '../numeric/fit.ts';
import { fitOrder } from './convergence-order.ts';
import { type Assumption, type Evidence, judge, type Verdict } from './legacy.ts';

export interface OrderQuestion {
  /** At least 4 scales, increasing: layers. */
  readonly x: readonly number[];
  /** One row of errors per seed. */
  readonly y: readonly (readonly number[])[];
  /** The expected order: −1. */
  readonly order: number;
  readonly assumptions: readonly Assumption[];
}

export interface OrderAnswer {
  /** Those of the question, and that there are errors to fit. */
  readonly assumptions: readonly Assumption[];
  /** The fitted order; NaN where errors vanish or are not finite. */
  readonly measured: number;
  readonly interval: Interval | null;
  readonly verdict: Verdict;
  readonly evidence: Readonly<Record<string, Evidence>>;
}

/**
 * Whether errors have an expected order, see {@link fitOrder}. Errors that are zero or not finite have none: the
 * verdict is then *outside*.
 *
 * @throws MesoscopeError `shape-mismatch` with fewer than 4 scales
 */
export function judgeOrder(question: OrderQuestion): OrderAnswer {
  const { x, y, order } = question;
  const all = y.flat();
  const measurable = all.every((error) => error > 0 && Number.isFinite(error));
  const assumptions = [
    ...question.assumptions,
    {
      name: 'errors are finite and not zero',
      holds: measurable,
      value: all.every(Number.isFinite) ? Math.min(...all) : 'not finite',
    },
  ];
  if (!measurable) {
    return { assumptions, measured: NaN, interval: null, verdict: 'outside', evidence: {} };
  }
  const fit = fitOrder({ x, y });
  return {
    assumptions,
    measured: fit.slope,
    interval: fit.interval,
    verdict: judge(assumptions, fit.slope, fit.interval, { kind: 'value', value: order }),
    evidence: {
      'slope.preasymptotic': fit.preasymptotic,
      'slope.statistical': fit.statistical,
      'slope.allDepths': fit.slopeOfAll,
      'slope.constant': fit.constant,
    },
  };
}

/** One row as a list, several as a matrix. */
export function rowsOrRow(rows: readonly (readonly number[])[]): Evidence {
  return rows.length === 1 ? rows[0] : rows;
}
