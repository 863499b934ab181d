import { existsSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import {
  allStand,
  type Claim,
  type ClaimOutcome,
  type ClaimTask,
  claimById,
  claimsDocument,
  finiteJson,
  MesoscopeError,
  runClaims,
  type Setting,
  type StudyResult,
  selectClaims,
} from 'mesoscope';
import { writeAtomically } from '../bundle/atomic.ts';
import { interruptedRun, publishBundle, type RunFolder, reserveFolder } from '../bundle/folder.ts';
import { loadOutcomes, saveOutcomes } from '../bundle/outcomes.ts';
import { type RunRecord, readRecord, recordName, recordText } from '../bundle/record.ts';
import type { Environment } from '../environment.ts';
import type { Execution } from '../host/backend.ts';
import { parseInstance, ranInstance } from '../input/instance.ts';
import { bundleFiles, finishedRecord } from '../report/bundle-files.ts';
import { formatDuration } from '../terminal/number.ts';
import { createProgress } from '../terminal/progress.ts';
import { claimTable, formatMeasured } from '../terminal/table.ts';
import { refuseDifferences, resumedExecution } from './differences.ts';
import { exitCode, type RunOptions, readExecution, readInteger, readOverrides } from './options.ts';
import { newRecord } from './record.ts';

type VerifyOptions = RunOptions & { readonly full?: boolean; readonly resume?: string };

/** Claims to run, and how. */
interface Verification {
  readonly tasks: readonly ClaimTask[];
  readonly seed: number;
  readonly setting: Setting;
  readonly execution: Execution;
  /** What the user gave for the instances, as it stands in the record. */
  readonly overrides: unknown;
  /** What was changed in the user's files. */
  readonly notes: readonly string[];
  /** Where the bundle goes; undefined: nowhere. */
  readonly folder?: RunFolder;
  /** Of the interrupted run that is continued. */
  readonly record?: RunRecord;
  readonly before: readonly ClaimOutcome[];
}

/** `mesoscope verify [claim | paper …]`: runs claims and prints their verdicts. */
export async function verifyCommand(
  selectors: readonly string[],
  options: VerifyOptions,
  environment: Environment,
): Promise<number> {
  const verification =
    options.resume === undefined
      ? newVerification(selectors, options, environment)
      : resumedVerification(options.resume, selectors, options, environment);
  return conductVerification(verification, options.json ?? false, environment);
}

function newVerification(
  selectors: readonly string[],
  options: VerifyOptions,
  { claims: all, directory }: Environment,
): Verification {
  const claims = selectClaims(selectors, all);
  const { configuration: overrides, notes } = readOverrides(options, directory);
  const tasks = claims.map((claim) => taskOf(claim, overrides, all));
  requireNamedClaim(tasks, overrides);
  for (const { claim, instance } of tasks) {
    if (instance !== undefined) parseInstance(claim, instance);
  }
  const seed = readInteger('--seed', options.seed, 0) ?? 1;
  const execution = readExecution(options);
  return {
    tasks,
    seed,
    execution,
    overrides,
    notes,
    before: [],
    setting: options.full ? 'full' : 'quick',
    ...(options.out === undefined
      ? {}
      : { folder: reserveFolder(resolve(directory, options.out), 'verify') }),
  };
}

/** The settings of a verification as they stand in its record. */
interface VerifyConfiguration {
  readonly claims: readonly string[];
  readonly setting: Setting;
  readonly instance: unknown;
  /** Of what each claim runs on, by its id; null where its schema does not spell it out. */
  readonly instanceHashes: Readonly<Record<string, string | null>>;
}

function resumedVerification(
  wanted: string,
  selectors: readonly string[],
  options: VerifyOptions,
  { claims: all, directory }: Environment,
): Verification {
  const { full, config, set, seed, out } = options;
  const given = [full, config, set, seed, out].some((option) => option !== undefined);
  if (given || selectors.length > 0) {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'other claims, instances, seeds, settings or folders',
      by: 'verify --resume',
      wayOut: 'Leave them out: the run goes on with its own.',
    });
  }
  const folder = interruptedRun(resolve(directory, wanted), wanted);
  const record = readRecord(folder.partial);
  const configuration = record.configuration as VerifyConfiguration;
  const execution = resumedExecution(options, record);
  const now = { study: 'verify', configuration, execution };
  refuseDifferences(record, now, relative(directory, folder.partial));
  const { instance: overrides, setting } = configuration;
  return {
    tasks: configuration.claims.map((id) => taskOf(claimById(id, all), overrides, all)),
    ...{ seed: record.seed, execution, overrides, notes: [], setting, folder, record },
    before: loadOutcomes(folder.partial, all),
  };
}

