import {
  type SolvedProblem,
  solveOverDepths,
  summariseSolutions,
} from '../../control/optimum/optimum.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { doubling } from '../fields.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { controlProblems, problemModel, smoothnessField } from './control-problems.ts';
import {
  coerciveHypothesis,
  rootMeanSquares,
  solutionEvidence,
  solutionResolution,
  valueAccuracy,
} from './solution-conditions.ts';

/** The limit of `V_L = V + c₁/L + c₂/L² + …` from three or more doubling depths (Richardson). */
export function richardsonLimit(values: readonly number[]) {
  /** `2V_{2L} − V_L` for each L but the last: error O(1/L²). */
  const first = values.slice(1).map((value, i) => 2 * value - values[i]);
  const second = first.slice(1).map((value, i) => (4 * value - first[i]) / 3);
  const before = second.length > 1 ? second[second.length - 2] : first[first.length - 1];
  /** `(4R_{2L} − R_L)/3` of the last two: error O(1/L³). */
  const limit = second[second.length - 1];
  return { first, limit, error: Math.abs(limit - before) };
}

/** What optimal values at depths that double say, one row for each problem. */
export function valueGapConclusion(
  solved: readonly SolvedProblem[],
  penalty: { readonly regularisation: number; readonly smoothness?: number },
): Conclusion {
  const depths = solved[0].depths.map(({ layers }) => layers);
  const values = solved.map((one) => one.depths.map(({ objective }) => objective));
  const scales = depths.slice(0, -1);
  // V_L − V_2L has the order of V_L − V_∞ and needs no limit.
  const changes = values.map((row) => scales.map((_, i) => Math.abs(row[i] - row[i + 1])));
  const limits = values.map(richardsonLimit);
  const gaps = values.map((row, p) => scales.map((_, i) => row[i] - limits[p].limit));
  const settled = gaps.map((row) => row[row.length - 1] * scales[scales.length - 1]);
  const order = deterministicOrder({
    name: 'order of V_L − V_2L in L, root mean square over problems',
    failsIf: 'optimal values approach their limit more slowly than 1/L',
    ...{ scales, rows: rootMeanSquares(changes), order: -1, side: 'at least as fast' },
    accuracy: valueAccuracy(solved, penalty),
  });
  return {
    hypotheses: [coerciveHypothesis(solved, penalty)],
    resolution: solutionResolution(solved),
    checks: [order],
    evidence: {
      depths,
      values,
      changes,
      'limit.value': limits.map(({ limit }) => limit),
      'limit.error': limits.map(({ error }) => error),
      'limit.richardson': limits.map(({ first }) => first),
      gaps,
      'gaps.timesLayers': gaps.map((row) => row.map((gap, i) => gap * scales[i])),
      ...solutionEvidence(solved),
    },
    summary: `Optimal values of L and 2L layers differ by what falls ${decayInWords('L', order)}; L (V_L − V_∞) settles between ${Math.min(...settled).toPrecision(2)} and ${Math.max(...settled).toPrecision(2)}.`,
    figures: [
      convergenceFigure({
        id: 'A.value-gap',
        title: 'Optimal values at finite depth',
        caption:
          'Change of the optimal value from L to 2L layers, and distance to its limit, which is extrapolated from the last depths. Band: range over problems. Expected: order 1.',
        ...{ scale: 'layers L', quantity: 'difference of optimal values' },
        curves: [
          { series: '|V_L − V_2L|', scales, rows: changes, slope: -1 },
          { series: '|V_L − V_∞|', scales, rows: gaps.map((row) => row.map(Math.abs)) },
        ],
      }),
    ],
  };
}

const given = controlProblems({
  shared: {
    smoothness: smoothnessField,
    depths: doubling([2, 4, 8, 16, 32, 64], 5, 'numbers of layers L'),
  },
  full: { problems: 16, depths: [2, 4, 8, 16, 32, 64, 128, 256] },
});

/** Optimal values converge like 1/L (arXiv 2606.23235). */
export const valueGap = claim<ReturnType<typeof given.parse>, SolvedProblem>({
  id: 'A.value-gap',
  title: 'Optimal values of finite depth',
  statement: '$|V_L - V_\\infty| = O(1/L)$, and $L\\,(V_L - V_\\infty)$ tends to a constant.',
  trust: { statement: 'P', rate: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const { smoothness } = given;
    const modelOf = (layers: number) =>
      problemModel(backend, given, { seed, index, layers, smoothness });
    return summariseSolutions(modelOf, solveOverDepths(backend, given.depths, modelOf));
  },
  conclude: (solved, { given }) => valueGapConclusion(solved, given),
});
