import type { ControlModel } from '../../control/control-model.ts';
import { hamiltonianProfile } from '../../control/hamiltonian.ts';
import { partOf } from '../../control/parameters.ts';
import type { ControlProblem } from '../../control/problem.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { type LegendreOptions, legendreCurvatures } from './legendre.ts';
import { stationarityResidual } from './stationary.ts';

/** The Hamiltonian of one model along its depth, and how far the model is a solution. */
export interface HamiltonianRecord {
  /** L. */
  readonly layers: number;
  /** Middles of the layers. */
  readonly depths: readonly number[];
  /**
   * `H_k = E⟨p_{k+1}, f(h_k, θ_k)⟩ + (λ/2)|θ_k|² − (μ/2)|θ̇_k|²`: with an H¹ penalty θ is a state and θ̇ the control,
   * with costate −μθ̇, and this is the Hamiltonian of the pair.
   */
  readonly values: readonly number[];
  readonly mean: number;
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
    const values = hamiltonianProfile(problem, parameters, trace).values.map(
      (value, k) => value - kineticPart(problem, parameters, k),
    );
    const mean = average(values);
    const deviation = Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
    const gradient = backend.allocate(layout.length);
    problem.gradient(parameters, batch, gradient);
    const { times } = grid;
    return {
      layers: layout.layers,
      depths: Array.from(values, (_, k) => (times[k] + times[k + 1]) / 2),
      values: Array.from(values),
      mean,
      deviation,
      residual: stationarityResidual(problem, gradient),
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

function average(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** `(μ/2)|θ̇|²` at layer k: the mean of its two ends, 0 beyond the first and last layer (the natural boundary). */
function kineticPart(problem: ControlProblem, parameters: FloatArray, k: number): number {
  const { smoothness } = problem.penalty;
  if (smoothness === 0) return 0;
  const slopes = [k - 1, k].map((left) => slopeAfter(problem, parameters, left));
  return (0.5 * smoothness * (slopes[0] ** 2 + slopes[1] ** 2)) / 2;
}

function steepnessOf(problem: ControlProblem, parameters: FloatArray): number {
  const { layers } = problem.layout;
  return Math.max(...Array.from({ length: layers }, (_, k) => slopeAfter(problem, parameters, k)));
}

/** `|θ_{k+1} − θ_k| / δ_k`; 0 at the ends. */
function slopeAfter({ layout, grid }: ControlProblem, parameters: FloatArray, k: number): number {
  const { parametersPerLayer: P, layers } = layout;
  if (k < 0 || k + 1 >= layers) return 0;
  const nodes = partOf(layout, parameters, 'controls');
  let square = 0;
  for (let i = k * P; i < (k + 1) * P; i++) square += (nodes[i + P] - nodes[i]) ** 2;
  return (2 * Math.sqrt(square)) / (grid.times[k + 2] - grid.times[k]);
}
