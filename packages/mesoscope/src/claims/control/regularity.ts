import * as z from 'zod';
import {
  numbersOf,
  type SolvedProblem,
  solveOverDepths,
  summariseSolutions,
} from '../../control/optimum/optimum.ts';
import { fitRate } from '../../numeric/fit.ts';
import { atLeast, type Check, type Condition } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { doubling, experimentCount } from '../fields.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { controlProblems, problemModel, smoothnessField } from './control-problems.ts';
import {
  coerciveHypothesis,
  rootMeanSquares,
  solutionEvidence,
  solutionResolution,
  stationaryTolerance,
} from './solution-conditions.ts';

const given = controlProblems({
  shared: {
    smoothness: smoothnessField,
    depths: doubling([4, 8, 16, 32, 64], 5, 'numbers of layers L', 2),
  },
  own: {
    contrasts: experimentCount(2, 'of them solved under weak regularisation too'),
    contrastDepths: doubling(
      [4, 8, 16],
      3,
      'numbers of layers L under weak regularisation alone',
      2,
    ),
    weakRegularisation: z.number().positive().default(0.1).describe('λ there'),
    restoringSmoothness: z
      .number()
      .positive()
      .default(0.1)
      .describe('μ of the H¹ penalty that restores smoothness there'),
  },
  full: {
    problems: 16,
    contrasts: 8,
    depths: [4, 8, 16, 32, 64, 128],
    contrastDepths: [4, 8, 16, 32, 64],
  },
});

type Given = ReturnType<typeof given.parse>;

/** Solutions of one problem, and under weak regularisation without and with an H¹ penalty where they were computed. */
export interface RegularityRecord {
  readonly coercive: SolvedProblem;
  readonly weak?: SolvedProblem;
  readonly smooth?: SolvedProblem;
}

const jumpsOf = ({ depths }: SolvedProblem) => depths.map(({ jump }) => jump);
const layersOf = ({ depths }: SolvedProblem) => depths.map(({ layers }) => layers);

/** Problems that are stationary at every depth: what became of the others says nothing about optimal controls. */
const solvedOf = (problems: readonly (SolvedProblem | undefined)[]) =>
  problems.filter(
    (one): one is SolvedProblem =>
      one?.depths.every(({ residual }) => residual <= stationaryTolerance) === true,
  );

/** That jumps fall like 1/L, so that the difference quotients `L max_k |θ_{k+1} − θ_k|` are bounded. */
function lipschitz(name: string, solved: readonly SolvedProblem[], regularisation: number): Check {
  return deterministicOrder({
    name: `order of max_k |θ_{k+1} − θ_k| in L, ${name}`,
    failsIf: 'the controls’ difference quotients in depth grow with L',
    scales: solved.length === 0 ? [] : layersOf(solved[0]),
    rows: rootMeanSquares(solved.map(jumpsOf)),
    suprema: true,
    ...{ order: -1, side: 'at least as fast' },
    // A gradient that is not quite 0 leaves each layer uncertain by |∂J/∂θ|/λ.
    accuracy: (2 * stationaryTolerance) / regularisation,
  });
}