async function conductVerification(
  verification: Verification,
  json: boolean,
  environment: Environment,
): Promise<number> {
  const { tasks, seed, setting, execution, folder, before } = verification;
  const { stdout, stderr, directory } = environment;
  const begin = performance.now();
  for (const note of verification.notes) stderr.write(`${note}\n`);
  const progress = createProgress(stderr);
  const interrupt = new AbortController();
  const stopListening = environment.onInterrupt(() => {
    progress.log('Stopping; finished claims are kept (Ctrl-C again stops at once) …');
    interrupt.abort();
  });
  const left = tasks.filter(({ claim }) => !before.some((outcome) => outcome.claim === claim));
  const outcomes: ClaimOutcome[] = [...before];
  try {
    const host = await environment.createClaimRunners(
      execution,
      left.map(({ claim }) => claim),
    );
    const record = recordOf(verification, host.build);
    try {
      if (folder !== undefined)
        writeAtomically(join(folder.partial, recordName), recordText(record));
      await runClaims(left, {
        ...{ runners: host.runners, seed, setting, signal: interrupt.signal },
        progress: progress.update,
        finished(outcome) {
          outcomes.push(outcome);
          if (tasks.length > 1) progress.log(outcomeLine(outcome));
          if (folder !== undefined) saveOutcomes(folder.partial, outcomes);
        },
      });
    } finally {
      progress.end();
      await host.dispose();
    }
    const inOrder = tasks.flatMap(({ claim }) => outcomes.filter((one) => one.claim === claim));
    const unfinished = tasks.length - inOrder.length;
    const seconds = record.seconds + (performance.now() - begin) / 1000;
    if (folder !== undefined && unfinished === 0)
      publishVerification(folder, record, inOrder, seconds, verification);
    if (folder !== undefined && unfinished > 0) {
      const status = {
        kind: 'interrupted',
        message: `${unfinished} claims were not run.`,
      } as const;
      const kept = recordText({ ...record, status, seconds });
      writeAtomically(join(folder.partial, recordName), kept);
    }
    const report = folder === undefined ? undefined : relative(directory, folder.bundle);
    stdout.write(
      json
        ? `${JSON.stringify(documentOf(inOrder, verification), null, 2)}\n`
        : `${claimTable(inOrder)}${report === undefined || unfinished > 0 ? '' : `\nReport: ${report}/report.html\n`}`,
    );
    if (unfinished > 0) {
      stderr.write(
        folder === undefined
          ? `Interrupted: ${unfinished} claims were not run.\n`
          : `Interrupted: ${unfinished} claims were not run. Continue with: mesoscope verify --resume ${report}.partial\n`,
      );
      return exitCode.interrupted;
    }
    return verdictCode(inOrder, tasks);
  } catch (cause) {
    progress.end();
    if (folder !== undefined && outcomes.length === 0) {
      rmSync(folder.partial, { recursive: true, force: true });
    } else if (folder !== undefined && existsSync(folder.partial)) {
      stderr.write(
        `Finished claims are kept. Continue with: mesoscope verify --resume ${relative(directory, folder.partial)}\n`,
      );
    }
    throw cause;
  } finally {
    stopListening();
  }
}

