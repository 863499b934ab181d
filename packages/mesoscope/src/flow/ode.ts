import { MesoscopeError } from '../errors.ts';
import { evaluateDense } from './dense-output.ts';
import {
  type EmbeddedStepper,
  type IntegrationOptions,
  integrateEmbedded,
} from './embedded-integration.ts';
import { dormandPrince } from './scheme.ts';
import { stageDepth } from './stage-parameters.ts';
import type { FlowStatus } from './types.ts';

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

export interface OdeOptions extends IntegrationOptions {
  /** Default 0. */
  readonly from?: number;
  readonly to: number;
  readonly initial: ArrayLike<number>;
  /** Times where the equation is not smooth; steps land on them. */
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
   * y at a time in between, by the interpolant of order 4.
   * @throws MesoscopeError `invalid-value` outside what was integrated, or without dense output
   */
  at(t: number, out?: Float64Array): Float64Array;
}

/**
 * Solves `ẏ = f(t, y)` by Dormand and Prince's adaptive scheme 5(4), on plain arrays.
 *
 * @throws MesoscopeError `invalid-value`, `not-finite`
 */
export function solveOde(f: OdeFunction, options: OdeOptions): OdeSolution {
  const { from = 0, to, breakpoints = [] } = options;
  const state = Float64Array.from(options.initial);
  const unfit = state.findIndex((y) => !Number.isFinite(y));
  if (unfit >= 0) {
    throw new MesoscopeError({
      code: 'not-finite',
      path: 'initial',
      index: unfit,
      received: state[unfit],
    });
  }
  const stepper = plainStepper(f, state);
  const { status, depth, steps, rejected, interpolants } = integrateEmbedded(
    stepper,
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
      // Where no step was possible there is nothing to interpolate.
      if (t === from && depth === from) out.set(state);
      else evaluateDense(interpolants, t, out);
      return out;
    },
  };
}

function plainStepper(f: OdeFunction, state: Float64Array): EmbeddedStepper {
  const { extended } = dormandPrince;
  const size = state.length;
  const next = new Float64Array(size);
  const slopes = extended.c.map(() => new Float64Array(size));
  return {
    scheme: dormandPrince,
    layout: { samples: 1, rows: 1, columns: size, stride: size },
    state,
    next,
    slopes,
    start: (from, to) => f(from, state, slopes[0], from, to),
    attempt(from, to) {
      for (let i = 1; i < extended.c.length; i++) {
        // The last stage is the end of the step itself.
        for (let k = 0; k < size; k++) {
          let sum = 0;
          for (let j = 0; j < i; j++) sum += extended.a[i][j] * slopes[j][k];
          next[k] = state[k] + (to - from) * sum;
        }
        f(stageDepth(extended.c[i], from, to), next, slopes[i], from, to);
      }
    },
  };
}
