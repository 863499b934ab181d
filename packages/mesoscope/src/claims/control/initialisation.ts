import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { type Prolongation, prolongParameters } from '../../control/refinement.ts';
import type { Backend } from '../../kernels/backend.ts';
import { type Interval, meanInterval } from '../../numeric/fit.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import {
  type Optimum,
  regularAssumption,
  rowsOf,
  solveModel,
  solveOverDepths,
  stationaryAssumption,
} from './optima.ts';
import {
  dataComplete,
  doublingDepths,
  type OptimumInstance,
  optimumModel,
  optimumShape,
  ownInstance,
} from './optimum-instance.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';

const quickDepths = [2, 4, 8, 16, 32];
const fullDepths = [2, 4, 8, 16, 32, 64, 128];

/** What a random start costs over what prolongation costs. */
interface Ratio {
  readonly gradients: number;
  readonly seconds: number;
}

/** The tolerance of coarser depths whose solutions are starts only: far below what prolongation itself misses. */
const looseTolerance = 1e-3;

/** What prolongation is worth on one problem. */
export interface ProlongationRecord {
  readonly solutions: readonly Optimum[];
  /** `J_{2L}(prolonged) − V_{2L}` for each depth L but the last, controls repeated or interpolated. */
  readonly repeatGaps: readonly number[];
  readonly linearGaps: readonly number[];
  /** J of the last depth's random start, above its optimum. */
  readonly randomGap: number;
  /** Random start over prolonged start, at the last depth: gradients and seconds. */
  readonly last: Ratio;
  /** Random start over the whole refinement with every depth solved to the same tolerance: layer gradients and seconds. */
  readonly whole: Ratio;
  /** The same where the coarser depths are solved to {@link looseTolerance} only. */
  readonly nested: Ratio;
  /** J at the end of both, random minus refined. */
  readonly difference: number;
}

/** Solves one problem by depth refinement and its last depth from a random start, to the same tolerance. */
export function measureProlongation(
  backend: Backend,
  depths: readonly number[],
  modelOf: (layers: number) => ControlModel,
): ProlongationRecord {
  const solutions = solveOverDepths(backend, depths, modelOf);
  const gapsOf = (prolongation: Prolongation) =>
    solutions.slice(1).map((next, i) =>
      backend.scoped(() => {
        const { layout, grid } = modelOf(solutions[i].layers).problem;
        const { problem, parameters, batch } = modelOf(next.layers);
        parameters.set(prolongParameters(layout, grid, solutions[i].parameters, prolongation));
        return problem.evaluate(parameters, batch).objective - next.objective;
      }),
    );
  const last = solutions[solutions.length - 1];
  const random = backend.scoped(() => solveModel(modelOf(last.layers)));
  const nested = solveOverDepths(backend, depths, modelOf, { coarseTolerance: looseTolerance });
  const overWhole = (refinement: readonly Optimum[]) => ({
    gradients: (random.layers * random.gradients) / sumOf(refinement, workOf),
    seconds: random.seconds / sumOf(refinement, ({ seconds }) => seconds),
  });
  return {
    solutions,
    repeatGaps: gapsOf('repeat'),
    linearGaps: gapsOf('linear'),
    randomGap: random.startObjective - last.objective,
    last: {
      gradients: random.gradients / last.gradients,
      seconds: random.seconds / last.seconds,
    },
    whole: overWhole(solutions),
    nested: overWhole(nested),
    difference: random.objective - last.objective,
  };
}

function workOf({ layers, gradients }: Optimum): number {
  return layers * gradients;
}

function sumOf(solutions: readonly Optimum[], read: (optimum: Optimum) => number): number {
  return solutions.reduce((sum, optimum) => sum + read(optimum), 0);
}

