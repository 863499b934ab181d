import { MesoscopeError } from 'mesoscope';
import {
  type Checkpoint,
  type CheckpointPlace,
  describeModel,
  findCheckpoints,
  type ModelDescription,
  openCheckpoint,
} from 'mesoscope/checkpoint';
import { wrap } from 'mesoscope-view';
import type { Environment } from '../environment.ts';
import { checkpointFolder } from '../input/checkpoint-folder.ts';
import { alignColumns } from '../terminal/table.ts';
import { exitCode } from './options.ts';

/**
 * `mesoscope inspect <folder | file>`: what a checkpoint holds, by its description alone: no weight is read, nothing is run,
 * nothing fetched. A folder with several checkpoints gives their list.
 */
export async function inspectCommand(
  path: string,
  options: { readonly json?: boolean },
  { directory, stdout }: Environment,
): Promise<number> {
  const { folder, at } = checkpointFolder(path, directory);
  const places = findCheckpoints(folder, at);
  if (places.length > 1) {
    stdout.write(options.json ? asJson({ checkpoints: places }) : placesText(folder.name, places));
    return exitCode.done;
  }
  const inspection = inspect(await openCheckpoint(folder, at));
  stdout.write(options.json ? asJson(inspection) : inspectionText(inspection));
  return exitCode.done;
}

/** What is known of a checkpoint before any weight is read. */
interface Inspection {
  readonly source: string;
  readonly format: string;
  /** Null where it is none that can be run; `refusal` says why. */
  readonly architecture: ModelDescription | null;
  readonly refusal: string | null;
  /** Trained numbers. */
  readonly parameters: number;
  readonly licence: string | null;
  readonly tokenizer: string | null;
  readonly notes: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
  }[];
}

function inspect(checkpoint: Checkpoint): Inspection {
  const { source, format, config, notes, licence = null } = checkpoint;
  const tensors = [...checkpoint.tensors.values()].map(({ name, shape, dtype }) => ({
    name,
    shape,
    dtype,
  }));
  const parameters = tensors
    .filter(({ dtype }) => !wholeNumbers.test(dtype))
    .reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
  const tokenizer = checkpoint.tokenizer?.from ?? null;
  const common = { source, format, parameters, licence, tokenizer, notes, config, tensors };
  try {
    return { ...common, architecture: describeModel(checkpoint), refusal: null };
  } catch (cause) {
    if (!(cause instanceof MesoscopeError)) throw cause;
    return { ...common, architecture: null, refusal: cause.message };
  }
}

/** Types of masks and indices, which no training changes. */
const wholeNumbers = /^(u?int\d+|bool)$/;

function asJson(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Columns of a line. */
const width = 100;

function placesText(folder: string, places: readonly CheckpointPlace[]): string {
  const rows = places.map(({ at, format }) => [`  ${folder}/${at}`, format]);
  const heading = `${folder} holds ${places.length} checkpoints; name one of them:`;
  return `${[heading, ...alignColumns(rows)].join('\n')}\n`;
}

function inspectionText(inspection: Inspection): string {
  const { source, format, architecture, refusal, parameters, licence, tokenizer, notes, tensors } =
    inspection;
  const lines: [string, string][] = [
    ['format', format],
    ['architecture', architecture?.name ?? `none that can be run. ${refusal}`],
    ...Object.entries(architecture?.facts ?? {}).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]),
    ['parameters', `${parameters.toLocaleString('en')} in ${tensors.length} tensors`],
    ['licence', licence ?? 'not said in this folder'],
    ['tokeniser', tokenizer ?? 'none found'],
    ...notes.map((note): [string, string] => ['note', note]),
    ...(architecture?.testable ?? []).map((line): [string, string] => ['can be tested', line]),
  ];
  const label = 2 + Math.max(...lines.map(([name]) => name.length));
  const indent = ' '.repeat(label);
  const paragraphs = lines.map(([name, text], i) => {
    const lead = name === lines[i - 1]?.[0] ? indent : name.padEnd(label);
    return lead + wrap(text, width - label).replaceAll('\n', `\n${indent}`);
  });
  const unread = new Set(architecture?.unread);
  const rows = tensors.map(({ name, shape, dtype }) => [
    name,
    shape.length === 0 ? 'one number' : shape.join(' × '),
    dtype,
    unread.has(name) ? 'not used' : '',
  ]);
  const table = alignColumns([['tensor', 'shape', 'type', ''], ...rows]);
  return `${[source, ...paragraphs, '', ...table].join('\n')}\n`;
}
