import {
  type SolvedProblem,
  solveOverDepths,
  summariseSolutions,
} from '../../control/optimum/optimum.ts';
import { recoveryGaps } from '../../control/optimum/recovery-gaps.ts';
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

/** One problem solved at all depths, and what sampling its continuous minimiser costs at all but the last two. */
export interface RecoveryRecord {
  readonly solved: SolvedProblem;
  readonly gaps: readonly number[];
}

/** What the gaps of several problems say. */
export function recoveryConclusion(
  records: readonly RecoveryRecord[],
  penalty: { readonly regularisation: number; readonly smoothness?: number },
): Conclusion {
  const solved = records.map((record) => record.solved);
  const depths = solved[0].depths.map(({ layers }) => layers);
  const scales = depths.slice(0, -2);
  const gaps = records.map((record) => record.gaps);
  const order = deterministicOrder({
    name: 'order of J_L(θ*|grid) − V_L in L, root mean square over problems',
    failsIf: 'sampling the continuous minimiser does not become free with more layers, like 1/L²',
    ...{ scales, rows: rootMeanSquares(gaps), order: -2, side: 'at least as fast' },
    accuracy: valueAccuracy(solved, penalty),
  });
  const lastGap = Math.max(...gaps.map((row) => row[row.length - 1]));
  return {
    hypotheses: [coerciveHypothesis(solved, penalty)],
    resolution: solutionResolution(solved),
    checks: [order],
    evidence: {
      depths: scales,
      gaps,
      'gaps.relative': gaps.map((row, p) =>
        row.map((gap, i) => gap / (solved[p].depths[i].objective || 1)),
      ),
      'controls.depths': depths,
      'controls.jumps': solved.map((one) => one.depths.map(({ jump }) => jump)),
      ...solutionEvidence(solved),
    },
    summary: `Sampling the extrapolated minimiser at L layers costs what falls ${decayInWords('L', order)}, to ${lastGap.toExponential(1)} at L = ${scales[scales.length - 1]}.`,
    figures: [
      convergenceFigure({
        id: 'A.recovery',
        title: 'A continuous minimiser, sampled at L layers',
        caption: `Objective of L layers that take the controls of the continuous minimiser (extrapolated from ${depths.slice(-3).join(', ')} layers), above the optimum of L layers. Band: range over problems. Expected: to 0, with order 2 where controls are Lipschitz.`,
        ...{ scale: 'layers L', quantity: 'J_L(θ*) − V_L' },
        curves: [{ series: 'sampled', scales, rows: gaps, slope: -2 }],
      }),
    ],
  };
}

const given = controlProblems({
  shared: {
    smoothness: smoothnessField,
    depths: doubling([2, 4, 8, 16, 32, 64, 128], 7, 'numbers of layers L'),
  },
  full: { problems: 16, depths: [2, 4, 8, 16, 32, 64, 128, 256] },
});

/** Sampling a continuous minimiser recovers the optimum of finite depth (arXiv 2606.23235). */
export const recovery = claim<ReturnType<typeof given.parse>, RecoveryRecord>({
  id: 'A.recovery',
  title: 'Recovering finite depth from the continuous minimiser',
  statement:
    'If $\\theta^*$ minimises the continuous problem and is Lipschitz in depth, $J_L(\\theta^*|_{\\mathrm{grid}}) - V_L \\to 0$, like $O(1/L^2)$.',
  trust: { statement: 'P', rate: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const { smoothness, depths } = given;
    const modelOf = (layers: number) =>
      problemModel(backend, given, { seed, index, layers, smoothness });
    const solutions = solveOverDepths(backend, depths, modelOf);
    return {
      solved: summariseSolutions(modelOf, solutions),
      gaps: recoveryGaps(backend, modelOf, solutions),
    };
  },
  conclude: (records, { given }) => recoveryConclusion(records, given),
});