/** The finding from one record for each problem. */
export function initialisationFinding(records: readonly ProlongationRecord[]): Finding {
  const solutions = records.map((record) => record.solutions);
  const depths = solutions[0].map((optimum) => optimum.layers);
  const x = depths.slice(0, -1);
  const repeat = records.map((record) => record.repeatGaps);
  const linear = records.map((record) => record.linearGaps);
  const assumptions = [stationaryAssumption(solutions), regularAssumption(solutions)];
  const answer = judgeOrder({ x, y: repeat, order: -1, assumptions });
  const interpolated = judgeOrder({ x, y: linear, order: -1, assumptions });
  const expected = { kind: 'at-most', value: -1 } as const;
  const verdict = judge(answer.assumptions, answer.measured, answer.interval, expected);
  const ratios = (kind: 'last' | 'whole' | 'nested', cost: keyof Ratio) =>
    ratioOf(records.map((record) => record[kind][cost]));
  const gradients = ratios('last', 'gradients');
  const time = ratios('last', 'seconds');
  const [whole, nested] = [ratios('whole', 'gradients'), ratios('nested', 'gradients')];
  // Seconds are reported, not judged: a gradient of the same problem costs the same on both ways, and the runs are short.
  const wins = gradients.interval[0] > 1 && nested.interval[0] > 1;
  return {
    assumptions: answer.assumptions,
    evidence: {
      depths: x,
      'gaps.repeated': rowsOrRow(repeat),
      'gaps.interpolated': rowsOrRow(linear),
      'gaps.interpolatedSlope': interpolated.measured,
      'gaps.interpolatedInterval': interpolated.interval ?? [],
      'gaps.randomStart': records.map((record) => record.randomGap),
      'last.gradientsRatio': gradients.mean,
      'last.gradientsInterval': gradients.interval,
      'last.timeRatio': time.mean,
      'last.timeInterval': time.interval,
      'whole.layerGradientsRatio': whole.mean,
      'whole.layerGradientsInterval': whole.interval,
      'nested.coarseTolerance': looseTolerance,
      'nested.layerGradientsRatio': nested.mean,
      'nested.layerGradientsInterval': nested.interval,
      'nested.timeRatio': ratios('nested', 'seconds').mean,
      'nested.timeInterval': ratios('nested', 'seconds').interval,
      'objective.randomMinusRefined': records.map((record) => record.difference),
      'solver.gradients': rowsOrRow(rowsOf(solutions, (optimum) => optimum.gradients)),
      ...answer.evidence,
    },
    measured: answer.measured,
    expected,
    interval: answer.interval,
    verdict: verdict === 'holds' && !wins ? 'fails' : verdict,
    summary: `A repeated optimum starts twice the layers within L^${answer.measured.toFixed(2)} of theirs. At ${depths[depths.length - 1]} layers a random start needs ${ratioWords(gradients)} times the gradients of the prolonged one and ${ratioWords(time)} times its time. Against the whole refinement from ${depths[0]} layers it needs ${ratioWords(nested)} times the layer gradients where coarser depths are solved loosely, ${ratioWords(whole)} times where all are solved to the same tight tolerance.`,
    figures: [
      orderFigure({
        id: 'A.initialisation',
        title: 'How near a prolonged optimum starts',
        caption:
          'Objective of 2L layers at the optimum of L layers, repeated or interpolated, above the optimum of 2L layers. Band: range over problems. Expected: at most of order 1.',
        quantity: 'J_2L(prolonged) − V_2L',
        curves: [
          { series: 'repeated', layers: x, errors: repeat },
          { series: 'interpolated', layers: x, errors: linear },
        ],
        expected: [{ slope: -1, curve: 0 }],
      }),
    ],
  };
}

/** Geometric mean of ratios, with its interval. */
function ratioOf(ratios: readonly number[]): { mean: number; interval: Interval } {
  const { mean, interval } = meanInterval(ratios.map(Math.log));
  const [low, high] = interval ?? [mean, mean];
  return { mean: Math.exp(mean), interval: [Math.exp(low), Math.exp(high)] };
}

function ratioWords({ mean, interval }: { mean: number; interval: Interval }): string {
  return `${mean.toFixed(2)} [${interval.map((x) => x.toFixed(2)).join(', ')}]`;
}

const instanceSchema = z
  .strictObject({ ...optimumShape, depths: doublingDepths(quickDepths, 5) })
  .refine(...dataComplete);

export type InitialisationInstance = z.infer<typeof instanceSchema>;

async function run(context: ClaimContext<InitialisationInstance>): Promise<Finding> {
  const { backend, seed } = context;
  const depths = context.setting === 'full' ? fullDepths : quickDepths;
  const instance: OptimumInstance & { depths: number[] } = context.instance ?? {
    ...ownInstance(context),
    depths,
  };
  const records = await overExperiments(context, instance.problems, 'refinements', (index) =>
    measureProlongation(backend, instance.depths, (layers) =>
      optimumModel(backend, instance, { seed, index, layers }),
    ),
  );
  return initialisationFinding(records);
}

/** The optimum of L layers is a good start for 2L (arXiv 2606.23235). */
export const initialisation = legacy<InitialisationInstance>({
  id: 'A.initialisation',
  paper: 'A',
  title: 'A shallow optimum starts a deep one',
  statement:
    'The optimum of $L$ layers, every layer repeated, starts $2L$ layers within $O(1/L)$ of their optimal value, and needs fewer gradients from there than from a random start, as does the whole refinement from few layers whose coarser depths are solved loosely.',
  trust: 'P, content S',
  quantity: 'log–log slope of the start’s gap in L',
  instance: instanceSchema,
  run,
});
