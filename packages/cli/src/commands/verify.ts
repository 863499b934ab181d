import { resolve } from 'node:path';
import {
  allStand,
  type Claim,
  type ClaimOutcome,
  type ClaimTask,
  claimsDocument,
  MesoscopeError,
  runClaims,
  type StudyResult,
  selectClaims,
} from 'mesoscope';
import { publishBundle, type RunFolder, reserveFolder } from '../bundle/folder.ts';
import type { RunRecord } from '../bundle/record.ts';
import type { Environment } from '../environment.ts';
import { bundleFiles, finishedRecord } from '../report/bundle-files.ts';
import { createProgress } from '../terminal/progress.ts';
import { claimTable } from '../terminal/table.ts';
import { exitCode, type RunOptions, readExecution, readInteger, readOverrides } from './options.ts';
import { newRecord } from './record.ts';

/** `mesoscope verify [claim | paper …]`: runs claims and prints their verdicts. */
export async function verifyCommand(
  selectors: readonly string[],
  options: RunOptions & { readonly full?: boolean },
  environment: Environment,
): Promise<number> {
  const { directory, stdout } = environment;
  const claims = selectClaims(selectors, environment.claims);
  const overrides = readOverrides(options, directory);
  const tasks = claims.map((claim) => taskOf(claim, overrides, environment.claims));
  const seed = readInteger('--seed', options.seed, 0) ?? 1;
  const execution = readExecution(options);
  const setting = options.full ? 'full' : 'quick';
  const folder =
    options.out === undefined
      ? undefined
      : reserveFolder(resolve(directory, options.out), 'verify');
  const backend = await environment.createBackend(execution);
  const progress = createProgress(environment.stderr);
  const started = new Date();
  let outcomes: ClaimOutcome[];
  try {
    outcomes = await runClaims(tasks, { backend, seed, setting, progress: progress.update });
  } finally {
    progress.end();
    backend.dispose();
  }
  if (folder !== undefined) {
    const configuration = { claims: claims.map((claim) => claim.id), setting, instance: overrides };
    const record = newRecord({
      study: 'verify',
      title: 'Verified claims',
      seed,
      configuration,
      execution,
      build: backend.name,
      started,
    });
    publishVerification(folder, record, outcomes, (Date.now() - started.getTime()) / 1000);
  }
  stdout.write(
    options.json
      ? `${JSON.stringify(claimsDocument(outcomes), null, 2)}\n`
      : claimTable(outcomes) +
          (folder === undefined ? '' : `\nReport: ${folder.bundle}/report.html\n`),
  );
  const refusedInput = outcomes.some(
    (outcome, i) =>
      'error' in outcome &&
      outcome.error instanceof MesoscopeError &&
      tasks[i].instance !== undefined,
  );
  if (refusedInput) return exitCode.refused;
  return allStand(outcomes) ? exitCode.done : exitCode.failed;
}

function publishVerification(
  folder: RunFolder,
  record: RunRecord,
  outcomes: readonly ClaimOutcome[],
  seconds: number,
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
  publishBundle(folder, bundleFiles(finishedRecord(record, result, {}, seconds), result, metrics));
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
