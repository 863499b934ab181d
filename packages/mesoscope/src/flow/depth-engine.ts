import type { FloatArray } from '../kernels/backend.ts';
import type { Controls, DepthGrid, FlowStatus } from './types.ts';

/** A whole trajectory to be run. Arrays lie in the host's memory, wherever the engine computes. */
export interface DepthInput {
  readonly grid: DepthGrid;
  /** `nodes` need not lie in a backend's memory. */
  readonly controls: Controls;
  /** h_0 of S samples, S × stateLength(d, n). */
  readonly initial: FloatArray;
  /** Key weights ≥ 0, S × stateLength(1, n), for a weighted flow. */
  readonly weights?: FloatArray | undefined;
  /** Whether the states of all depths come back; default false. */
  readonly keepStates?: boolean;
  /** Rejects with the signal's reason, at the latest a moment after it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** A trajectory, in the host's memory. */
export interface DepthOutcome {
  /** Why it stopped: a flow that diverges is an outcome, not an error. */
  readonly status: FlowStatus;
  /** Steps taken: L, or fewer. */
  readonly steps: number;
  /** The state where it stopped, S × stateLength(d, n). */
  readonly last: FloatArray;
  /** h_0, … up to where it stopped, if they were asked for. */
  readonly states?: readonly FloatArray[];
}

export interface DepthGradientInput extends DepthInput {
  /**
   * ∂J/∂h_L from h_L, S × stateLength(d, n): the one thing that the host computes in between. The array handed over is read
   * until this returns, and what it returns is read at once.
   */
  readonly terminalCostate: (last: FloatArray) => FloatArray;
  /** Whether the costates of all depths come back; default false. */
  readonly keepCostates?: boolean;
}

export interface DepthGradient extends DepthOutcome {
  /** What the way back gave; undefined where the way there did not reach its end. */
  readonly adjoint?: {
    /** `diverged` if a costate left the limits; then the numbers are of no use. */
    readonly status: FlowStatus;
    /** p_0 = ∂J/∂h_0, S × stateLength(d, n). */
    readonly initial: FloatArray;
    /** ∂J/∂nodes, nodeCount × P, summed over samples. */
    readonly gradient: FloatArray;
    /** p_0, …, p_L, if they were asked for. */
    readonly costates?: readonly FloatArray[];
  };
}

/**
 * Runs whole trajectories of one field, there and back: the seam for devices whose work is asynchronous. A `Backend`
 * answers at once, from memory that the host sees, and is asked once a step; an engine is asked once a trajectory, repeats the
 * layers where it computes, and answers later with states and a status. Calls wait for each other in their order.
 *
 * The numbers are those of a flow's `forward` and `backward`: bit for bit on the CPU (`createFlowEngine`), to rounding elsewhere.
 */
export interface DepthEngine {
  /** @throws (rejects) MesoscopeError as a flow does; the signal's reason */
  forward(input: DepthInput): Promise<DepthOutcome>;
  /** @throws (rejects) MesoscopeError as a flow does; the signal's reason */
  gradient(input: DepthGradientInput): Promise<DepthGradient>;
}
