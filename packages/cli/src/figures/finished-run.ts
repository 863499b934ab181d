import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import type { Figure } from 'mesoscope/claims';
import { decodeNpz } from 'mesoscope/formats';
import { type FigureDocument, figureFromDocument } from 'mesoscope-view';
import * as z from 'zod';
import { type RunRecord, readRecord, recordName } from '../bundle/record.ts';
import { parseJson, readFile } from '../input/configuration-file.ts';

/** What a bundle holds of its figures, beside their numbers in {@link arraysName}. */
export const figuresName = 'figures.json';
export const arraysName = 'arrays.npz';

/** A run that is complete, read from its bundle. */
export interface FinishedRun {
  readonly folder: string;
  readonly record: RunRecord;
  readonly figures: readonly Figure[];
  readonly animations: readonly Animation[];
}

/** Figures that are shown one after the other. */
export interface Animation {
  /** Of its first frame, without the frame's number. */
  readonly id: string;
  readonly frames: readonly Figure[];
}

/** Reads a run from its folder or its run.json. @throws MesoscopeError `file` */
export function readFinishedRun(run: string, directory: string): FinishedRun {
  const named = resolve(directory, run);
  const folder = basename(named) === recordName ? dirname(named) : named;
  const record = readRecord(folder);
  const read = readFigures(folder, run);
  const titles = new Set(read.flatMap(({ animation }) => animation ?? []));
  const animations = [...titles].map((title) => {
    const frames = read.flatMap(({ figure, animation }) => (animation === title ? figure : []));
    return { id: frames[0].id.replace(/\.\d+$/, ''), frames };
  });
  return { folder, record, figures: read.map(({ figure }) => figure), animations };
}

function readFigures(folder: string, shown: string) {
  if (!existsSync(join(folder, figuresName))) {
    throw new MesoscopeError({
      code: 'file',
      path: shown,
      reason: `there is no ${figuresName} in it: the run is not complete, or an older version wrote it`,
      wayOut: 'Continue it with --resume, or run it again: mesoscope study run.json.',
    });
  }
  const path = join(folder, figuresName);
  const read = documents.safeParse(parseJson(new TextDecoder().decode(readFile(path)), path));
  if (!read.success) throw damaged(path, 'it is no list of figures');
  const place = join(folder, arraysName);
  const arrays = decodeNpz(readFile(place), place, { budget: Number.POSITIVE_INFINITY });
  return read.data.figures.map(({ animation, ...document }) => ({
    animation,
    figure: figureFromDocument(document as FigureDocument, (name) => {
      const found = arrays[name];
      if (found === undefined) throw damaged(place, `it has no array "${name}"`);
      return found.data;
    }),
  }));
}

function damaged(path: string, reason: string): MesoscopeError {
  const wayOut = 'Run it again: mesoscope study run.json.';
  return new MesoscopeError({ code: 'file', path, reason, wayOut });
}

const axis = z.object({
  label: z.string(),
  scale: z.enum(['linear', 'log']).optional(),
  base: z.number().optional(),
  domain: z.tuple([z.number(), z.number()]).optional(),
});

const kinds = ['line', 'dots', 'points', 'band', 'reference', 'rule', 'heatmap', 'regions', 'bars'];

const documents = z.object({
  figures: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      caption: z.string(),
      x: axis,
      y: axis,
      equalAxes: z.boolean().optional(),
      animation: z.string().optional(),
      marks: z.array(
        z.looseObject({ kind: z.enum(kinds), arrays: z.record(z.string(), z.string()) }),
      ),
    }),
  ),
});
