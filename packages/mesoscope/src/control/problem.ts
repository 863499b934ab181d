import type { Field } from '../field/field.ts';
import type { DepthEngine } from '../flow/depth-engine.ts';
import type { Checkpoints, Trajectory } from '../flow/trajectory.ts';
import type { DepthGrid, FlowStatus, Scheme } from '../flow/types.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import type { NormalisationKind } from '../kernels/instruction.ts';
import type { Batch, Inputs } from './batch.ts';
import type { ControlLayout, ParameterPart } from './parameters.ts';
import type { ControlPenalty } from './penalty.ts';
import type { Pooling } from './readout.ts';

export interface ControlProblemOptions {
  /** f(h, θ); its dimension is d. */
  readonly field: Field;
  /** Depths of the layers; one control vector a layer. */
  readonly grid: DepthGrid;
  /** Default Euler: the residual network itself. */
  readonly scheme?: Scheme;
  /** n, the tokens of a sample. */
  readonly tokens: number;
  /** The most samples of a batch. */
  readonly samples: number;
  /** C. */
  readonly classes: number;
  /** Token classes, each with a trained vector; default 0: the inputs are vectors h_0 in R^d. */
  readonly vocabulary?: number;
  /** Whether every position has a trained vector, added to its token's; default: as `vocabulary > 0`. */
  readonly positions?: boolean;
  /** What the readout sees of h_T; default `position`. */
  readonly pooling?: Pooling;
  /** Normalisation of h_T's tokens before the readout; default `none`. */
  readonly normalisation?: NormalisationKind | 'none';
  /** λ of `∫(λ/2)|θ − θ_ref|² dt`; default 0. */
  readonly regularisation?: number;
  /** θ_ref, P numbers laid out as the field says, the same at every depth; default 0. */
  readonly reference?: ArrayLike<number> | undefined;
  /** μ of `∫(μ/2)|θ̇|² dt`; default 0. */
  readonly smoothness?: number;
  /**
   * States that the gradient keeps while it goes forward; default `all`. With `sqrt` its memory grows like √L, for a
   * second forward pass.
   */
  readonly checkpoints?: Checkpoints;
  /** Parts whose gradient is left at 0; default none. */
  readonly frozen?: readonly ParameterPart[];
}

/** A value of the objective on a batch. All are NaN where the flow did not complete. */
export interface Evaluation {
  /** `E ℓ(z, y)`: cross-entropy in nats, mean over labels by weight. */
  readonly loss: number;
  /** `∫(λ/2)|θ − θ_ref|² dt + ∫(μ/2)|θ̇|² dt`. */
  readonly penalty: number;
  /** J: loss + penalty. */
  readonly objective: number;
  /** Root mean square over labels of `w |softmax(z) − e_y|`. */
  readonly residualNorm: number;
  readonly flow: FlowStatus;
}

/**
 * A batch followed through depth. Costates are those of each sample's own loss
 * `ℓ_s = (S/Σw) Σ_i w_si ℓ(z_si, y_si)`, whose mean over the S samples is the loss: the theory's p. The costates of
 * the mean loss are these divided by S.
 */
export interface ControlTrace {
  readonly evaluation: Evaluation;
  /** h_0, …, h_L: `states.state(k)`, S states d × n. */
  readonly states: Trajectory;
  /** S × C × m, padded rows. */
  readonly logits: FloatArray;
  /** `w (softmax(z) − e_y)`, S × C × m, padded rows. */
  readonly residual: FloatArray;
  /** `p_T = (S/Σw) pool*(Uᵀ w(softmax(z) − e_y))`, S states d × n. */
  readonly terminalCostate: FloatArray;
  /** p_0, …, p_L, S states d × n each; empty where the flow did not complete. */
  readonly costates: readonly FloatArray[];
}

/**
 * The control problem of a transformer: minimise `J(θ) = E ℓ(U pool(h_T), y) + ∫(λ/2)|θ − θ_ref|² dt +
 * ∫(μ/2)|θ̇|² dt` subject to `ḣ = ζ f(h, θ_t)`, h_0 given or embedded, over controls that are constant on each layer, and over
 * embedding and readout. Parameters are one vector in the backend's memory, laid out as `layout` says.
 */
export interface ControlProblem {
  readonly backend: Backend;
  /** What the problem was made of: with another grid or scheme, the same problem at another depth. */
  readonly options: ControlProblemOptions;
  readonly field: Field;
  readonly grid: DepthGrid;
  readonly scheme: Scheme;
  readonly layout: ControlLayout;
  readonly penalty: ControlPenalty;
  /** n. */
  readonly tokens: number;
  /** Most samples of a batch. */
  readonly samples: number;
  /** C. */
  readonly classes: number;
  /** m: labels of a sample. */
  readonly columns: number;
  /** Elements of one sample's state. */
  readonly stateLength: number;
  /** J on a batch. @throws MesoscopeError for a batch that does not fit */
  evaluate(parameters: FloatArray, batch: Batch): Evaluation;
  /**
   * Cross-entropy of each sample, `(S/Σw) Σ_i w_si ℓ_si`, into `out` (length S); their mean is the loss. NaN where
   * the flow did not complete.
   */
  sampleLosses(parameters: FloatArray, batch: Batch, out: Float64Array): Evaluation;
  /** J and its exact derivative in all parameters (discrete adjoint), written into `out`. */
  gradient(parameters: FloatArray, batch: Batch, out: FloatArray): Evaluation;
  /**
   * As {@link gradient}, the layers by an engine of this problem's flow: the same bits on the CPU. Embedding, readout and penalty
   * stay here. One call at a time, and no other of the problem's functions until it has ended.
   */
  gradientBy(
    engine: DepthEngine,
    parameters: FloatArray,
    batch: Batch,
    out: FloatArray,
  ): Promise<Evaluation>;
  /** Logits, S × C × m with padded rows: a view that the next call overwrites; NaN where the flow diverged. */
  logits(parameters: FloatArray, inputs: Inputs): FloatArray;
  /** States and costates along the depth, allocated in the caller's scope. */
  trace(parameters: FloatArray, batch: Batch): ControlTrace;
}
