import { z } from 'zod';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, legacy } from '../legacy.ts';
import { regularAssumption, rowsOf, type SolvedRows, stationaryAssumption } from './optima.ts';
import { dataComplete, doublingDepths, optimumShape, ownInstance } from './optimum-instance.ts';
import { orderFigure } from './order-figure.ts';
import { solveProblems } from './solve-problems.ts';

const quickDepths = [2, 4, 8, 16, 32, 64, 128];
const fullDepths = [2, 4, 8, 16, 32, 64, 128, 256];

/** The limit of `V_L = V + c₁/L + c₂/L² + …` from doubling depths. */
export interface RichardsonLimit {
  /** `2V_{2L} − V_L` for each L but the last: error O(1/L²). */
  readonly first: readonly number[];
  /** `(4R_{2L} − R_L)/3` of the last two: error O(1/L³). */
  readonly limit: number;
  /** Distance of the last two estimates. */
  readonly error: number;
}

/** Extrapolates values at three or more depths, each twice the one before (Richardson). */
export function richardsonLimit(values: readonly number[]): RichardsonLimit {
  const first = values.slice(1).map((value, i) => 2 * value - values[i]);
  const second = first.slice(1).map((value, i) => (4 * value - first[i]) / 3);
  const limit = second[second.length - 1];
  const before = second.length > 1 ? second[second.length - 2] : first[first.length - 1];
  return { first, limit, error: Math.abs(limit - before) };
}

/** The finding from solutions at depths that double, one row for each problem. */
export function valueGapFinding(solutions: SolvedRows): Finding {
  const depths = solutions[0].map((optimum) => optimum.layers);
  const values = rowsOf(solutions, (optimum) => optimum.objective);
  const limits = values.map(richardsonLimit);
  // The last depth shares too much with the limit to say anything about it.
  const x = depths.slice(0, -1);
  const gaps = values.map((row, p) => x.map((_, i) => row[i] - limits[p].limit));
  const shares = gaps.map((row, p) => limits[p].error / Math.min(...row.map(Math.abs)));
  const share = Math.max(...shares);
  const answer = judgeOrder({
    x,
    y: gaps.map((row) => row.map(Math.abs)),
    order: -1,
    assumptions: [
      stationaryAssumption(solutions),
      regularAssumption(solutions),
      {
        name: 'the extrapolated limit is 20 times closer than the smallest gap (its last two estimates)',
        holds: share <= 0.05,
        value: share,
      },
    ],
  });
  const constants = gaps.map((row) => row.map((gap, i) => gap * x[i]));
  const last = constants.map((row) => row[row.length - 1]);
  return {
    assumptions: answer.assumptions,
    evidence: {
      depths,
      values: rowsOrRow(values),
      'limit.value': limits.map((limit) => limit.limit),
      'limit.error': limits.map((limit) => limit.error),
      'limit.richardson': rowsOrRow(limits.map((limit) => limit.first)),
      gaps: rowsOrRow(gaps),
      'gaps.timesLayers': rowsOrRow(constants),
      'solver.gradients': rowsOrRow(rowsOf(solutions, (optimum) => optimum.gradients)),
      'solver.residuals': rowsOrRow(rowsOf(solutions, (optimum) => optimum.residual)),
      ...answer.evidence,
    },
    measured: answer.measured,
    expected: { kind: 'value', value: -1 },
    interval: answer.interval,
    verdict: answer.verdict,
    summary: `The optimal value approaches its limit like L^${answer.measured.toFixed(3)}; L (V_L − V_∞) settles between ${Math.min(...last).toPrecision(2)} and ${Math.max(...last).toPrecision(2)}.`,
    figures: [
      orderFigure({
        id: 'A.value-gap',
        title: 'Optimal values at finite depth',
        caption:
          'Distance between the optimal value of L layers and its limit, which is extrapolated from the last three depths. Band: range over problems. Expected: order 1.',
        quantity: '|V_L − V_∞|',
        curves: [{ series: 'optimal values', layers: x, errors: gaps.map((r) => r.map(Math.abs)) }],
        expected: [{ slope: -1, curve: 0 }],
      }),
    ],
  };
}

const instanceSchema = z
  .strictObject({ ...optimumShape, depths: doublingDepths(quickDepths, 5) })
  .refine(...dataComplete);

export type ValueGapInstance = z.infer<typeof instanceSchema>;

async function run(context: ClaimContext<ValueGapInstance>): Promise<Finding> {
  const depths = context.setting === 'full' ? fullDepths : quickDepths;
  const instance = context.instance ?? { ...ownInstance(context), depths };
  return valueGapFinding(await solveProblems(context, instance, instance.depths));
}

/** Optimal values converge like 1/L (arXiv 2606.23235). */
export const valueGap = legacy<ValueGapInstance>({
  id: 'A.value-gap',
  paper: 'A',
  title: 'Optimal values of finite depth',
  statement: '$|V_L - V_\\infty| = O(1/L)$, and $L\\,(V_L - V_\\infty)$ tends to a constant.',
  trust: 'P, rate D',
  quantity: 'log–log slope of the value gap in L',
  instance: instanceSchema,
  run,
});
