import { horizonOf } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import type { Trajectory } from '../../flow/trajectory.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import type { ControlModel } from '../control-model.ts';
import { createFieldEvaluation } from '../field-evaluation.ts';
import { partOf } from '../parameters.ts';
import { penaltyDensity } from '../penalty.ts';
import { type Optimum, solveModel } from './optimum.ts';

/** A priori bounds on the optimal controls of one problem beside what they are. */
export interface ControlRange {
  readonly optimum: Optimum;
  /** `J(θ_ref)`. */
  readonly atReference: number;
  /** `∫|θ* − θ_ref|²`, and `(2/λ)(J(θ_ref) − inf R)` with inf R ≥ 0. */
  readonly size: number;
  readonly sizeBound: number;
  /** The sharper `(2/λ)(J(θ_ref) − R(θ*))`, which the comparison with θ_ref gives directly. */
  readonly sharpBound: number;
  /** Per layer: t_{k+1}, `λ|θ_k − θ_ref|` and `√2 ‖U pool‖ M_θ e^{L_h(T − t_{k+1})}`. */
  readonly depths: readonly number[];
  readonly pointwise: readonly number[];
  readonly pointwiseBounds: readonly number[];
  /** Measured along the optimum: `M_θ = sup ‖D_θf‖`, `L_h = sup ‖D_hf‖`; and `‖U pool‖`. */
  readonly parameterLipschitz: number;
  readonly stateLipschitz: number;
  readonly readoutNorm: number;
}

/** Solves one problem and measures both bounds with constants along its solution; without the H¹ penalty. */
export function measureControlRange(model: ControlModel): ControlRange {
  const { problem, parameters, batch } = model;
  const { backend, layout, grid, field, tokens, penalty } = problem;
  const lambda = penalty.regularisation;
  const P = layout.parametersPerLayer;
  const referenceAt = (i: number) => penalty.reference?.[i % P] ?? 0;
  return backend.scoped(() => {
    const atReference = backend.allocate(layout.length);
    atReference.set(parameters);
    const start = partOf(layout, atReference, 'controls');
    for (let i = 0; i < start.length; i++) start[i] = referenceAt(i);
    const reference = problem.evaluate(atReference, batch).objective;
    const optimum = solveModel(model);
    const trace = problem.trace(parameters, batch);
    const nodes = partOf(layout, parameters, 'controls');
    const densities = penaltyDensity(nodes, layout.layers, penalty);
    const probe = createFieldProbe(backend, { field, tokens, samples: batch.samples });
    const { stateLipschitz } = probe.along(trace.states, { tolerance: 1e-4 });
    const M = parameterLipschitz(model, trace.states);
    const readoutNorm = pooledReadoutNorm(model);
    const depths = Array.from(grid.times.slice(1));
    const T = horizonOf(grid);
    return {
      optimum,
      atReference: reference,
      size: optimum.size,
      sizeBound: (2 / lambda) * reference,
      sharpBound: (2 / lambda) * (reference - optimum.loss),
      depths,
      pointwise: Array.from(densities, (g) => Math.sqrt(2 * lambda * g)),
      pointwiseBounds: depths.map(
        (t) => Math.SQRT2 * readoutNorm * M * Math.exp(stateLipschitz * (T - t)),
      ),
      parameterLipschitz: M,
      stateLipschitz,
      readoutNorm,
    };
  });
}

/**
 * `‖U pool‖₂` as a map of a sample's whole state: the mean over n tokens has norm `1/√n`, and so have n readouts whose
 * losses are averaged. `|p_T| ≤ √2 ‖U pool‖`, since a softmax residual is at most √2.
 */
export function pooledReadoutNorm({ problem, parameters }: ControlModel): number {
  const { field, classes, layout, tokens, options } = problem;
  const data = Float64Array.from(partOf(layout, parameters, 'readout'));
  const own = spectralNorm({ rows: classes, columns: field.dimension, data });
  return options.pooling === 'last' ? own : own / Math.sqrt(tokens);
}

/** `sup_k sup_s ‖D_θf(h_k, θ_k)‖₂` over the layers, from all rows of the Jacobian. */
function parameterLipschitz(model: ControlModel, states: Trajectory): number {
  const { problem, parameters, batch } = model;
  const { backend, layout, field, tokens, stateLength } = problem;
  const P = layout.parametersPerLayer;
  const nodes = partOf(layout, parameters, 'controls');
  const stride = columnStride(tokens);
  const entries = field.dimension * tokens;
  return backend.scoped(() => {
    const evaluation = createFieldEvaluation(problem, 1);
    const [state, costate, stateGradient] = [0, 1, 2].map(() => backend.allocate(stateLength));
    const gradient = backend.allocate(P);
    /** `‖D_θf(h, θ)‖₂` of one sample. */
    const normAt = (theta: typeof nodes): number => {
      const data = new Float64Array(entries * P);
      for (let row = 0; row < entries; row++) {
        costate.fill(0);
        costate[Math.floor(row / tokens) * stride + (row % tokens)] = 1;
        gradient.fill(0);
        evaluation.pullBack({ state, costate, theta, stateGradient, gradient });
        data.set(gradient, row * P);
      }
      return spectralNorm({ rows: entries, columns: P, data });
    };
    let largest = 0;
    for (let k = 0; k < layout.layers; k++) {
      const all = states.state(k);
      for (let s = 0; s < batch.samples; s++) {
        state.set(all.subarray(s * stateLength, (s + 1) * stateLength));
        largest = Math.max(largest, normAt(nodes.subarray(k * P, (k + 1) * P)));
      }
    }
    return largest;
  });
}
