import type { Backend, FloatArray } from '../../kernels/backend.ts';
import type { LbfgsResult } from '../../minimise/lbfgs.ts';
import type { ControlModel } from '../control-model.ts';
import { partOf } from '../parameters.ts';
import { controlPenalty } from '../penalty.ts';
import { type Prolongation, prolongParameters } from '../refinement.ts';
import { minimiseLbfgs } from '../solvers/lbfgs.ts';
import { penaltyMetric } from '../solvers/penalty-metric.ts';
import { stationarity } from '../stationarity.ts';
import { type Activity, measureActivity } from './activity.ts';
import { legendreCurvatures } from './legendre.ts';

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
  /** `∫|θ − θ_ref|²`. */
  readonly size: number;
  /** A copy of all parameters. */
  readonly parameters: Float64Array;
}

export interface SolveOptions {
  /** How a depth's solution starts the next one; `none`: every depth from its own random start. Default `linear`. */
  readonly continuation?: Prolongation | 'none';
  /** Default 1e-8. */
  readonly tolerance?: number | undefined;
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
  const twice = { ...problem.penalty, regularisation: 2, smoothness: 0 };
  return {
    layers: layout.layers,
    objective: result.value,
    loss,
    startObjective,
    status: result.status,
    residual: result.gradientNorm,
    gradients: result.gradients,
    seconds,
    jump: largestJump(nodes, layout.parametersPerLayer).size,
    size: controlPenalty(nodes, problem.grid, twice),
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
      const coarse = i < depths.length - 1;
      const optimum = solveModel(model, {
        ...options,
        tolerance: coarse ? coarseTolerance : tolerance,
      });
      if (continuation !== 'none') {
        const { layout, grid } = model.problem;
        const fine = prolongParameters(layout, grid, optimum.parameters, continuation);
        start = Float64Array.from(fine);
      }
      return optimum;
    }),
  );
}

/** How a solution is: whether a transformer acts there, and whether H is convex in the control. */
export interface SolutionQuality extends Activity {
  /**
   * The smallest eigenvalue of `∇²_θ E[H]` ({@link legendreCurvatures}), the least over the first, the middle and the last
   * layer, and over the way from the layer with the largest jump to the next one.
   */
  readonly curvature: number;
}

/** Looks at a model's controls; undefined where its flow diverges. */
export function describeSolution(
  model: ControlModel,
  solution: { readonly layers: number; readonly parameters: FloatArray },
): SolutionQuality | undefined {
  const { backend } = model.problem;
  return backend.scoped(() => {
    model.parameters.set(solution.parameters);
    const trace = model.problem.trace(model.parameters, model.batch);
    if (trace.evaluation.flow.kind !== 'completed') return undefined;
    const last = solution.layers - 1;
    const iterations = 60;
    const curvatures = legendreCurvatures(model, trace, {
      layers: [...new Set([0, last >> 1, last])],
      iterations,
    });
    const nodes = partOf(model.problem.layout, model.parameters, 'controls');
    const across = legendreCurvatures(model, trace, {
      layers: last === 0 ? [] : [largestJump(nodes, nodes.length / solution.layers).layer],
      towardsNext: [0.25, 0.5, 0.75],
      iterations,
    });
    const curvature = Math.min(...curvatures, ...across);
    return { ...measureActivity(model, trace), curvature };
  });
}

/** A solution at one depth, as far as conclusions are drawn from it. */
export type SolvedDepth = Pick<Optimum, 'layers' | 'objective' | 'residual' | 'jump' | 'gradients'>;

/** One problem, solved at one depth or at several. */
export interface SolvedProblem {
  readonly depths: readonly SolvedDepth[];
  /** `∫|θ − θ_ref|²` at the last depth. */
  readonly size: number;
  /** Of the last depth's solution; undefined where its flow diverges, or where it was not looked at. */
  readonly quality: SolutionQuality | undefined;
}

/** L, at each depth of a problem. */
export const layersOf = ({ depths }: SolvedProblem) => depths.map(({ layers }) => layers);

/** `max_k |θ_{k+1} − θ_k|`, at each depth. */
export const jumpsOf = ({ depths }: SolvedProblem) => depths.map(({ jump }) => jump);

/** `L max_k |θ_{k+1} − θ_k|`, the largest difference quotient, at each depth. */
export const quotientsOf = ({ depths }: SolvedProblem) =>
  depths.map(({ layers, jump }) => layers * jump);

/** The numbers that are kept of solutions of one problem. */
export function numbersOf(solutions: readonly Optimum[]): SolvedProblem {
  return {
    depths: solutions.map(({ layers, objective, residual, jump, gradients }) => {
      return { layers, objective, residual, jump, gradients };
    }),
    size: solutions[solutions.length - 1].size,
    quality: undefined,
  };
}

/** What is kept of solutions of one problem: numbers, and the quality of the last one. */
export function summariseSolutions(
  modelOf: (layers: number) => ControlModel,
  solutions: readonly Optimum[],
): SolvedProblem {
  const last = solutions[solutions.length - 1];
  return { ...numbersOf(solutions), quality: describeSolution(modelOf(last.layers), last) };
}

/** Where neighbouring layers differ most, and by how much. */
function largestJump(nodes: ArrayLike<number>, P: number): { layer: number; size: number } {
  let largest = { layer: 0, size: 0 };
  for (let k = P; k < nodes.length; k += P) {
    let square = 0;
    for (let i = k; i < k + P; i++) square += (nodes[i] - nodes[i - P]) ** 2;
    if (Math.sqrt(square) > largest.size) largest = { layer: k / P - 1, size: Math.sqrt(square) };
  }
  return largest;
}
