import type { Backend } from '../kernels/backend.ts';
import { type Claim, concludeClaim, type Finding } from './claim.ts';
import { type DataSource, dataSource } from './data-source.ts';
import type { Setting } from './given.ts';

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

/** A claim to run, with the fields of its instance that the user gave. */
export interface ClaimTask {
  readonly claim: Claim;
  readonly instance?: unknown;
}

export interface ClaimRunOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Default `quick`. */
  readonly setting?: Setting;
  /** `done` of `total`, in words. */
  progress?(done: number, total: number, label: string): void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A place where claims are run, one at a time: this thread or another.
 *
 * @throws MesoscopeError `invalid-configuration` if the instance does not fit the claim's schema
 */
export type ClaimRunner = (task: ClaimTask, options: ClaimRunOptions) => Promise<ClaimResult>;

/**
 * Runs one claim on this thread, piece by piece, and concludes. Memory that a piece takes from the backend is given back.
 *
 * @throws MesoscopeError `invalid-configuration`; what a piece throws; the signal's reason after an abort
 */
export async function runClaim(
  { claim, instance = {} }: ClaimTask,
  options: ClaimRunOptions & { readonly backend: Backend } & Partial<DataSource>,
): Promise<ClaimResult> {
  const { backend, seed = 1, setting = 'quick', progress, signal } = options;
  const data = dataSource(options);
  const start = performance.now();
  const given = claim.given.parse(instance, setting);
  const count = claim.given.pieces(given);
  const measured: unknown[] = [];
  for (let index = 0; index < count; index++) {
    signal?.throwIfAborted();
    const report = (share: number) => progress?.(index + share, count, claim.given.label);
    report(0);
    measured.push(
      await backend.scopedAsync(async () =>
        claim.measure({ backend, data, given, seed, index, progress: report }),
      ),
    );
    await nextMacrotask();
  }
  const finding = concludeClaim(claim, measured, { given, seed });
  return { claim, finding, seconds: (performance.now() - start) / 1000 };
}

/** Runs claims on this thread. */
export function localRunner(backend: Backend): ClaimRunner {
  return (task, options) => runClaim(task, { ...options, backend });
}

export interface ClaimsRunOptions extends ClaimRunOptions {
  /** Called with each outcome, in the order in which claims end. */
  finished?(outcome: ClaimOutcome): void;
}

/**
 * Runs claims, each runner one at a time, and returns their outcomes in the order of the tasks. A claim that throws is
 * reported as a {@link ClaimFailure} and the others still run; after an abort the unfinished ones are left out.
 *
 * @param options.backend stands for one runner on this thread
 * @throws MesoscopeError `invalid-configuration` before any work if an instance does not fit
 */
export async function runClaims(
  tasks: readonly ClaimTask[],
  options: ClaimsRunOptions &
    ({ readonly backend: Backend } | { readonly runners: readonly ClaimRunner[] }),
): Promise<ClaimOutcome[]> {
  const { signal, finished, seed = 1, setting = 'quick' } = options;
  for (const { claim, instance = {} } of tasks) claim.given.parse(instance, setting);
  const runners = 'runners' in options ? options.runners : [localRunner(options.backend)];
  const shares = tasks.map(() => 0);
  const report = (label: string) =>
    options.progress?.(
      shares.reduce((sum, share) => sum + share, 0),
      tasks.length,
      label,
    );

  async function outcomeOf(i: number, runner: ClaimRunner): Promise<ClaimOutcome | undefined> {
    const { claim } = tasks[i];
    const start = performance.now();
    const progress = (done: number, total: number, label: string) => {
      shares[i] = total > 0 ? done / total : 0;
      report(`${claim.id}: ${label}`);
    };
    progress(0, 1, claim.title);
    try {
      return await runner(tasks[i], { progress, seed, setting, signal });
    } catch (cause) {
      if (signal?.aborted) return undefined;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      return { claim, error, seconds: (performance.now() - start) / 1000 };
    } finally {
      shares[i] = 1;
    }
  }

  const outcomes: (ClaimOutcome | undefined)[] = tasks.map(() => undefined);
  const queue = tasks.keys();
  await Promise.all(
    runners.map(async (runner) => {
      // Lets the host draw, and see an interrupt, between two experiments.
      await nextMacrotask();
      while (!signal?.aborted) {
        const { value: i, done } = queue.next();
        if (done) return;
        const outcome = await outcomeOf(i, runner);
        outcomes[i] = outcome;
        if (outcome !== undefined) finished?.(outcome);
        await nextMacrotask();
      }
    }),
  );
  report('done');
  return outcomes.filter((outcome) => outcome !== undefined);
}

function nextMacrotask(): Promise<void> {
  return new Promise((resume) => setTimeout(resume, 0));
}

/** Whether every outcome is a finding that does not fail; *outside* and *undecided* are no failures. */
export function allStand(outcomes: readonly ClaimOutcome[]): boolean {
  return outcomes.every((outcome) => 'finding' in outcome && outcome.finding.verdict !== 'fails');
}
