import { MesoscopeError } from '../errors.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { type DenseStep, denseStep, evaluateDenseStep } from './dense-output.ts';
import { defaultLimit, divergenceOf, type EntryLayout } from './entries.ts';
import type { EmbeddedScheme } from './scheme.ts';
import { createStepController, scaledNorm, type Tolerances } from './step-control.ts';
import type { FlowStatus } from './types.ts';

/** Stops an integration where `value` changes its sign. */
export interface FlowEvent {
  readonly name: string;
  /** A continuous function of depth and state. The state is laid out as it was handed over; it is a view. */
  readonly value: (t: number, state: FloatArray) => number;
}

export interface IntegrationOptions extends Tolerances {
  readonly events?: readonly FlowEvent[];
  /** First step; default: a hundredth of the time in which the state would double. */
  readonly firstStep?: number;
  /** The most steps, accepted or not; default 100 000. */
  readonly stepLimit?: number;
  /** Diverged where an entry exceeds this; default 1e12. */
  readonly limit?: number;
  /** Whether the solution can be evaluated everywhere afterwards, for 5 states a step; default true. */
  readonly dense?: boolean;
}

/** What runs the stages of one step; its slopes include the one at the end of the step. */
export interface EmbeddedStepper {
  readonly scheme: EmbeddedScheme;
  readonly layout: EntryLayout;
  /** At the beginning of the step. */
  readonly state: FloatArray;
  /** At its end, after `attempt`. */
  readonly next: FloatArray;
  readonly slopes: readonly FloatArray[];
  /** Computes slope 0 at depth `from`, seen from a step to `to`. */
  start(from: number, to: number): void;
  /** Computes the other slopes and `next`. */
  attempt(from: number, to: number): void;
}

export interface IntegrationOutcome {
  readonly status: FlowStatus;
  /** Depth reached. */
  readonly depth: number;
  /** Steps accepted. */
  readonly steps: number;
  /** Steps tried again. */
  readonly rejected: number;
  /** Interpolants, if dense output was asked for. */
  readonly interpolants: readonly DenseStep[];
}

/**
 * Adaptive integration from `from` to `to`: error of every step within the tolerances by proportional–integral
 * control; steps land on the breakpoints; events are located on the interpolant by bisection, to the last bit of
 * depth. Afterwards `stepper.state` is the state at the depth reached.
 *
 * @throws MesoscopeError `invalid-value` for tolerances, limits or an interval that make no sense
 */
export function integrateEmbedded(
  stepper: EmbeddedStepper,
  interval: { readonly from: number; readonly to: number; readonly breakpoints: ArrayLike<number> },
  options: IntegrationOptions,
): IntegrationOutcome {
  const {
    relativeTolerance = 1e-9,
    absoluteTolerance = 1e-12,
    events = [],
    stepLimit = 100_000,
    limit = defaultLimit,
    dense = true,
  } = options;
  checkOptions(interval, { ...options, relativeTolerance, absoluteTolerance, stepLimit, limit });
  const { scheme, layout, state, next, slopes } = stepper;
  const lastSlope = slopes[slopes.length - 1];
  const stops = stopsBetween(interval);
  const controller = createStepController();
  const interpolants: DenseStep[] = [];
  const probe = events.length > 0 ? new Float64Array(state.length) : undefined;
  let t = interval.from;
  let stop = 0;
  let steps = 0;
  let rejected = 0;
  const eventValues = events.map((event) => event.value(t, state));
  const outcome = (status: FlowStatus): IntegrationOutcome => ({
    status,
    depth: t,
    steps,
    rejected,
    interpolants,
  });

  stepper.start(t, stops[0]);
  let proposed =
    options.firstStep ?? firstStep(stepper, stops[0] - t, absoluteTolerance, relativeTolerance);
  while (stop < stops.length) {
    if (steps + rejected >= stepLimit) {
      return outcome({ kind: 'step-limit', steps: stepLimit, depth: t });
    }
    const lands = t + 1.01 * proposed >= stops[stop];
    const end = lands ? stops[stop] : t + proposed;
    const step = end - t;
    if (step <= 8 * Number.EPSILON * Math.abs(end)) {
      return outcome({ kind: 'step-too-small', step: steps, depth: t, stepSize: step });
    }
    stepper.attempt(t, end);
    const error = scaledNorm(
      (i) => {
        let sum = 0;
        for (let j = 0; j < slopes.length; j++) sum += scheme.errorWeights[j] * slopes[j][i];
        return step * sum;
      },
      state,
      next,
      layout,
      absoluteTolerance,
      relativeTolerance,
    );
    if (!(error <= 1)) {
      rejected++;
      proposed = step * controller.rejected(error);
      continue;
    }
    const grown = step * controller.accepted(error);
    // A step cut short by a stop says little about the next one.
    proposed = lands ? Math.max(grown, proposed) : grown;
    const interpolant =
      dense || probe !== undefined ? denseStep(scheme, t, end, state, slopes) : undefined;
    const event = interpolant && probe && firstEvent(events, eventValues, interpolant, next, probe);
    steps++;
    if (interpolant && dense) interpolants.push(interpolant);
    if (event && interpolant) {
      t = event.depth;
      evaluateDenseStep(interpolant, t, state);
      return outcome({ kind: 'event', name: event.name, depth: t, step: steps });
    }
    t = end;
    state.set(next);
    const divergence = divergenceOf(state, layout, { step: steps, depth: t }, limit);
    if (divergence !== undefined) return outcome(divergence);
    if (lands) stop++;
    if (lands && stop < stops.length) stepper.start(t, stops[stop]);
    else slopes[0].set(lastSlope);
  }
  return outcome({ kind: 'completed' });
}