/** What solutions under strong and, where they were computed, weak regularisation say. */
export function regularityConclusion(
  records: readonly RegularityRecord[],
  penalty: Pick<Given, 'regularisation' | 'smoothness'>,
): Conclusion {
  const coercive = records.map((record) => record.coercive);
  const tried = records.filter(({ weak }) => weak !== undefined).length;
  const weak = solvedOf(records.map((record) => record.weak));
  const smooth = solvedOf(records.map((record) => record.smooth));
  const order = lipschitz('coercive', coercive, penalty.regularisation);
  const contrast =
    tried === 0
      ? []
      : [jumping(weak), lipschitz('weak with H¹ penalty', smooth, penalty.regularisation)];
  const quotients = (problems: readonly SolvedProblem[]) =>
    problems.map(({ depths }) => depths.map(({ layers, jump }) => layers * jump));
  const curves = [
    { series: 'coercive', problems: coercive },
    { series: 'weak', problems: weak },
    { series: 'weak with H¹ penalty', problems: smooth },
  ].filter(({ problems }) => problems.length > 0);
  return {
    hypotheses: [coerciveHypothesis(coercive, penalty)],
    resolution: [
      ...solutionResolution(coercive),
      ...(tried === 0
        ? []
        : [someSolved('', weak, tried), someSolved(' with an H¹ penalty', smooth, tried)]),
    ],
    checks: [order, ...contrast],
    evidence: {
      depths: layersOf(coercive[0]),
      'coercive.jumps': coercive.map(jumpsOf),
      'weak.problems': tried,
      'weak.solved': weak.length,
      'weak.quotients': quotients(weak),
      'smooth.solved': smooth.length,
      'smooth.quotients': quotients(smooth),
      ...solutionEvidence(coercive),
    },
    summary: `The largest jump between layers falls ${decayInWords('L', order)}${contrast.length === 0 ? '' : `, ${decayInWords('L', contrast[0])} under weak regularisation, and ${decayInWords('L', contrast[1])} there with an H¹ penalty`}.`,
    figures: [
      convergenceFigure({
        id: 'A.regularity',
        title: 'Jumps of optimal controls between layers',
        caption:
          'Largest difference quotient of the optimal controls in depth. Bounded: Lipschitz controls; growing like L: controls that jump between layers. Band: range over problems.',
        ...{ scale: 'layers L', quantity: 'L max_k |θ_{k+1} − θ_k|' },
        curves: curves.map(({ series, problems }) => ({
          ...{ series, scales: layersOf(problems[0]), rows: quotients(problems) },
          slope: series === 'weak' ? 1 : 0,
        })),
      }),
    ],
  };
}

/** That jumps stay under weak regularisation: in no problem do they fall half as fast as Lipschitz controls'. */
function jumping(weak: readonly SolvedProblem[]): Check {
  const slopes = weak.map((one) => {
    const [x, y] = [layersOf(one), jumpsOf(one)];
    return fitRate({ x, y: [y] }).slope;
  });
  const mean = slopes.reduce((sum, slope) => sum + slope, 0) / slopes.length;
  return atLeast({
    name: 'log–log slope of max_k |θ_{k+1} − θ_k| in L, weak regularisation: mean and range over problems',
    failsIf: 'jumps under weak regularisation fall faster than L^−½, as if controls were Lipschitz',
    ...{ measured: mean, interval: [Math.min(...slopes), Math.max(...slopes)] as const },
    ...{ intervalFrom: 'numerics' as const, expected: -0.5 },
  });
}

function someSolved(how: string, solved: readonly SolvedProblem[], tried: number): Condition {
  return {
    name: `a weakly regularised problem${how} was solved at every depth, to compare with`,
    holds: solved.length > 0,
    value: `${solved.length} of ${tried}`,
  };
}

/** Coercive problems have Lipschitz controls; weak ones jump; an H¹ penalty restores smoothness (arXiv 2606.23235). */
export const regularity = claim<Given, RegularityRecord>({
  id: 'A.regularity',
  title: 'When optimal layers vary smoothly with depth',
  statement:
    'If the objective is coercive, optimal controls are Lipschitz in depth: $L\\max_k|\\theta_{k+1}-\\theta_k|$ is bounded. Under weak regularisation they jump and it grows like $L$; a penalty $\\tfrac\\mu2\\int|\\dot\\theta|^2$ restores smoothness.',
  trust: { statement: 'P', contrast: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const modelOf = (layers: number) =>
      problemModel(backend, given, { seed, index, layers, smoothness: given.smoothness });
    const coercive = summariseSolutions(modelOf, solveOverDepths(backend, given.depths, modelOf));
    if (given.explicit || index >= given.contrasts) return { coercive };
    const weakly = { ...given, regularisation: given.weakRegularisation };
    const solve = (depths: readonly number[], smoothness: number) =>
      numbersOf(
        solveOverDepths(
          backend,
          depths,
          (layers) => problemModel(backend, weakly, { seed, index, layers, smoothness }),
          { iterations: 600 },
        ),
      );
    return {
      coercive,
      weak: solve(given.contrastDepths, 0),
      smooth: solve(given.depths, given.restoringSmoothness),
    };
  },
  conclude: (records, { given }) => regularityConclusion(records, given),
});
