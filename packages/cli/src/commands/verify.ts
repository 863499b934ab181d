import { relative, resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { type Claim, type ClaimOutcome, selectClaims } from 'mesoscope/claims';
import { parseConfiguration } from 'mesoscope/configuration';
import type { Study, Verification } from 'mesoscope/study';
import { interruptedRun, reserveFolder } from '../bundle/folder.ts';
import { readRecord } from '../bundle/record.ts';
import type { Environment } from '../environment.ts';
import { requireModel } from '../input/checkpoint-folder.ts';
import { hashedDocuments, refuseUnfit } from '../input/instance.ts';
import { claimTable, verdictCounts } from '../terminal/table.ts';
import { conduct, type Sitting, shown } from './conduct.ts';
import { refuseDifferences, resumedExecution } from './differences.ts';
import { isModule, moduleAddress } from './modules.ts';
import {
  assigned,
  exitCode,
  type RunOptions,
  readExecution,
  readFiles,
  readInteger,
} from './options.ts';

type VerifyOptions = RunOptions & {
  readonly full?: boolean;
  readonly strict?: boolean;
  readonly checkpoint?: string;
};

const resumeCommand = 'mesoscope verify --resume';

/** `mesoscope verify [claim | paper | module …]`: runs claims and prints their verdicts. */
export async function verifyCommand(
  selectors: readonly string[],
  options: VerifyOptions,
  environment: Environment,
): Promise<number> {
  const { stdout, stderr, directory } = environment;
  const sitting =
    options.resume === undefined
      ? await newSitting(selectors, options, environment)
      : await resumedSitting(options.resume, selectors, options, environment);
  const conducted = await conduct(sitting, environment);
  if (conducted.kind === 'interrupted') {
    const { done, of } = conducted;
    const again =
      sitting.folder === undefined
        ? ''
        : ` Continue with: ${resumeCommand} ${shown(sitting.folder.partial, directory)}`;
    stderr.write(`Interrupted: ${done} of ${of} pieces of work are done.${again}\n`);
    return exitCode.interrupted;
  }
  const { claims } = conducted.result;
  const report =
    sitting.folder === undefined
      ? ''
      : `\nReport: ${shown(sitting.folder.bundle, directory)}/report.html\n`;
  stdout.write(
    options.json
      ? `${JSON.stringify({ claims: hashedDocuments(claims, sitting.notes) }, null, 2)}\n`
      : `${claimTable(claims)}${report}\n${verdictCounts(claims)}\n`,
  );
  return verdictCode(claims, sitting.configuration as Verification, options.strict ?? false);
}

async function newSitting(
  selectors: readonly string[],
  options: VerifyOptions,
  environment: Environment,
): Promise<Sitting> {
  const { directory } = environment;
  const modules = selectors.filter(isModule).map((path) => moduleAddress(path, directory));
  const { claims: all, own, study: find } = await environment.catalogue(modules);
  const named = selectors.filter((selector) => !isModule(selector));
  const { checkpoint } = options;
  if (checkpoint !== undefined) await requireModel(checkpoint, directory);
  const runnable = checkpoint === undefined ? all : all.filter(takesCheckpoint);
  const selected =
    named.length > 0 ? selectClaims(named, all) : modules.length === 0 ? runnable : [];
  const claims = [...own.claims, ...selected.filter((claim) => !own.claims.includes(claim))];
  const { configuration: overrides, notes } = readFiles(options, directory);
  for (const note of notes) environment.stderr.write(`${note}\n`);
  const setting = options.full ? 'full' : 'quick';
  const fromFiles = claims.map((claim) => instanceOf(claim, overrides, all));
  requireNamedClaim(claims, fromFiles, overrides);
  const instances = claims.map(({ given }, i) =>
    assigned(withCheckpoint(options, claims[i]), fromFiles[i], given.parse({}, setting)),
  );
  claims.forEach((claim, i) => {
    refuseUnfit(claim, instances[i], setting);
  });
  const execution = readExecution(options);
  const study = find('verify');
  const configuration = parseConfiguration(study.schema, {
    seed: readInteger('--seed', options.seed, 0) ?? 1,
    setting,
    claims: claims.map((claim, i) => ({ id: claim.id, instance: instances[i] })),
  });
  return {
    study,
    configuration,
    seed: (configuration as Verification).seed,
    execution,
    modules,
    folder:
      options.out === undefined
        ? undefined
        : reserveFolder(resolve(directory, options.out), 'verify'),
    notes,
    options,
    resumeCommand,
  };
}

async function resumedSitting(
  wanted: string,
  selectors: readonly string[],
  options: VerifyOptions,
  environment: Environment,
): Promise<Sitting> {
  const { full, config, set, seed, out } = options;
  const { directory } = environment;
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
  const study: Study = (await environment.catalogue(record.modules)).study('verify');
  const execution = resumedExecution(options, record);
  const now = { study: 'verify', configuration: record.configuration, execution };
  refuseDifferences(record, now, relative(directory, folder.partial));
  return {
    study,
    configuration: parseConfiguration(study.schema, record.configuration),
    seed: record.seed,
    execution,
    modules: record.modules,
    folder,
    record,
    notes: [],
    options,
    resumeCommand,
  };
}

/** Whether a claim can be run on a trained model. */
function takesCheckpoint({ given }: Claim): boolean {
  return given.data.includes('checkpoint');
}

/** `--checkpoint` as a field of the instance. @throws MesoscopeError `unsupported` for a claim that takes no trained model */
function withCheckpoint(options: VerifyOptions, claim: Claim): VerifyOptions {
  const { checkpoint, set = [] } = options;
  if (checkpoint === undefined) return options;
  if (takesCheckpoint(claim)) {
    return { ...options, set: [`checkpoint=${JSON.stringify(checkpoint)}`, ...set] };
  }
  throw new MesoscopeError({
    code: 'unsupported',
    what: 'a trained model',
    by: claim.id,
    wayOut: 'Name claims that take one (P, C.practice), or none for all of them.',
  });
}

/** Refused input before failure: a claim may find out only while it runs what is wrong with an explicit instance. */
function verdictCode(
  outcomes: readonly ClaimOutcome[],
  { claims }: Verification,
  strict: boolean,
): number {
  const given = new Set(
    claims.filter(({ instance }) => Object.keys(instance).length > 0).map(({ id }) => id),
  );
  const refused = outcomes.some(
    (outcome) =>
      'error' in outcome && outcome.error instanceof MesoscopeError && given.has(outcome.claim.id),
  );
  if (refused) return exitCode.refused;
  const bad = (outcome: ClaimOutcome) =>
    'error' in outcome ||
    outcome.finding.verdict === 'fails' ||
    (strict && outcome.finding.verdict === 'undecided');
  return outcomes.some(bad) ? exitCode.failed : exitCode.done;
}

/** Fields of an instance: the overrides, or their entry for this claim where they are keyed by claim ids. */
function instanceOf(claim: Claim, overrides: unknown, all: readonly Claim[]): unknown {
  const entries = Object.entries(overrides as object);
  const keyed = entries.length > 0 && entries.every(([key]) => all.some(({ id }) => id === key));
  if (!keyed) return overrides;
  return entries.find(([key]) => key === claim.id)?.[1] ?? {};
}

/** @throws MesoscopeError `invalid-value` if instances are keyed by claims, none of which runs */
function requireNamedClaim(
  claims: readonly Claim[],
  instances: readonly unknown[],
  overrides: unknown,
): void {
  const keys = Object.keys(overrides as object);
  const named = instances.some((instance) => Object.keys(instance as object).length > 0);
  if (keys.length === 0 || named) return;
  throw new MesoscopeError({
    code: 'invalid-value',
    path: '--config',
    received: keys,
    expected: `instances of claims that run (${claims.map(({ id }) => id).join(', ')})`,
  });
}