/** The earliest event inside a step; updates the values at its end. */
function firstEvent(
  events: readonly FlowEvent[],
  values: number[],
  step: DenseStep,
  next: FloatArray,
  probe: Float64Array,
): { readonly name: string; readonly depth: number } | undefined {
  let first: { name: string; depth: number } | undefined;
  events.forEach((event, e) => {
    const before = values[e];
    const after = event.value(step.to, next);
    values[e] = after;
    // Zero at the start is not a crossing: the sign counts from the first value that has one.
    if (before === 0 || before * after > 0) return;
    let low = step.from;
    let high = step.to;
    for (;;) {
      const middle = (low + high) / 2;
      if (middle <= low || middle >= high) break;
      evaluateDenseStep(step, middle, probe);
      if (event.value(middle, probe) * before > 0) low = middle;
      else high = middle;
    }
    if (first === undefined || high < first.depth) first = { name: event.name, depth: high };
  });
  return first;
}

/** A hundredth of `|h|/|ḣ|` in the norm of the tolerances, within the interval. */
function firstStep(
  stepper: EmbeddedStepper,
  length: number,
  absolute: number,
  relative: number,
): number {
  const { state, slopes, layout } = stepper;
  const size = scaledNorm((i) => state[i], state, state, layout, absolute, relative);
  const speed = scaledNorm((i) => slopes[0][i], state, state, layout, absolute, relative);
  const step = size > 1e-5 && speed > 1e-5 ? (0.01 * size) / speed : 1e-6 * length;
  return Math.min(step, length);
}

function stopsBetween(interval: {
  readonly from: number;
  readonly to: number;
  readonly breakpoints: ArrayLike<number>;
}): number[] {
  const inside = Array.from(interval.breakpoints).filter(
    (t) => t > interval.from && t < interval.to,
  );
  return [...inside, interval.to];
}

function checkOptions(
  interval: { readonly from: number; readonly to: number },
  positive: {
    readonly relativeTolerance: number;
    readonly absoluteTolerance: number;
    readonly stepLimit: number;
    readonly limit: number;
    readonly firstStep?: number;
  },
): void {
  if (
    !(Number.isFinite(interval.from) && Number.isFinite(interval.to) && interval.from < interval.to)
  ) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'to',
      received: interval.to,
      expected: `a finite number greater than ${interval.from}`,
    });
  }
  for (const path of [
    'absoluteTolerance',
    'relativeTolerance',
    'stepLimit',
    'limit',
    'firstStep',
  ] as const) {
    const received = positive[path];
    if (received !== undefined && !(received > 0)) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path,
        received,
        expected: 'a positive number',
      });
    }
  }
}
