import type { Field } from '../field/field.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import type { Checkpoints, Trajectory } from './trajectory.ts';
import type {
  Controls,
  DepthGrid,
  FieldLayers,
  FlowStatus,
  LayeredShape,
  Scheme,
} from './types.ts';

export interface FlowOptions extends LayeredShape {
  readonly scheme: Scheme;
  /**
   * Whether the parts of a field in sequence each take a step of their own, one after the other (Lie's splitting, of order 1);
   * default false. On steps of length 1 Euler's scheme gives the layer itself, split or not.
   */
  readonly split?: boolean;
  /**
   * Whether each token is divided by its norm after every step, so that it stays on the unit sphere to rounding; default false.
   * Where the field is tangent to spheres about 0 the scheme keeps its order (a projection method: Hairer, Lubich, Wanner,
   * Geometric Numerical Integration, IV.4). The adjoint goes through the division.
   */
  readonly sphere?: boolean;
  /** Called after every step, forward or back. */
  stepped?(): void;
  /** The flow has diverged where an entry of a state or costate exceeds this; default 1e12. */
  readonly limit?: number;
}

export interface ForwardInput {
  readonly grid: DepthGrid;
  readonly controls: Controls;
  /** h_0 of S samples, S × stateLength(d, n), in backend memory; copied. */
  readonly initial: FloatArray;
  /** Key weights ≥ 0, S × stateLength(1, n), in backend memory; for a weighted flow. Kept, not copied. */
  readonly weights?: FloatArray | undefined;
  /** Which states are kept; default `all`. */
  readonly checkpoints?: Checkpoints;
}

export interface BackwardInput {
  /** A completed trajectory of the same flow. */
  readonly trajectory: Trajectory;
  /** ∂J/∂h_L, S × stateLength(d, n), in backend memory. */
  readonly terminalCostate: FloatArray;
  /** nodeCount × P, in backend memory: `+= ∂J/∂nodes`, summed over samples. Without it only costates are computed. */
  readonly gradient?: FloatArray | undefined;
  /** Whether the costates of all depths are kept; default false. */
  readonly keepCostates?: boolean;
}

/** Discrete costates `p_k = ∂J/∂h_k`. */
export interface Costates {
  /** `diverged` if a costate left the limits; then costates and gradient are of no use. */
  readonly status: FlowStatus;
  /** p_0, S × stateLength(d, n). */
  readonly initial: FloatArray;
  /** p_0, …, p_L, if they were kept. */
  readonly all?: readonly FloatArray[];
}

/**
 * A field integrated over depth by an explicit Runge–Kutta scheme, with its exact discrete adjoint.
 * Programs are compiled once; nothing is allocated per step. Results are allocated in the caller's scope: in a loop,
 * wrap each turn in `backend.scoped`.
 */
export interface Flow {
  readonly backend: Backend;
  readonly field: Field | FieldLayers;
  readonly tokens: number;
  readonly samples: number;
  readonly scheme: Scheme;
  /** Elements of one sample's state: stateLength(d, n). */
  readonly stateLength: number;
  /**
   * `h_{k+1} = h_k + ε_k Σ_i b_i ζ(t_k + c_i ε_k) f(Y_i, θ)` from k = 0 to L − 1, for all samples. Stops where an
   * entry is not finite or exceeds the limit.
   *
   * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value`, `out-of-memory`
   */
  forward(input: ForwardInput): Trajectory;
  /**
   * Back-propagates `terminalCostate` through the recursion of {@link forward}, exactly; states that were not kept
   * are computed again, bitwise the same.
   *
   * @throws MesoscopeError `shape-mismatch`, `invalid-value`, `out-of-memory`
   */
  backward(input: BackwardInput): Costates;
}
