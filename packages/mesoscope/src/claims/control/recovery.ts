import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { sampleParameters } from '../../control/refinement.ts';
import type { Backend } from '../../kernels/backend.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import {
  growthOf,
  type Optimum,
  regularAssumption,
  rowsOf,
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
import { solveProblems } from './solve-problems.ts';

const quickDepths = [2, 4, 8, 16, 32, 64];
const fullDepths = [2, 4, 8, 16, 32, 64, 128, 256];

/**
 * Gaps `J_L(θ*|grid) − V_L` of one problem at all depths but the last two. Those two give the continuous minimiser, by
 * extrapolation `θ* = 2θ_{2L} − θ_L` at every depth.
 */
export function recoveryGaps(
  backend: Backend,
  modelOf: (layers: number) => ControlModel,
  solutions: readonly Optimum[],
): number[] {
  const [half, finest] = solutions.slice(-2);
  return backend.scoped(() => {
    const models = [half, finest].map(({ layers }) => modelOf(layers).problem);
    return solutions.slice(0, -2).map(({ layers, objective }) =>
      backend.scoped(() => {
        const { problem, parameters, batch } = modelOf(layers);
        const [coarse, fine] = [half, finest].map((solution, i) =>
          sampleParameters(models[i].layout, models[i].grid, solution.parameters, problem.grid),
        );
        parameters.set(fine.map((x, i) => 2 * x - coarse[i]));
        return problem.evaluate(parameters, batch).objective - objective;
      }),
    );
  });
}

/** The finding from solutions and gaps, one row for each problem. */
export function recoveryFinding(
  solutions: readonly (readonly Optimum[])[],
  gaps: readonly (readonly number[])[],
): Finding {
  const depths = solutions[0].map((optimum) => optimum.layers);
  const x = depths.slice(0, -2);
  const regular = regularAssumption(solutions);
  const assumptions = [stationaryAssumption(solutions), regular];
  const answer = judgeOrder({ x, y: gaps, order: -1, assumptions });
  const expected = { kind: 'at-most', value: -1 } as const;
  const verdict = judge(answer.assumptions, answer.measured, answer.interval, expected);
  const jumps = rowsOf(solutions, (optimum) => optimum.jump);
  const lastGap = Math.max(...gaps.map((row) => row[row.length - 1]));
  return {
    assumptions: answer.assumptions,
    evidence: {
      depths: x,
      gaps: rowsOrRow(gaps),
      'gaps.relative': rowsOrRow(
        gaps.map((row, p) => row.map((gap, i) => gap / solutions[p][i].objective)),
      ),
      'controls.depths': depths,
      'controls.jumps': rowsOrRow(jumps),
      'controls.growth': growthOf(solutions).slope,
      ...answer.evidence,
    },
    measured: answer.measured,
    expected,
    interval: answer.interval,
    verdict,
    summary: regular.holds
      ? `Sampling the extrapolated minimiser at L layers costs what falls like L^${answer.measured.toFixed(2)}, to ${lastGap.toExponential(1)} at L = ${x[x.length - 1]}.`
      : `The controls jump between layers by ${Math.max(...jumps.map((row) => row[row.length - 1])).toPrecision(3)}: there is no continuous minimiser to sample, and a gap of up to ${lastGap.toExponential(1)} remains at L = ${x[x.length - 1]}.`,
    figures: [
      orderFigure({
        id: 'A.recovery',
        title: 'A continuous minimiser, sampled at L layers',
        caption: `Objective of L layers that take the controls of the continuous minimiser (extrapolated from ${depths[depths.length - 2]} and ${depths[depths.length - 1]} layers), above the optimum of L layers. Band: range over problems. Expected: to 0, with order 2 where controls are Lipschitz.`,
        quantity: 'J_L(θ*) − V_L',
        curves: [{ series: 'sampled', layers: x, errors: gaps }],
        expected: [{ slope: -2, curve: 0 }],
      }),
    ],
  };
}

const instanceSchema = z
  .strictObject({ ...optimumShape, depths: doublingDepths(quickDepths, 6) })
  .refine(...dataComplete);

export type RecoveryInstance = z.infer<typeof instanceSchema>;

async function run(context: ClaimContext<RecoveryInstance>): Promise<Finding> {
  const { backend, seed } = context;
  const depths = context.setting === 'full' ? fullDepths : quickDepths;
  const instance: OptimumInstance & { depths: number[] } = context.instance ?? {
    ...ownInstance(context),
    depths,
  };
  const solutions = await solveProblems(context, instance, instance.depths);
  const gaps = solutions.map((row, index) =>
    recoveryGaps(
      backend,
      (layers) => optimumModel(backend, instance, { seed, index, layers }),
      row,
    ),
  );
  return recoveryFinding(solutions, gaps);
}

/** Sampling a continuous minimiser recovers the optimum of finite depth (arXiv 2606.23235). */
export const recovery = legacy<RecoveryInstance>({
  id: 'A.recovery',
  paper: 'A',
  title: 'Recovering finite depth from the continuous minimiser',
  statement:
    'If $\\theta^*$ minimises the continuous problem and is Lipschitz in depth, $J_L(\\theta^*|_{\\mathrm{grid}}) - V_L \\to 0$.',
  trust: 'P',
  quantity: 'log–log slope of the gap in L',
  instance: instanceSchema,
  run,
});
