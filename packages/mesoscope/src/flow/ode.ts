import { requireFinite } from '../numeric/checks.ts';
import { evaluateDense } from './dense-output.ts';
import { type IntegrationOptions, integrateEmbedded } from './embedded-integration.ts';
import { createSwitchingStepper } from './stiffness.ts';
import type { FlowStatus, OdeFunction } from './types.ts';

export interface OdeOptions extends IntegrationOptions {
  /** Default 0. */
  readonly from?: number;
  /** Before or after `from`, or equal to it: then nothing moves. */
  readonly to: number;
  readonly initial: ArrayLike<number>;
  /** Times where the equation is not smooth; steps land on them. In any order; those outside the interval count for nothing. */
  readonly breakpoints?: ArrayLike<number>;
}

export interface OdeSolution {
  readonly status: FlowStatus;
  /** The time reached. */
  readonly time: number;
  /** y at the time reached. */
  readonly state: Float64Array;
  readonly steps: number;
  readonly rejected: number;
  /**
   * y at a time in between, by the interpolant of order 4 (5 where the equation is stiff).
   * @throws MesoscopeError `invalid-value` outside what was integrated, or without dense output
   */
  at(t: number, out?: Float64Array): Float64Array;
}

/**
 * Solves `ẏ = f(t, y)`, forwards or backwards in time, on plain arrays: by Dormand and Prince's adaptive scheme 5(4), and where
 * stability holds its steps down rather than accuracy, from there on by Radau's implicit scheme of order 9.
 *
 * @throws MesoscopeError `invalid-value`, `not-finite`
 */
export function solveOde(f: OdeFunction, options: OdeOptions): OdeSolution {
  const { from = 0, to, breakpoints = [] } = options;
  const state = Float64Array.from(options.initial);
  requireFinite('initial', state);
  const { status, depth, steps, rejected, interpolants } = integrateEmbedded(
    createSwitchingStepper(f, state, options),
    { from, to, breakpoints },
    options,
  );
  return {
    status,
    time: depth,
    state,
    steps,
    rejected,
    at(t, out = new Float64Array(state.length)) {
      // Where no step was possible or asked for there is nothing to interpolate.
      if (t === from && depth === from) out.set(state);
      else evaluateDense(interpolants, t, out);
      return out;
    },
  };
}