/** `A.euler-order holds: -1.003 [-1.02, -0.98], 4.2 s`. */
function outcomeLine(outcome: ClaimOutcome): string {
  const verdict =
    'finding' in outcome
      ? `${outcome.finding.verdict}: ${formatMeasured(outcome.finding)}`
      : `stopped: ${outcome.error.message}`;
  return `${outcome.claim.id} ${verdict}, ${formatDuration(outcome.seconds)}`;
}

function recordOf(verification: Verification, build: string): RunRecord {
  const { tasks, seed, setting, execution, overrides, record } = verification;
  if (record !== undefined) return record;
  const { value: instance, notes } = finiteJson(overrides);
  const configuration: VerifyConfiguration = {
    claims: tasks.map(({ claim }) => claim.id),
    ...{ setting, instance },
    instanceHashes: Object.fromEntries(
      tasks.map(({ claim, instance: given }) => [claim.id, ranInstance(claim, given).instanceHash]),
    ),
  };
  const heading = { study: 'verify', title: 'Verified claims', seed, configuration, execution };
  const started = newRecord({ ...heading, build, started: new Date() });
  return { ...started, notes: [...verification.notes, ...notes] };
}

/** The claims, each with the instance it ran on. */
function documentOf(
  outcomes: readonly ClaimOutcome[],
  { tasks, notes }: Pick<Verification, 'tasks' | 'notes'>,
) {
  const claims = claimsDocument(outcomes).claims.map((document, i) => {
    const { claim } = outcomes[i];
    const given = tasks.find((task) => task.claim === claim)?.instance;
    const all = [...(given === undefined ? [] : notes), ...(document.notes ?? [])];
    return { ...document, ...ranInstance(claim, given), notes: all };
  });
  return { claims };
}

function publishVerification(
  folder: RunFolder,
  record: RunRecord,
  outcomes: readonly ClaimOutcome[],
  seconds: number,
  verification: Verification,
): void {
  const result: StudyResult = {
    claims: outcomes,
    sections: [],
    arrays: {},
    headline: {},
    status: { kind: 'completed', message: 'All selected claims were run.' },
  };
  const metrics = outcomes
    .map((outcome) => `${JSON.stringify({ claim: outcome.claim.id, seconds: outcome.seconds })}\n`)
    .join('');
  const finished = finishedRecord(record, result, {}, seconds);
  const { claims } = documentOf(outcomes, verification);
  publishBundle(folder, bundleFiles({ ...finished, claims }, result, metrics));
}

/** Refused input before failure: a claim may find out only while it runs what is wrong with an explicit instance. */
function verdictCode(outcomes: readonly ClaimOutcome[], tasks: readonly ClaimTask[]): number {
  const given = new Set(tasks.filter(({ instance }) => instance !== undefined).map((t) => t.claim));
  const refused = outcomes.some(
    (outcome) =>
      'error' in outcome && outcome.error instanceof MesoscopeError && given.has(outcome.claim),
  );
  if (refused) return exitCode.refused;
  return allStand(outcomes) ? exitCode.done : exitCode.failed;
}

/** An explicit instance: the overrides, or their entry for this claim where they are keyed by claim ids. */
function taskOf(claim: Claim, overrides: unknown, all: readonly Claim[]): ClaimTask {
  const entries = Object.entries(overrides as object);
  if (entries.length === 0) return { claim };
  const keyed = entries.every(([key]) => all.some(({ id }) => id === key));
  if (!keyed) return { claim, instance: overrides };
  const own = entries.find(([key]) => key === claim.id);
  return own === undefined ? { claim } : { claim, instance: own[1] };
}

/** @throws MesoscopeError `invalid-value` if instances are keyed by claims, none of which runs */
function requireNamedClaim(tasks: readonly ClaimTask[], overrides: unknown): void {
  const keys = Object.keys(overrides as object);
  if (keys.length === 0 || tasks.some(({ instance }) => instance !== undefined)) return;
  throw new MesoscopeError({
    code: 'invalid-value',
    path: '--config',
    received: keys,
    expected: `instances of claims that run (${tasks.map(({ claim }) => claim.id).join(', ')})`,
  });
}
