import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { type Prolongation, prolongParameters } from '../../control/refinement.ts';
import type { Backend } from '../../kernels/backend.ts';
import { type Interval, meanInterval } from '../../numeric/fit.ts';
import { type Claim, type ClaimContext, type Finding, judge } from '../claim.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
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

/** What prolongation is worth on one problem. */
export interface ProlongationRecord {
  readonly solutions: readonly Optimum[];
  /** `J_{2L}(prolonged) − V_{2L}` for each depth L but the last, controls repeated or interpolated. */
  readonly repeatGaps: readonly number[];
  readonly linearGaps: readonly number[];
  /** J of the last depth's random start, above its optimum. */
  readonly randomGap: number;
  /** Layers times gradients: of the whole refinement, and of the last depth alone from a random start. */
  readonly refinedWork: number;
  readonly randomWork: number;
  /** Gradients at the last depth. */
  readonly refinedGradients: number;
  readonly randomGradients: number;
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
  return {
    solutions,
    repeatGaps: gapsOf('repeat'),
    linearGaps: gapsOf('linear'),
    randomGap: random.startObjective - last.objective,
    refinedWork: solutions.reduce((work, { layers, gradients }) => work + layers * gradients, 0),
    randomWork: random.layers * random.gradients,
    refinedGradients: last.gradients,
    randomGradients: random.gradients,
    difference: random.objective - last.objective,
  };
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
  const gradients = ratioOf(
    records.map((record) => record.randomGradients / record.refinedGradients),
  );
  const work = ratioOf(records.map((record) => record.randomWork / record.refinedWork));
  const wins = gradients.interval[0] > 1;
  return {
    assumptions: answer.assumptions,
    evidence: {
      depths: x,
      'gaps.repeated': rowsOrRow(repeat),
      'gaps.interpolated': rowsOrRow(linear),
      'gaps.interpolatedSlope': interpolated.measured,
      'gaps.interpolatedInterval': interpolated.interval ?? [],
      'gaps.randomStart': records.map((record) => record.randomGap),
      'work.refined': records.map((record) => record.refinedWork),
      'work.random': records.map((record) => record.randomWork),
      'work.ratio': work.mean,
      'work.ratioInterval': work.interval,
      'gradients.ratio': gradients.mean,
      'gradients.ratioInterval': gradients.interval,
      'gradients.refined': records.map((record) => record.refinedGradients),
      'gradients.random': records.map((record) => record.randomGradients),
      'objective.randomMinusRefined': records.map((record) => record.difference),
      'solver.gradients': rowsOrRow(rowsOf(solutions, (optimum) => optimum.gradients)),
      ...answer.evidence,
    },
    measured: answer.measured,
    expected,
    interval: answer.interval,
    verdict: verdict === 'holds' && !wins ? 'fails' : verdict,
    summary: `A repeated optimum starts twice the layers within L^${answer.measured.toFixed(2)} of theirs. A random start of ${depths[depths.length - 1]} layers needs ${ratioWords(gradients)} times the gradients of the prolonged one, and ${ratioWords(work)} times the layer gradients of the whole refinement from ${depths[0]} layers, to the same tight tolerance.`,
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
export const initialisation: Claim<InitialisationInstance> = {
  id: 'A.initialisation',
  paper: 'A',
  title: 'A shallow optimum starts a deep one',
  statement:
    'The optimum of $L$ layers, every layer repeated, starts $2L$ layers within $O(1/L)$ of their optimal value, and needs fewer gradients from there than from a random start.',
  trust: 'P, content S',
  quantity: 'log–log slope of the start’s gap in L',
  instance: instanceSchema,
  run,
};
