import { solveOde } from '../flow/ode.ts';
import type { FlowStatus } from '../flow/types.ts';
import { shapeMismatch } from '../numeric/checks.ts';
import type { GaussianLayer } from './layer.ts';
import { momentField } from './moment-field.ts';
import {
  type FactoredMoments,
  factored,
  type GaussianMoments,
  packMoments,
  unpackMoments,
} from './moments.ts';

/** Layers over depth. */
export interface LayerSchedule {
  layerAt(t: number): GaussianLayer;
  /** Depths where `layerAt` jumps or has a kink; default none. */
  readonly breakpoints?: ArrayLike<number>;
}

export interface MomentFlowOptions {
  /** T > 0. */
  readonly horizon: number;
  /** Relative error of one step; default 1e-11. */
  readonly relativeTolerance?: number;
  /** Whether the moments can be asked for at every depth afterwards; default true. */
  readonly dense?: boolean;
  /** The most steps; default 100 000. */
  readonly stepLimit?: number;
}

export interface MomentFlow {
  /** `event` named {@link blowUpEvent}: stopped just before the covariance becomes infinite. */
  readonly status: FlowStatus;
  /** The depth reached. */
  readonly time: number;
  /** The depth at which the covariance becomes infinite, extrapolated from the depth reached; null: not reached. */
  readonly blowUpTime: number | null;
  /** At the depth reached. */
  readonly moments: FactoredMoments;
  readonly steps: number;
  /** @throws MesoscopeError `invalid-value` outside what was integrated, or without dense output */
  at(t: number): FactoredMoments;
}

export const blowUpEvent = 'blow-up';

/** The flow stops where this fraction of the depth is left to the blow-up. */
const remainingFraction = 1e-7;

/**
 * Integrates `ṁ = Um + V̂m + b`, `Σ̇ = UΣ + ΣUᵀ` in factored form (`momentField`) by an adaptive scheme of order 5.
 *
 * Blow-up: `s = tr Σ` grows like a power (t* − t)^{−p}, so `r = s/ṡ` falls to 0 at t* along a line, up to (t* − t)². The
 * flow stops where `r ≤ 1e-7 t`, and the line through r there and a little later is followed to 0; what it misses is
 * less than rounding. Exponential growth never comes near that bound, for it overflows long before.
 *
 * @throws MesoscopeError `invalid-value`, `shape-mismatch`, `not-finite` for a law, layer or horizon that make no sense
 */
export function integrateMoments(
  controls: GaussianLayer | LayerSchedule,
  law: GaussianMoments | FactoredMoments,
  options: MomentFlowOptions,
): MomentFlow {
  const { horizon, relativeTolerance = 1e-11, dense = true, stepLimit = 100_000 } = options;
  const moments = 'factor' in law ? law : factored(law);
  const schedule: LayerSchedule = 'layerAt' in controls ? controls : { layerAt: () => controls };
  const d = moments.factor.rows;
  requireDimension(schedule.layerAt(0).dimension, d);
  const initial = packMoments(moments);
  const field = momentField(d, moments.factor.columns);
  const slope = new Float64Array(initial.length);
  const size = moments.factor.data.reduce(
    (largest, entry) => Math.max(largest, Math.abs(entry)),
    0,
  );

  /** `ṡ/s = 1/r`. */
  const growthRate = (t: number, y: Float64Array): number => {
    field(schedule.layerAt(t), y, slope);
    let value = 0;
    let rate = 0;
    for (let i = d; i < y.length; i++) {
      value += y[i] * y[i];
      rate += 2 * y[i] * slope[i];
    }
    return value === 0 ? 0 : rate / value;
  };

  const derivative = (t: number, y: Float64Array, dy: Float64Array) =>
    field(schedule.layerAt(t), y, dy);
  const accuracy = {
    relativeTolerance,
    absoluteTolerance: 1e-3 * relativeTolerance * size,
    limit: 1e150,
  };
  const solution = solveOde(derivative, {
    to: horizon,
    initial,
    breakpoints: schedule.breakpoints ?? [],
    ...accuracy,
    dense,
    stepLimit,
    events: [
      {
        name: blowUpEvent,
        value: (t, y) => 1 - remainingFraction * t * growthRate(t, y as Float64Array),
      },
    ],
  });
  const { status, time, state } = solution;

  function extrapolate(): number {
    const here = 1 / growthRate(time, state);
    const step = here / 4;
    const later = solveOde(derivative, {
      from: time,
      to: time + step,
      initial: state,
      ...accuracy,
      dense: false,
    });
    return time + (step * here) / (here - 1 / growthRate(later.time, later.state));
  }

  return {
    status,
    time,
    blowUpTime: status.kind === 'event' ? extrapolate() : null,
    moments: unpackMoments(state, d),
    steps: solution.steps,
    at: (t) => unpackMoments(solution.at(t), d),
  };
}

function requireDimension(received: number, expected: number): void {
  if (received !== expected) {
    throw shapeMismatch('law.mean', [expected], [received]);
  }
}
