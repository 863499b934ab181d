import type { Field } from '../field/field.ts';
import type { FloatArray } from '../kernels/backend.ts';

/**
 * A grid over depth `0 = t_0 < … < t_L = T`, with the profile ζ > 0 of `ḣ = ζ(t) f(h, θ(t))` (default 1).
 */
export interface DepthGrid {
  /** L + 1 depths. */
  readonly times: Float64Array;
  readonly profile: (t: number) => number;
}

/**
 * A field for each layer of a grid, of one dimension: `ḣ = ζ(t) f_k(h, θ(t))` for t in [t_k, t_{k+1}). A flow's own grid may be
 * finer. Parameter vectors have the length of the longest; a field reads the beginning of its own.
 */
export interface FieldLayers {
  /** t_0 < … < t_L. */
  readonly times: Float64Array;
  /** f_0, …, f_{L−1}. Layers that are the same field share its programs. */
  readonly fields: readonly Field[];
}

/** What a flow moves: S samples of n tokens, by a field. */
export interface FlowShape {
  readonly field: Field;
  /** n, the tokens of each sample. */
  readonly tokens: number;
  /** The most samples one call may hand over. */
  readonly samples: number;
  /** Whether calls hand over key weights; default false (1/n each). */
  readonly weighted?: boolean;
}

/** What a flow moves, by one field at all depths or by one for each layer. */
export interface LayeredShape extends Omit<FlowShape, 'field'> {
  readonly field: Field | FieldLayers;
}

/**
 * An explicit Runge–Kutta scheme as a Butcher tableau: `k_i = f(h + ε Σ_j a_ij k_j, θ(t + c_i ε))`,
 * `h ← h + ε Σ_i b_i k_i`.
 */
export interface Scheme {
  readonly name: string;
  readonly order: number;
  readonly a: readonly (readonly number[])[];
  readonly b: readonly number[];
  readonly c: readonly number[];
}

/** θ at one stage, as a linear combination of node vectors. */
export type NodeCombination = readonly { readonly node: number; readonly weight: number }[];

/**
 * Controls `t ↦ θ_t` that depend linearly on finitely many node vectors: piecewise constant (one node a layer) or
 * piecewise linear. `combination(t, from, to)` is θ at depth t seen from the step [from, to] (a piecewise constant control
 * is taken from inside the step, so that a stage at its right end does not see the next layer).
 */
export interface Controls {
  /** Length P of one node vector. */
  readonly parameterCount: number;
  readonly nodeCount: number;
  /** nodeCount × P, in backend memory. */
  readonly nodes: FloatArray;
  /** Increasing depths where `t ↦ θ_t` jumps or has a kink: an adaptive integration lands its steps on them. */
  readonly breakpoints: Float64Array;
  combination(t: number, from: number, to: number): NodeCombination;
}

/** Why a flow stopped. {@link flowStatusSentence} says what to try. */
export type FlowStatus =
  | { readonly kind: 'completed' }
  | {
      readonly kind: 'diverged';
      readonly step: number;
      readonly depth: number;
      readonly sample: number;
      readonly norm: number;
    }
  | { readonly kind: 'event'; readonly name: string; readonly depth: number; readonly step: number }
  | {
      readonly kind: 'step-too-small';
      readonly step: number;
      readonly depth: number;
      readonly stepSize: number;
    }
  | { readonly kind: 'step-limit'; readonly steps: number; readonly depth: number };

/**
 * Writes ẏ at time t into `derivative`. `[from, to]` is the step that asks: an equation that jumps at a breakpoint
 * takes the side on which the step lies.
 */
export type OdeFunction = (
  t: number,
  y: Float64Array,
  derivative: Float64Array,
  from: number,
  to: number,
) => void;
