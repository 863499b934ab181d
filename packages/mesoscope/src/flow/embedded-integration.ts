import type { FloatArray } from '../kernels/backend.ts';
import { requirePositive, requireThat } from '../numeric/checks.ts';
import { type DenseStep, evaluateDenseStep } from './dense-output.ts';
import { defaultLimit, divergenceOf, type EntryLayout } from './entries.ts';
import { createEventFinder, type FlowEvent } from './events.ts';
import { createStepController, scaledNorm, type Tolerances } from './step-control.ts';
import type { FlowStatus } from './types.ts';

export interface IntegrationOptions extends Tolerances {
  readonly events?: readonly FlowEvent[];
  /** First step; default: a hundredth of the time in which the state would double. */
  readonly firstStep?: number | undefined;
  /** The most steps, accepted or not; default 100 000. */
  readonly stepLimit?: number;
  /** Diverged where an entry exceeds this; default 1e12. */
  readonly limit?: number;
  /** Whether the solution can be evaluated everywhere afterwards, for 5 states a step; default true. */
  readonly dense?: boolean;
}

/** What makes one step of a scheme that estimates its own error and interpolates. */
export interface AdaptiveStepper {
  readonly layout: EntryLayout;
  /** At the beginning of the step. */
  readonly state: FloatArray;
  /** At its end, after `attempt`. */
  readonly next: FloatArray;
  /** Order of the error estimate in the step size. */
  readonly errorOrder: number;
  /** The slope at the beginning of a step, after `start`. */
  readonly slope: FloatArray;
  /** Computes the slope at depth `from`, seen from a step to `to`. */
  start(from: number, to: number): void;
  /** Computes `next`. */
  attempt(from: number, to: number): void;
  /** Entry i of the error of the last attempt; NaN if it came to nothing. */
  error(i: number): number;
  /** The interpolant of the last attempt. */
  interpolant(from: number, to: number): DenseStep;
  /** `next` becomes the state, its slope the first one of a step that goes on. */
  accept(): void;
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
 * Adaptive integration from `from` to `to`, forwards or backwards: error of every step within the tolerances by
 * proportional–integral control; steps land on the breakpoints, in whatever order and however often these are given; events
 * are located on the interpolant ({@link createEventFinder}). Afterwards `stepper.state` is the state at the depth
 * reached. An empty interval is completed without a step.
 *
 * @throws MesoscopeError `invalid-value` for tolerances, limits, breakpoints or an interval that make no sense
 */
export function integrateEmbedded(
  stepper: AdaptiveStepper,
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
    firstStep,
  } = options;
  const stops = stopsBetween(interval);
  requirePositive('absoluteTolerance', absoluteTolerance);
  requirePositive('relativeTolerance', relativeTolerance);
  requirePositive('stepLimit', stepLimit);
  requireThat(limit > 0, 'limit', limit, 'a number > 0');
  if (firstStep !== undefined) requirePositive('firstStep', firstStep);
  const { layout, state } = stepper;
  const direction = interval.to < interval.from ? -1 : 1;
  const controller = createStepController();
  const interpolants: DenseStep[] = [];
  const finder = events.length > 0 ? createEventFinder(events, interval.from, state) : undefined;
  let t = interval.from;
  let stop = 0;
  let steps = 0;
  let rejected = 0;
  const outcome = (status: FlowStatus): IntegrationOutcome => ({
    status,
    depth: t,
    steps,
    rejected,
    interpolants,
  });
  if (stops.length === 0) return outcome({ kind: 'completed' });

  stepper.start(t, stops[0]);
  const tolerances = { absolute: absoluteTolerance, relative: relativeTolerance };
  let proposed = firstStep ?? defaultFirstStep(stepper, Math.abs(stops[0] - t), tolerances);
  while (stop < stops.length) {
    if (steps + rejected >= stepLimit) {
      return outcome({ kind: 'step-limit', steps: stepLimit, depth: t });
    }
    const lands = 1.01 * proposed >= direction * (stops[stop] - t);
    const end = lands ? stops[stop] : t + direction * proposed;
    const step = Math.abs(end - t);
    if (!lands && step <= 8 * Number.EPSILON * Math.abs(end)) {
      return outcome({ kind: 'step-too-small', step: steps, depth: t, stepSize: step });
    }
    stepper.attempt(t, end);
    const error = scaledNorm(
      (i) => stepper.error(i),
      state,
      stepper.next,
      layout,
      absoluteTolerance,
      relativeTolerance,
    );
    if (!(error <= 1)) {
      rejected++;
      proposed = step * controller.rejected(error, stepper.errorOrder);
      continue;
    }
    const grown = step * controller.accepted(error, stepper.errorOrder);
    // A step cut short by a stop says little about the next one.
    proposed = lands ? Math.max(grown, proposed) : grown;
    const interpolant = dense || finder !== undefined ? stepper.interpolant(t, end) : undefined;
    const event = interpolant && finder?.first(interpolant, stepper.next);
    steps++;
    if (interpolant && dense) interpolants.push(interpolant);
    if (event && interpolant) {
      t = event.depth;
      evaluateDenseStep(interpolant, t, state);
      return outcome({ kind: 'event', name: event.name, depth: t, step: steps });
    }
    t = end;
    stepper.accept();
    const divergence = divergenceOf(state, layout, { step: steps, depth: t }, limit);
    if (divergence !== undefined) return outcome(divergence);
    if (!lands) continue;
    stop++;
    if (stop < stops.length) stepper.start(t, stops[stop]);
  }
  return outcome({ kind: 'completed' });
}

/** A hundredth of `|h|/|ḣ|` in the norm of the tolerances, within the interval. */
function defaultFirstStep(
  { state, slope, layout }: AdaptiveStepper,
  length: number,
  { absolute, relative }: { readonly absolute: number; readonly relative: number },
): number {
  const size = scaledNorm((i) => state[i], state, state, layout, absolute, relative);
  const speed = scaledNorm((i) => slope[i], state, state, layout, absolute, relative);
  const step = size > 1e-5 && speed > 1e-5 ? (0.01 * size) / speed : 1e-6 * length;
  return Math.min(step, length);
}

/** Steps shorter than this part of the depth are below what depths resolve. */
const resolution = 16 * Number.EPSILON;

/** Where steps land, one after the other; none on an empty interval. */
function stopsBetween({
  from,
  to,
  breakpoints,
}: {
  readonly from: number;
  readonly to: number;
  readonly breakpoints: ArrayLike<number>;
}): number[] {
  const all = Array.from(breakpoints);
  requireThat(Number.isFinite(from), 'from', from, 'a finite number');
  requireThat(Number.isFinite(to), 'to', to, 'a finite number');
  requireThat(!all.some(Number.isNaN), 'breakpoints', Number.NaN, 'numbers');
  if (from === to) return [];
  const direction = to < from ? -1 : 1;
  const stops = [from];
  for (const t of all.sort((a, b) => direction * (a - b))) {
    const last = stops[stops.length - 1];
    const apart = direction * (t - last) > resolution * Math.abs(t);
    if (apart && direction * (to - t) > resolution * Math.abs(t)) stops.push(t);
  }
  return [...stops.slice(1), to];
}
