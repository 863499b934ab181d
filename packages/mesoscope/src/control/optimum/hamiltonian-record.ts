import type { FloatArray } from '../../kernels/backend.ts';
import type { ControlModel } from '../control-model.ts';
import { controlSlope, hamiltonianProfile } from '../hamiltonian.ts';
import { partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import { stationarity } from '../stationarity.ts';
import { type LegendreOptions, legendreCurvatures } from './legendre.ts';

/** The Hamiltonian of one model along its depth, and how far the model is a solution. */
export interface HamiltonianRecord {
  /** L. */
  readonly layers: number;
  /** Middles of the layers. */
  readonly depths: readonly number[];
  /** `H_k = E⟨p_{k+1}, f(h_k, θ_k)⟩ + (λ/2)|θ_k|² − (μ/2)|θ̇_k|²`, see {@link hamiltonianProfile}. */
  readonly values: readonly number[];
  readonly mean: number;
  /** Mean over layers of `|E⟨p, f⟩| + (λ/2)|θ|² + (μ/2)|θ̇|²`. */
  readonly size: number;
  /** Standard deviation over layers. */
  readonly deviation: number;
  /** `sup_k |E[D_θfᵀp] + ∇g|`, the first-order condition's violation. */
  readonly residual: number;
  /** `max_k |θ_{k+1} − θ_k| / δ_k`, δ_k the distance of the layers' middles: a difference quotient. */
  readonly steepness: number;
  /**
   * The smallest second derivative of `E[H]` in the control: the smallest eigenvalue of `∇²_θ E[H]` over the layers
   * looked at; μ with an H¹ penalty, where θ̇ is the control.
   */
  readonly curvature: number;
  /** λ. */
  readonly regularisation: number;
  /** μ. */
  readonly smoothness: number;
}

/** Measures the Hamiltonian of a model on its batch; nothing where the flow diverges. */
export function recordHamiltonian(
  model: ControlModel,
  options: LegendreOptions = {},
): HamiltonianRecord | undefined {
  const { problem, parameters, batch } = model;
  const { backend, layout, grid, penalty } = problem;
  return backend.scoped(() => {
    const trace = problem.trace(parameters, batch);
    if (trace.evaluation.flow.kind !== 'completed') return undefined;
    const { values, mean, size, deviation } = hamiltonianProfile(problem, parameters, trace);
    const gradient = backend.allocate(layout.length);
    problem.gradient(parameters, batch, gradient);
    const { times } = grid;
    return {
      layers: layout.layers,
      depths: Array.from(values, (_, k) => (times[k] + times[k + 1]) / 2),
      values: Array.from(values),
      mean,
      size,
      deviation,
      residual: stationarity(problem, gradient).controls,
      steepness: steepnessOf(problem, parameters),
      curvature:
        penalty.smoothness > 0
          ? penalty.smoothness
          : Math.min(...legendreCurvatures(model, trace, options)),
      regularisation: penalty.regularisation,
      smoothness: penalty.smoothness,
    };
  });
}

function steepnessOf(problem: ControlProblem, parameters: FloatArray): number {
  const { layout } = problem;
  const nodes = partOf(layout, parameters, 'controls');
  const slopes = Array.from({ length: layout.layers }, (_, k) => controlSlope(problem, nodes, k));
  return Math.max(...slopes);
}
