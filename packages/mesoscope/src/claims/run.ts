import { parseConfiguration } from '../configuration/parse.ts';
import type { Backend } from '../kernels/backend.ts';
import type { Claim, ClaimContext, Finding, Setting } from './claim.ts';

/** A finding together with the claim and the time it took. */
export interface ClaimResult {
  readonly claim: Claim;
  readonly finding: Finding;
  readonly seconds: number;
}

/** A claim whose experiment threw: it decided nothing. */
export interface ClaimFailure {
  readonly claim: Claim;
  readonly error: Error;
  readonly seconds: number;
}

export type ClaimOutcome = ClaimResult | ClaimFailure;

/** A claim to run, with an explicit instance if the user gave one. */
export interface ClaimTask {
  readonly claim: Claim;
  readonly instance?: unknown;
}

export interface ClaimRunOptions {
  readonly backend: Backend;
  /** Default 1. */
  readonly seed?: number;
  /** Default `quick`. */
  readonly setting?: Setting;
  readonly progress?: ClaimContext<unknown>['progress'];
  readonly signal?: AbortSignal;
}

/**
 * Runs one claim. Memory that its experiment takes from the backend is given back.
 *
 * @throws MesoscopeError `invalid-configuration` if the instance does not fit the claim's schema
 */
export async function runClaim(
  { claim, instance }: ClaimTask,
  options: ClaimRunOptions,
): Promise<ClaimResult> {
  const checked = instance === undefined ? undefined : parseConfiguration(claim.instance, instance);
  const context: ClaimContext<unknown> = {
    backend: options.backend,
    seed: options.seed ?? 1,
    setting: options.setting ?? 'quick',
    progress: options.progress ?? (() => {}),
    ...(checked === undefined ? {} : { instance: checked }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const start = performance.now();
  const finding = await options.backend.scopedAsync(() => claim.run(context));
  return { claim, finding, seconds: (performance.now() - start) / 1000 };
}

/**
 * Runs claims one after the other. One that throws is reported as a {@link ClaimFailure} and the others still run;
 * after an abort the rest is left out.
 *
 * @throws MesoscopeError `invalid-configuration` before any work if an instance does not fit
 */
export async function runClaims(
  tasks: readonly ClaimTask[],
  options: ClaimRunOptions,
): Promise<ClaimOutcome[]> {
  for (const { claim, instance } of tasks) {
    if (instance !== undefined) parseConfiguration(claim.instance, instance);
  }
  const outcomes: ClaimOutcome[] = [];
  for (const [i, task] of tasks.entries()) {
    // Lets the host draw, and see an interrupt, between two experiments.
    await new Promise((resume) => setTimeout(resume, 0));
    if (options.signal?.aborted) break;
    const start = performance.now();
    const progress: ClaimContext<unknown>['progress'] = (done, total, label) => {
      const share = total > 0 ? done / total : 0;
      options.progress?.(i + share, tasks.length, `${task.claim.id}: ${label}`);
    };
    progress(0, 1, task.claim.title);
    try {
      outcomes.push(await runClaim(task, { ...options, progress }));
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      outcomes.push({ claim: task.claim, error, seconds: (performance.now() - start) / 1000 });
    }
  }
  options.progress?.(outcomes.length, tasks.length, 'done');
  return outcomes;
}

/** Whether every outcome is a finding that does not fail; *outside* is no failure. */
export function allStand(outcomes: readonly ClaimOutcome[]): boolean {
  return outcomes.every((outcome) => 'finding' in outcome && outcome.finding.verdict !== 'fails');
}
