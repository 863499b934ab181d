import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import type { ClaimDocument, Reference } from 'mesoscope/claims';
import * as z from 'zod';
import type { Execution } from '../host/backend.ts';
import type { HostDescription } from '../host/describe.ts';
import { parseJson } from '../input/configuration-file.ts';
import { onDisk } from './atomic.ts';

/** What `run.json` holds. */
export interface RunRecord {
  /** Of this file; a reader refuses a number that it does not know. */
  readonly format: 2;
  /** Of this run, wherever its folder goes. */
  readonly id: string;
  readonly study: string;
  readonly title: string;
  readonly seed: number;
  readonly configuration: unknown;
  readonly execution: Execution;
  /** Modules of the user's own claims and studies, as addresses. */
  readonly modules: readonly string[];
  /** The backend as it named itself. */
  readonly build: string;
  readonly versions: { readonly mesoscope: string; readonly node: string };
  readonly host: HostDescription;
  readonly status: {
    readonly kind: 'running' | 'completed' | 'diverged' | 'interrupted';
    readonly message: string;
  };
  /** ISO 8601. */
  readonly started: string;
  readonly finished: string | null;
  /** Seconds of work, over all sittings. */
  readonly seconds: number;
  /** Seconds for each claim. */
  readonly timings: Readonly<Record<string, number>>;
  readonly headline: Readonly<Record<string, unknown>>;
  readonly claims: readonly ClaimDocument[];
  readonly references: readonly Reference[];
  /** Numbers that JSON does not have and what stands for them. */
  readonly notes: readonly string[];
}

export const recordName = 'run.json';

/** Reads the record of a run, finished or not. @throws MesoscopeError `file` */
export function readRecord(folder: string): RunRecord {
  const path = join(folder, recordName);
  if (!existsSync(path)) {
    throw new MesoscopeError({
      code: 'file',
      path: folder,
      reason: `there is no ${recordName} in it, so it holds no run`,
      wayOut: 'Name a folder that `mesoscope study` has written, such as runs/first-look-1.',
    });
  }
  const read = onDisk(path, 'Name another run.', () => readFileSync(path, 'utf8'));
  const checked = heading.safeParse(parseJson(read, path));
  if (!checked.success) {
    throw new MesoscopeError({
      code: 'file',
      path,
      reason: 'it is no record of a run that this version can read, or it is damaged',
      wayOut: 'Use the version of mesoscope that wrote it, or start the run anew.',
    });
  }
  return checked.data as unknown as RunRecord;
}

/** What a record must have to be continued or cited. */
const heading = z.looseObject({
  format: z.literal(2),
  id: z.string(),
  study: z.string(),
  title: z.string(),
  seed: z.number(),
  execution: z.object({ backend: z.string(), precision: z.string(), workers: z.number() }),
  modules: z.array(z.string()),
  versions: z.object({ mesoscope: z.string(), node: z.string() }),
  started: z.string(),
  seconds: z.number(),
  references: z.array(z.looseObject({ key: z.string() })),
  notes: z.array(z.string()),
});

/** Whose run a folder's record says it is; undefined if it cannot be told. */
export function studyOfRecord(folder: string): string | undefined {
  try {
    const { study } = JSON.parse(readFileSync(join(folder, recordName), 'utf8')) as {
      study?: unknown;
    };
    return typeof study === 'string' ? study : undefined;
  } catch {
    return undefined;
  }
}

/** The record as text. */
export function recordText(record: RunRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}
