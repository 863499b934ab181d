import type { FloatArray } from '../../kernels/backend.ts';
import { lbfgsStatusSentence } from '../../minimise/lbfgs.ts';
import type { Batch } from '../batch.ts';
import { partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import { stationarity } from '../stationarity.ts';
import { minimiseLbfgs } from './lbfgs.ts';
import { minimise, solverStatusSentence } from './minimise.ts';
import { penaltyMetric } from './penalty-metric.ts';
import { constantRate, cosineRate } from './schedule.ts';
import {
  successiveApproximations,
  successiveApproximationsSentence,
} from './successive-approximations.ts';
import { adam, gradientFlow, type UpdateRule } from './update-rule.ts';

/** The ways to solve a control problem on a fixed batch. */
export const controlSolvers = [
  'l-bfgs',
  'gradient-flow',
  'adam',
  'successive-approximations',
  'extended-successive-approximations',
] as const;

export type ControlSolver = (typeof controlSolvers)[number];

export interface SolveControlsOptions {
  readonly problem: ControlProblem;
  /** In the backend's memory; changed in place. */
  readonly parameters: FloatArray;
  readonly batch: Batch;
  /** Default `l-bfgs`. */
  readonly solver?: ControlSolver;
  /** Stops when `sup_k |E[D_θfᵀp] + ∇g|` and the gradient of other trained parts are at most this; default 1e-8. */
  readonly tolerance?: number;
  /** Steps, iterations or sweeps at the most; default 1000 for L-BFGS, 3000 for the flow and Adam, 50 sweeps. */
  readonly iterations?: number;
  /**
   * Step of the gradient flow `dθ_k/ds = −(E[D_θfᵀp] + ∇g)`, default 0.2; rate of Adam, which falls along a cosine to
   * a thousandth, default 0.02.
   */
  readonly rate?: number;
  /** First ρ of the extended method of successive approximations; default 0.1. */
  readonly augmentation?: number;
  readonly signal?: AbortSignal;
}

/** Where a solver stopped, and why. */
export interface ControlSolution {
  readonly solver: ControlSolver;
  readonly converged: boolean;
  /** Why it stopped, and what to try where it did not converge. */
  readonly reason: string;
  /** J; NaN, as what follows, where the flow diverged. */
  readonly objective: number;
  readonly loss: number;
  /** `sup_k |E[D_θfᵀp] + ∇g|`. */
  readonly residual: number;
  /** Gradients of single layers, on the whole batch: L for each gradient of J, 1 for each of a layer's Hamiltonian. */
  readonly layerGradients: number;
  readonly seconds: number;
}

interface Stopped {
  readonly converged: boolean;
  readonly reason: string;
  readonly layerGradients: number;
}

/**
 * Minimises J over the controls of a problem (and over what else of it is trained), in place, by any of the solvers.
 * Deterministic but for the seconds. The methods of successive approximations move the controls only.
 *
 * @throws MesoscopeError `unsupported` where a method of successive approximations cannot work (λ = 0, μ > 0), `invalid-value`
 */
export async function solveControls(options: SolveControlsOptions): Promise<ControlSolution> {
  const { problem, parameters, batch, solver = 'l-bfgs' } = options;
  const { backend, layout } = problem;
  const begin = performance.now();
  const stopped = await backend.scopedAsync(() => run(solver, options));
  const seconds = (performance.now() - begin) / 1000;
  return backend.scoped(() => {
    const gradient = backend.allocate(layout.length);
    const { objective, loss, flow } = problem.gradient(parameters, batch, gradient);
    const completed = flow.kind === 'completed';
    const residual = completed ? stationarity(problem, gradient).controls : Number.NaN;
    return { solver, ...stopped, objective, loss, residual, seconds };
  });
}

async function run(solver: ControlSolver, options: SolveControlsOptions): Promise<Stopped> {
  switch (solver) {
    case 'l-bfgs':
      return byLbfgs(options);
    case 'gradient-flow':
    case 'adam':
      return byRule(solver, options);
    case 'successive-approximations':
      return bySweeps(options, 0);
    case 'extended-successive-approximations':
      return bySweeps(options, options.augmentation ?? 0.1);
  }
}

function byLbfgs(options: SolveControlsOptions): Stopped {
  const { problem, parameters, batch, tolerance = 1e-8, iterations = 1000 } = options;
  const { status, gradients } = minimiseLbfgs({
    backend: problem.backend,
    objective: (x, gradient) => problem.gradient(x, batch, gradient).objective,
    parameters,
    tolerance,
    iterations,
    norm: (gradient) => violation(problem, gradient),
    metric: penaltyMetric(problem),
  });
  return {
    converged: status === 'converged',
    reason: lbfgsStatusSentence[status],
    layerGradients: gradients * problem.layout.layers,
  };
}

async function byRule(
  solver: 'gradient-flow' | 'adam',
  options: SolveControlsOptions,
): Promise<Stopped> {
  const { problem, parameters, batch, tolerance = 1e-8, iterations = 3000, signal } = options;
  const { backend, layout } = problem;
  const flow = solver === 'gradient-flow';
  const { rate = flow ? 0.2 : 0.02 } = options;
  let gradients = 0;
  const status = await minimise({
    objective: {
      gradient(x, _step, out) {
        gradients++;
        const { objective, flow: state } = problem.gradient(x, batch, out);
        return { loss: objective, flow: state };
      },
    },
    rule: inDepth(problem, (flow ? gradientFlow : adam())(backend, layout.length)),
    parameters,
    gradient: backend.allocate(layout.length),
    rate: flow ? constantRate({ rate }) : cosineRate({ rate, steps: iterations, final: 1e-3 }),
    steps: iterations,
    tolerance,
    norm: (gradient) => violation(problem, gradient),
    signal,
  });
  return {
    converged: status.kind === 'tolerance-reached',
    reason: solverStatusSentence(status),
    layerGradients: gradients * layout.layers,
  };
}

function bySweeps(options: SolveControlsOptions, augmentation: number): Stopped {
  const { problem, parameters, batch, tolerance = 1e-8, iterations = 50 } = options;
  const { status, gradients, layerGradients } = successiveApproximations({
    problem,
    parameters,
    batch,
    tolerance,
    sweeps: iterations,
    augmentation,
  });
  return {
    converged: status === 'converged',
    reason: successiveApproximationsSentence[status],
    layerGradients: gradients * problem.layout.layers + layerGradients,
  };
}

function violation(problem: ControlProblem, gradient: FloatArray): number {
  const { controls, others } = stationarity(problem, gradient);
  return Math.max(controls, others);
}

/** A rule that is given `∂J/∂θ_k / ε_k`, the gradient in L² over depth, whose steps do not shrink with the layers. */
function inDepth({ layout, grid }: ControlProblem, rule: UpdateRule): UpdateRule {
  const P = layout.parametersPerLayer;
  return {
    ...rule,
    apply(parameters, gradient, rate, step) {
      const controls = partOf(layout, gradient, 'controls');
      for (let i = 0; i < controls.length; i++) {
        const k = Math.floor(i / P);
        controls[i] /= grid.times[k + 1] - grid.times[k];
      }
      rule.apply(parameters, gradient, rate, step);
    },
  };
}
