import * as z from 'zod';
import { type SolvedProblem, summariseSolutions } from '../../control/optimum/optimum.ts';
import {
  type CostRatio,
  looseTolerance,
  measureProlongation,
  type ProlongationWorth,
} from '../../control/optimum/prolongation.ts';
import type { Interval } from '../../numeric/fit.ts';
import { atLeast, type Check, type Measurement, sampledMean } from '../check.ts';
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

/** What prolongation is worth on one problem, from one random start. */
export interface ProlongationRecord extends Omit<ProlongationWorth, 'solutions'> {
  readonly solved: SolvedProblem;
}

/** What it is worth on several. */
export function initialisationConclusion(
  records: readonly ProlongationRecord[],
  penalty: { readonly regularisation: number; readonly smoothness?: number },
): Conclusion {
  const solved = records.map((record) => record.solved);
  const depths = solved[0].depths.map(({ layers }) => layers);
  const scales = depths.slice(0, -1);
  const repeat = records.map((record) => record.repeatGaps);
  const linear = records.map((record) => record.linearGaps);
  const orderOf = (rows: readonly (readonly number[])[], how: string) =>
    deterministicOrder({
      name: `order of J_2L(${how}) − V_2L in L, root mean square over problems`,
      failsIf: 'a prolonged optimum starts twice the layers further than O(1/L) from theirs',
      ...{ scales, rows: rootMeanSquares(rows), order: -1, side: 'at least as fast' },
      accuracy: valueAccuracy(solved, penalty),
    });
  const ratios = (kind: 'last' | 'whole' | 'nested', cost: keyof CostRatio) =>
    ratioOf(records.map((record) => record[kind][cost]));
  const [gradients, nested] = [ratios('last', 'gradients'), ratios('nested', 'gradients')];
  const [whole, time] = [ratios('whole', 'gradients'), ratios('last', 'seconds')];
  // Seconds are reported, not judged: a gradient of the same problem costs the same on both ways, and the runs are short.
  const saving = (name: string, estimate: Measurement): Check =>
    atLeast({
      name,
      failsIf: 'a random start needs no more gradients',
      resolution: [severalStarts(records.length)],
      ...estimate,
      expected: 1,
    });
  const [repeated, interpolated] = [orderOf(repeat, 'repeated'), orderOf(linear, 'interpolated')];
  return {
    hypotheses: [coerciveHypothesis(solved, penalty)],
    resolution: solutionResolution(solved),
    checks: [
      // Under an H¹ penalty a repeated optimum has twice the kinetic energy, at every depth: only interpolation prolongs it.
      ...(penalty.smoothness === undefined || penalty.smoothness === 0 ? [repeated] : []),
      interpolated,
      saving('gradients of a random start over those of the prolonged one, last depth', gradients),
      saving('layer gradients of a random start over those of the whole refinement', nested),
    ],
    evidence: {
      depths: scales,
      'gaps.repeated': repeat,
      'gaps.interpolated': linear,
      'gaps.randomStart': records.map((record) => record.randomGap),
      'last.timeRatio': time.measured,
      'last.timeInterval': endsOf(time),
      'whole.layerGradientsRatio': whole.measured,
      'whole.layerGradientsInterval': endsOf(whole),
      'nested.coarseTolerance': looseTolerance,
      'nested.timeRatio': ratios('nested', 'seconds').measured,
      'nested.timeInterval': endsOf(ratios('nested', 'seconds')),
      'objective.randomMinusRefined': records.map((record) => record.difference),
      ...solutionEvidence(solved),
    },
    summary: `A repeated optimum starts twice the layers at a distance that falls ${decayInWords('L', repeated)}. At ${depths[depths.length - 1]} layers a random start needs ${ratioWords(gradients)} times the gradients of the prolonged one and ${ratioWords(time)} times its time. Against the whole refinement from ${depths[0]} layers it needs ${ratioWords(nested)} times the layer gradients where coarser depths are solved loosely, ${ratioWords(whole)} times where all are solved to the same tight tolerance.`,
    figures: [
      convergenceFigure({
        id: 'A.initialisation',
        title: 'How near a prolonged optimum starts',
        caption:
          'Objective of 2L layers at the optimum of L layers, repeated or interpolated, above the optimum of 2L layers. Band: range over problems. Expected: at most of order 1.',
        ...{ scale: 'layers L', quantity: 'J_2L(prolonged) − V_2L' },
        curves: [
          { series: 'repeated', scales, rows: repeat, slope: -1 },
          { series: 'interpolated', scales, rows: linear },
        ],
      }),
    ],
  };
}

function severalStarts(count: number) {
  return { name: 'two random starts or more', holds: count >= 2, value: count };
}

/** Geometric mean of ratios over random starts; two savings are judged at once. */
function ratioOf(ratios: readonly number[]) {
  return sampledMean(ratios.map(Math.log), { among: 2, as: Math.exp });
}

/** The interval; of one ratio alone, itself. */
function endsOf({ measured, interval }: Measurement): Interval {
  return interval ?? [measured, measured];
}

function ratioWords(estimate: Measurement): string {
  const [low, high] = endsOf(estimate);
  return `${estimate.measured.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

const given = controlProblems({
  shared: {
    smoothness: smoothnessField,
    depths: doubling([2, 4, 8, 16, 32], 5, 'numbers of layers L'),
  },
  data: {
    starts: z.int().min(1).max(1000).default(8).describe('random starts of the one problem'),
  },
  full: { problems: 16, depths: [2, 4, 8, 16, 32, 64, 128] },
  pieces: (given) => (given.explicit ? given.starts : given.problems),
});

/** The optimum of L layers is a good start for 2L (arXiv 2606.23235). */
export const initialisation = claim<ReturnType<typeof given.parse>, ProlongationRecord>({
  id: 'A.initialisation',
  title: 'A shallow optimum starts a deep one',
  statement:
    'The optimum of $L$ layers, every layer repeated, starts $2L$ layers within $O(1/L)$ of their optimal value, and needs fewer gradients from there than from a random start, as does the whole refinement from few layers whose coarser depths are solved loosely.',
  trust: { statement: 'P', content: 'S' },
  given,
  measure({ backend, given, seed, index }) {
    const { smoothness } = given;
    // Explicit data are one problem, of which only the random start differs.
    const problem = given.explicit ? 0 : index;
    const { solutions, ...worth } = measureProlongation(backend, given.depths, (layers, start) =>
      problemModel(backend, given, {
        ...{ seed, index: problem, layers, smoothness, startIndex: index },
        start: start === 'random' ? 'random' : 'reference',
      }),
    );
    const solved = summariseSolutions(
      (layers) => problemModel(backend, given, { seed, index: problem, layers, smoothness }),
      solutions,
    );
    return { ...worth, solved };
  },
  conclude: (records, { given }) => initialisationConclusion(records, given),
});
