import { MesoscopeError } from 'mesoscope';
import { openCheckpoint, openModel } from 'mesoscope/checkpoint';
import { parseConfiguration } from 'mesoscope/configuration';
import { checkSurgery, surgeryStudy } from 'mesoscope/study';
import type { Environment } from '../environment.ts';
import { checkpointFolder } from '../input/checkpoint-folder.ts';
import { type RunOptions, readConfiguration } from './options.ts';
import { studyCommand } from './study.ts';

type SurgeryOptions = RunOptions & {
  readonly text?: string;
  readonly ids?: string;
  readonly inputs?: string;
  readonly tokens?: string;
  readonly refine?: string;
  readonly segment?: string;
  readonly perLayer?: boolean;
  readonly coarsen?: string;
  readonly metric?: string;
};

/**
 * `mesoscope surgery <folder | file>`: operations on the depth of a trained model. What cannot be done is refused before the run
 * begins.
 */
export async function surgeryCommand(
  path: string | undefined,
  options: SurgeryOptions,
  environment: Environment,
): Promise<number> {
  if (path === undefined) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'checkpoint',
      received: undefined,
      expected: 'the folder or file of a trained model',
      wayOut: 'To get one: mesoscope probe --example.',
    });
  }
  const { directory } = environment;
  const { text, ids, inputs, tokens, refine, segment, perLayer, coarsen, metric } = options;
  const changes = {
    checkpoint: path,
    text,
    ids: ids && [numbers(ids, /[ ,]+/)],
    inputs: inputs && numberOf(inputs),
    tokens: tokens && numberOf(tokens),
    refine: refine && numbers(refine, ','),
    segment: segment && numbers(segment, ':'),
    perLayer,
    coarsen: coarsen?.split(','),
    metric,
  };
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const set = given.map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const asked = { ...options, set: [...set, ...(options.set ?? [])] };
  const { configuration } = readConfiguration(asked, directory, {}, {});
  const surgery = parseConfiguration(surgeryStudy.schema, configuration);
  const { folder, at } = checkpointFolder(surgery.checkpoint, directory);
  const checkpoint = await openCheckpoint(folder, at);
  checkSurgery(openModel(checkpoint), checkpoint, surgery);
  return studyCommand('surgery', asked, environment);
}

function numbers(list: string, separator: string | RegExp): (number | string)[] {
  return list.trim().split(separator).map(numberOf);
}

/** A number as it was typed; what is none stays text, for the schema to refuse. */
function numberOf(text: string): number | string {
  return text.trim() === '' || !Number.isFinite(Number(text)) ? text : Number(text);
}
