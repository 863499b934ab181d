import type { Law } from '../law/law.ts';
import type { EnsembleLayout } from './parameters.ts';

/** The inputs as they have become at one depth. */
export interface EnsembleState {
  readonly contexts: readonly Law[];
  readonly tokens: readonly Float64Array[];
}

/**
 * The forward pass of L × H heads on N pairs (context, token): `x_{l+1} = x_l + (1/LH) Σ_h Att_{θ_lh}[μ_l](x_l)`, the
 * same field moving each context's points; residual scale 1/(LH). Tokens stand in N × d arrays, one after the other.
 */
export interface TokenMap {
  readonly layout: EnsembleLayout;
  /** N. */
  readonly samples: number;
  /** x_L of all tokens; NaN where the pass diverged. */
  forward(theta: Float64Array): Float64Array;
  /**
   * The forward pass, then the exact gradient: `gradient ← ∂⟨p, x_L⟩/∂θ` for the costate p that `costate` makes of x_L.
   *
   * @returns x_L
   */
  differentiate(
    theta: Float64Array,
    costate: (finals: Float64Array) => Float64Array,
    gradient: Float64Array,
  ): Float64Array;
  /** Contexts and tokens at depths l = 0 … L. */
  states(theta: Float64Array): EnsembleState[];
}
