import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { parseConfiguration } from 'mesoscope/configuration';
import type { Study, StudyResult } from 'mesoscope/study';
import { formatNumber } from 'mesoscope-view';
import { interruptedRun, reserveFolder } from '../bundle/folder.ts';
import { readRecord } from '../bundle/record.ts';
import type { Environment } from '../environment.ts';
import type { Catalogue } from '../host/catalogue.ts';
import { parseJson, readFile } from '../input/configuration-file.ts';
import { alignColumns, claimTable } from '../terminal/table.ts';
import { conduct, conductedCode, type Sitting, shown } from './conduct.ts';
import { refuseDifferences, resumedExecution } from './differences.ts';
import { isModule, moduleAddress } from './modules.ts';
import { type RunOptions, readConfiguration, readExecution } from './options.ts';

const resumeCommand = 'mesoscope study --resume';

/** `mesoscope study <preset | file>` and `mesoscope study --resume <dir>`. */
export async function studyCommand(
  name: string | undefined,
  options: RunOptions,
  environment: Environment,
): Promise<number> {
  const { stdout, stderr, directory } = environment;
  const sitting =
    options.resume === undefined
      ? await newSitting(name, options, environment)
      : await resumedSitting(options.resume, name, options, environment);
  const conducted = await conduct(sitting, environment);
  const folder = sitting.folder;
  if (folder === undefined) throw new RangeError('a study has a folder');
  if (conducted.kind === 'interrupted') {
    const again = `${resumeCommand} ${shown(folder.partial, directory)}`;
    stderr.write(`Interrupted: ${conducted.record.status.message}\nContinue with: ${again}\n`);
    if (options.json) stdout.write(document({ ...conducted.record, resume: again }));
  } else {
    const where = shown(folder.bundle, directory);
    stdout.write(
      options.json
        ? document({ ...conducted.record, folder: where })
        : summary(conducted.result, where),
    );
  }
  return conductedCode(conducted);
}

async function newSitting(
  name: string | undefined,
  options: RunOptions,
  environment: Environment,
): Promise<Sitting> {
  const { directory } = environment;
  const modules = name !== undefined && isModule(name) ? [moduleAddress(name, directory)] : [];
  const catalogue = await environment.catalogue(modules);
  const { study, base } = findStudy(name, directory, catalogue);
  const read = readConfiguration(options, directory, base, defaultsOf(study));
  for (const note of read.notes) environment.stderr.write(`${note}\n`);
  const configuration = parseConfiguration(study.schema, read.configuration);
  const execution = readExecution(options);
  const seed = seedOf(configuration);
  study.pieces(configuration);
  const wanted = options.out ?? `runs/${study.name.replaceAll('/', '-')}-${seed}`;
  const folder = reserveFolder(resolve(directory, wanted), study.name);
  return {
    study,
    configuration,
    seed,
    execution,
    modules,
    folder,
    notes: read.notes,
    options,
    resumeCommand,
  };
}

/** What runs where nothing is said; nothing for a study that must be told something. */
function defaultsOf({ schema }: Study): unknown {
  return schema.safeParse({}).data ?? {};
}

/** A study by name, of a module of the user's own, or from a file `{ "study": name, "configuration": { … } }` such as a run.json. */
function findStudy(
  name: string | undefined,
  directory: string,
  { studies, own, study }: Catalogue,
): { readonly study: Study; readonly base: unknown } {
  if (name === undefined) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'study',
      received: undefined,
      expected: `the name of a study (${studies.map((one) => one.name).join(', ')}) or a file`,
    });
  }
  const [first, ...others] = own.studies;
  if (isModule(name)) {
    if (first !== undefined && others.length === 0) return { study: first, base: {} };
    throw new MesoscopeError({
      code: 'file',
      path: name,
      reason: `it exports ${own.studies.length} studies (${own.studies.map((one) => one.name).join(', ')})`,
      wayOut: 'Give each study a module of its own.',
    });
  }
  const path = resolve(directory, name);
  const isName = ['probe', 'surgery'].includes(name) || studies.some((one) => one.name === name);
  if (isName || !existsSync(path)) {
    return { study: studyOf(name, studies, study), base: {} };
  }
  const file = parseJson(new TextDecoder().decode(readFile(path, name)), name) as {
    readonly study?: unknown;
    readonly configuration?: unknown;
  } | null;
  if (typeof file?.study !== 'string') {
    throw new MesoscopeError({
      code: 'file',
      path: name,
      reason: 'it names no study',
      wayOut: 'A study file is JSON: { "study": "first-look", "configuration": { … } }.',
    });
  }
  return { study: study(file.study), base: file.configuration ?? {} };
}

/** By name; `verify` has a command of its own. */
function studyOf(name: string, studies: readonly Study[], find: Catalogue['study']): Study {
  if (name !== 'verify') return find(name);
  const known = studies.map((one) => one.name);
  throw new MesoscopeError({ code: 'unknown-name', kind: 'study', received: name, known });
}

function seedOf(configuration: unknown): number {
  const { seed } = configuration as { readonly seed?: unknown };
  return typeof seed === 'number' ? seed : 0;
}

async function resumedSitting(
  wanted: string,
  name: string | undefined,
  options: RunOptions,
  environment: Environment,
): Promise<Sitting> {
  const { directory } = environment;
  const folder = interruptedRun(resolve(directory, wanted), wanted);
  const record = readRecord(folder.partial);
  const catalogue = await environment.catalogue(record.modules);
  const study = catalogue.study(record.study);
  const configuration = parseConfiguration(
    study.schema,
    readConfiguration(options, directory, record.configuration, {}).configuration,
  );
  const execution = resumedExecution(options, record);
  refuseDifferences(
    record,
    { study: name ?? record.study, configuration, execution },
    relative(directory, folder.partial),
  );
  return {
    study,
    configuration,
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

function document(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** What a person reads at the end of a study. */
function summary(result: StudyResult, where: string): string {
  const headline = Object.entries(result.headline).map(([name, value]) => [
    name,
    typeof value === 'number' ? formatNumber(value) : value,
  ]);
  return [
    ...(result.status.kind === 'completed' ? [] : [`${result.status.message}\n`]),
    ...(headline.length > 0 ? [`${alignColumns(headline).join('\n')}\n`] : []),
    ...(result.claims.length > 0 ? [claimTable(result.claims)] : []),
    `Report: ${join(where, 'report.html')}\n`,
  ].join('\n');
}
