import type { ControlModel } from '../../control/control-model.ts';
import { partOf } from '../../control/parameters.ts';
import { controlPenalty } from '../../control/penalty.ts';
import { type Prolongation, prolongParameters } from '../../control/refinement.ts';
import { minimiseLbfgs } from '../../control/solvers/lbfgs.ts';
import { penaltyMetric } from '../../control/solvers/penalty-metric.ts';
import { stationarity } from '../../control/stationarity.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { LbfgsResult } from '../../minimise/lbfgs.ts';
import { fitOrder } from '../convergence-order.ts';
import type { Assumption } from '../legacy.ts';

/** The violation of the first-order condition up to which a point counts as stationary. */
export const stationaryTolerance = 1e-7;

/** A solution of one problem at one depth. */
export interface Optimum {
  /** L. */
  readonly layers: number;
  /** J, E ℓ and their difference at the solution. */
  readonly objective: number;
  readonly loss: number;
  /** J where the solver began. */
  readonly startObjective: number;
  readonly status: LbfgsResult['status'];
  /** `sup_k |E[D_θfᵀp] + ∇g|`. */
  readonly residual: number;
  /** Gradients that the solver took, and their time. */
  readonly gradients: number;
  readonly seconds: number;
  /** `max_k |θ_{k+1} − θ_k|`. */
  readonly jump: number;
  /** `∫|θ|²`. */
  readonly size: number;
  /** A copy of all parameters. */
  readonly parameters: Float64Array;
}

/** What is asked of solutions at several depths, one row for each problem. */
export type SolvedRows = readonly (readonly Pick<
  Optimum,
  'layers' | 'objective' | 'residual' | 'gradients' | 'jump'
>[])[];

export interface SolveOptions {
  /** How a depth's solution starts the next one; `none`: every depth from its own random start. Default `linear`. */
  readonly continuation?: Prolongation | 'none';
  /** Default 1e-8. */
  readonly tolerance?: number;
  /** At all depths but the last; default `tolerance`. */
  readonly coarseTolerance?: number;
  /** The most iterations at each depth; default 1500. */
  readonly iterations?: number;
}

/** Minimises J over the controls of a model, in place. */
export function solveModel(model: ControlModel, options: SolveOptions = {}): Optimum {
  const { problem, parameters, batch } = model;
  const { tolerance = 1e-8, iterations = 1500 } = options;
  const { backend, layout } = problem;
  const startObjective = problem.evaluate(parameters, batch).objective;
  const begin = performance.now();
  const result = minimiseLbfgs({
    backend,
    objective: (x, gradient) => problem.gradient(x, batch, gradient).objective,
    parameters,
    tolerance,
    iterations,
    norm: (gradient) => stationarity(problem, gradient).controls,
    metric: penaltyMetric(problem),
  });
  const seconds = (performance.now() - begin) / 1000;
  const { loss } = problem.evaluate(parameters, batch);
  const nodes = partOf(layout, parameters, 'controls');
  const penalty = { regularisation: 2, smoothness: 0 };
  return {
    layers: layout.layers,
    objective: result.value,
    loss,
    startObjective,
    status: result.status,
    residual: result.gradientNorm,
    gradients: result.gradients,
    seconds,
    jump: largestJump(nodes, layout.parametersPerLayer),
    size: controlPenalty(nodes, problem.grid, penalty),
    parameters: Float64Array.from(parameters),
  };
}

/** Solves one problem at depths of which each is twice the one before. */
export function solveOverDepths(
  backend: Backend,
  depths: readonly number[],
  modelOf: (layers: number) => ControlModel,
  options: SolveOptions = {},
): Optimum[] {
  const { continuation = 'linear', tolerance, coarseTolerance = tolerance } = options;
  let start: Float64Array | undefined;
  return depths.map((layers, i) =>
    backend.scoped(() => {
      const model = modelOf(layers);
      if (start !== undefined) model.parameters.set(start);
      const coarse = i < depths.length - 1 && coarseTolerance !== undefined;
      const optimum = solveModel(
        model,
        coarse ? { ...options, tolerance: coarseTolerance } : options,
      );
      if (continuation !== 'none') {
        const { layout, grid } = model.problem;
        const fine = prolongParameters(layout, grid, optimum.parameters, continuation);
        start = Float64Array.from(fine);
      }
      return optimum;
    }),
  );
}

/** Log–log slope in L of the controls' difference quotients `L max_k |θ_{k+1} − θ_k|`: 0 if Lipschitz, 1 with jumps. */
export function growthOf(solutions: SolvedRows) {
  // One layer has no jump.
  const compared = solutions.map((row) => row.filter(({ layers }) => layers > 1));
  const depths = compared[0].map(({ layers }) => layers);
  const quotients = compared.map((row) => row.map(({ layers, jump }) => layers * jump));
  if (quotients.flat().every((x) => x === 0)) return { slope: 0, interval: [0, 0] as const };
  if (!quotients.flat().every((x) => x > 0 && Number.isFinite(x))) {
    return { slope: Number.POSITIVE_INFINITY, interval: [Number.NaN, Number.NaN] as const };
  }
  const { slope, interval } = fitOrder({ x: depths, y: quotients });
  return { slope, interval };
}

/** The growth up to which controls count as Lipschitz in depth: halfway between Lipschitz (0) and jumps (1). */
export const largestGrowth = 0.5;

/** That every solution is stationary. */
export function stationaryAssumption(solutions: SolvedRows): Assumption {
  const residual = Math.max(...solutions.flat().map((optimum) => optimum.residual));
  return {
    name: `stationary: |E[D_θfᵀp] + ∇g| at most ${stationaryTolerance} at every layer and depth`,
    holds: residual <= stationaryTolerance,
    value: residual,
  };
}

/** That controls are Lipschitz in depth, with the jump where they are not. */
export function regularAssumption(solutions: SolvedRows): Assumption {
  const { slope } = growthOf(solutions);
  const holds = slope <= largestGrowth;
  const last = solutions.map((row) => row[row.length - 1]);
  const jump = Math.max(...last.map((optimum) => optimum.jump));
  return {
    name: 'controls Lipschitz in depth: L max_k |θ_{k+1} − θ_k| does not grow with L (log–log slope at most 0.5)',
    holds,
    value: holds
      ? slope
      : `slope ${slope.toFixed(2)}; the controls jump by ${jump.toPrecision(3)} between layers at L = ${last[0].layers}`,
  };
}

export function rowsOf<Solution>(
  solutions: readonly (readonly Solution[])[],
  read: (optimum: Solution) => number,
): number[][] {
  return solutions.map((row) => row.map(read));
}

function largestJump(nodes: ArrayLike<number>, P: number): number {
  let largest = 0;
  for (let k = P; k < nodes.length; k += P) {
    let square = 0;
    for (let i = k; i < k + P; i++) square += (nodes[i] - nodes[i - P]) ** 2;
    largest = Math.max(largest, Math.sqrt(square));
  }
  return largest;
}
