import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { MesoscopeError, parseConfiguration, type Study, studyByName } from 'mesoscope';
import { loadCheckpoint } from '../bundle/checkpoint.ts';
import { interruptedRun, reserveFolder } from '../bundle/folder.ts';
import { readRecord } from '../bundle/record.ts';
import type { Environment } from '../environment.ts';
import { parseJson, readFile } from '../input/configuration-file.ts';
import { conductStudy, type Sitting } from './conduct.ts';
import { refuseDifferences, resumedExecution } from './differences.ts';
import { type RunOptions, readConfiguration, readExecution } from './options.ts';

/** `mesoscope study <preset | file>` and `mesoscope study --resume <dir>`. */
export async function studyCommand(
  name: string | undefined,
  options: RunOptions & { readonly resume?: string },
  environment: Environment,
): Promise<number> {
  const sitting =
    options.resume === undefined
      ? newSitting(name, options, environment)
      : resumedSitting(options.resume, name, options, environment);
  return conductStudy(sitting, options.json ?? false, environment);
}

function newSitting(
  name: string | undefined,
  options: RunOptions,
  { directory, stderr, studies }: Environment,
): Sitting {
  if (name === undefined) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'study',
      received: undefined,
      expected: `the name of a study (${studies.map((study) => study.name).join(', ')}) or a file`,
    });
  }
  const { study, base } = findStudy(name, directory, studies);
  const read = readConfiguration(options, directory, base);
  for (const note of read.notes) stderr.write(`${note}\n`);
  const configuration = parseConfiguration(study.schema, read.configuration);
  const execution = readExecution(options);
  const seed = seedOf(configuration);
  const wanted = options.out ?? `runs/${study.name.replaceAll('/', '-')}-${seed}`;
  const folder = reserveFolder(resolve(directory, wanted), study.name);
  return { study, configuration, seed, execution, folder };
}

/** A study by name, or from a file `{ "study": name, "configuration": { … } }` such as the run.json of a run. */
function findStudy(
  name: string,
  directory: string,
  studies: readonly Study[],
): { readonly study: Study; readonly base: unknown } {
  const path = resolve(directory, name);
  if (studies.some((study) => study.name === name) || !existsSync(path)) {
    return { study: studyByName(name, studies), base: {} };
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
  return { study: studyByName(file.study, studies), base: file.configuration ?? {} };
}

function seedOf(configuration: unknown): number {
  const { seed } = configuration as { readonly seed?: unknown };
  return typeof seed === 'number' ? seed : 0;
}

function resumedSitting(
  wanted: string,
  name: string | undefined,
  options: RunOptions,
  { directory, studies }: Environment,
): Sitting {
  const folder = interruptedRun(resolve(directory, wanted), wanted);
  const record = readRecord(folder.partial);
  const study = studyByName(record.study, studies);
  const configuration = parseConfiguration(
    study.schema,
    readConfiguration(options, directory, record.configuration).configuration,
  );
  const execution = resumedExecution(options, record);
  refuseDifferences(
    record,
    { study: name ?? record.study, configuration, execution },
    relative(directory, folder.partial),
  );
  const saved = loadCheckpoint(folder.partial);
  const sitting = { study, configuration, seed: record.seed, execution, folder, record };
  return saved === undefined ? sitting : { ...sitting, saved };
}
