import { createPause } from '../../flow/pause.ts';
import { flowStatusSentence } from '../../flow/status.ts';
import type { FlowStatus } from '../../flow/types.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import { norm as euclideanNorm } from '../../numeric/vector.ts';
import type { RateSchedule } from './schedule.ts';
import type { UpdateRule } from './update-rule.ts';

/** What is minimised, seen through its gradient at a step's draw of the data. */
export interface StochasticObjective {
  /**
   * Writes the gradient at `parameters` into `out` and returns the value. What is drawn at a step depends on nothing
   * but the step, so that a run can be continued.
   *
   * `flow`, where the value comes from one, says why a value is not finite.
   *
   * @throws nothing for a value that is not finite: it is returned
   */
  gradient(
    parameters: FloatArray,
    step: number,
    out: FloatArray,
  ): ObjectiveValue | Promise<ObjectiveValue>;
}

export interface ObjectiveValue {
  readonly loss: number;
  readonly flow?: FlowStatus;
}

export interface StepReport {
  /** The step just taken, counted from 0. */
  readonly step: number;
  /** Before the step. */
  readonly loss: number;
  /** Before the step. */
  readonly gradientNorm: number;
  readonly rate: number;
}

/** Why a solver stopped. {@link solverStatusSentence} says what to try. */
export type SolverStatus =
  | { readonly kind: 'steps-done'; readonly steps: number }
  | { readonly kind: 'tolerance-reached'; readonly step: number; readonly gradientNorm: number }
  | {
      readonly kind: 'diverged';
      readonly step: number;
      readonly loss: number;
      readonly flow?: FlowStatus | undefined;
    }
  | { readonly kind: 'aborted'; readonly step: number };

export interface MinimiseOptions {
  readonly objective: StochasticObjective;
  readonly rule: UpdateRule;
  /** In the backend's memory; changed in place. */
  readonly parameters: FloatArray;
  /** Room for the gradient, of the same length and backend. */
  readonly gradient: FloatArray;
  readonly rate: RateSchedule;
  /** Steps in all, those before `from` included. */
  readonly steps: number;
  /** The step to continue from; default 0. */
  readonly from?: number;
  /** Steps the rule's memory has seen before step 0; default 0. */
  readonly remembered?: number;
  /** Stops when `norm` of the gradient is at most this; default 0: never, short of an exact zero. */
  readonly tolerance?: number;
  /** How the gradient is measured; default its Euclidean norm. */
  readonly norm?: (gradient: FloatArray) => number;
  /** Called after every step; when it returns a promise, the solver waits for it. */
  readonly report?: (report: StepReport) => Promise<void> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes steps of a rule until they are done, the gradient is small, a value is not finite, or the signal aborts.
 * After `diverged` the parameters are those at which the loss or the gradient was not finite; after
 * `tolerance-reached` those at which the gradient was small; `step` is the number of steps taken.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`
 */
export async function minimise(options: MinimiseOptions): Promise<SolverStatus> {
  const { objective, rule, parameters, gradient, rate, steps, signal } = options;
  const { from = 0, remembered = 0, tolerance = 0, norm = euclideanNorm, report } = options;
  check(options);
  const pause = createPause();
  for (let step = from; step < steps; step++) {
    await pause();
    if (signal?.aborted) return { kind: 'aborted', step };
    const { loss, flow } = await objective.gradient(parameters, step, gradient);
    const gradientNorm = norm(gradient);
    if (!Number.isFinite(loss + gradientNorm)) {
      return { kind: 'diverged', step, loss, flow };
    }
    if (gradientNorm <= tolerance) return { kind: 'tolerance-reached', step, gradientNorm };
    const stepRate = rate(step);
    rule.apply(parameters, gradient, stepRate, remembered + step);
    await report?.({ step, loss, gradientNorm, rate: stepRate });
  }
  return { kind: 'steps-done', steps };
}

/** Why a solver stopped, and what to try. */
export function solverStatusSentence(status: SolverStatus): string {
  switch (status.kind) {
    case 'steps-done':
      return `All ${status.steps} steps were taken; the gradient need not be small.`;
    case 'tolerance-reached':
      return `The gradient's norm fell to ${status.gradientNorm.toExponential(2)} after ${status.step} steps.`;
    case 'diverged': {
      const { flow } = status;
      const why =
        flow === undefined || flow.kind === 'completed'
          ? 'Try a smaller rate, a longer warm-up, more layers or a shorter horizon.'
          : `${flowStatusSentence(flow)} A smaller rate or a longer warm-up keeps the parameters small.`;
      return `The loss or its gradient was not finite after ${status.step} training steps (loss ${status.loss}). ${why}`;
    }
    case 'aborted':
      return `Stopped on request after ${status.step} steps.`;
  }
}

function check({ parameters, gradient, steps, from = 0 }: MinimiseOptions): void {
  if (gradient.length !== parameters.length) {
    throw shapeMismatch('gradient', [gradient.length], [parameters.length]);
  }
  for (const [path, received] of Object.entries({ steps, from })) {
    if (!Number.isInteger(received) || received < 0) {
      refuse(path, received, 'a whole number of steps, at least 0');
    }
  }
}
