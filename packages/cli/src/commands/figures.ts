import { mkdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { onDisk, writeAtomically } from '../bundle/atomic.ts';
import type { Environment } from '../environment.ts';
import { readFinishedRun } from '../figures/finished-run.ts';
import { loadTypeface } from '../figures/fonts.ts';
import {
  drawAnimation,
  drawFigure,
  endings,
  type FigureFormat,
  figureFormats,
} from '../figures/formats.ts';
import { exitCode, oneOf } from './options.ts';

export interface FigureOptions {
  readonly json?: boolean;
  readonly format?: string;
  readonly width?: string;
  readonly font?: string;
  readonly fontSize?: string;
  readonly out?: string;
}

/** `mesoscope figures <run>`: the figures of a run drawn again for a paper, from their numbers. */
export async function figuresCommand(
  run: string,
  options: FigureOptions,
  { directory, stdout }: Environment,
): Promise<number> {
  const formats = (options.format ?? 'pdf')
    .split(',')
    .map((name) => oneOf<FigureFormat | 'gif'>('format', name.trim(), [...figureFormats, 'gif']));
  const setting = {
    width: readLength('--width', options.width ?? '8.6cm', {
      cm: 1,
      mm: 0.1,
      in: 2.54,
      pt: 2.54 / 72,
    }),
    fontSize: readLength('--font-size', options.fontSize ?? '8pt', { pt: 1 }),
    typeface: loadTypeface(options.font ?? 'DejaVu Sans', directory),
  };
  const { folder, record, figures, animations } = readFinishedRun(run, directory);
  if (formats.includes('gif') && animations.length === 0) throw without(run);
  const place = resolve(directory, options.out ?? join(folder, 'paper'));
  onDisk(place, 'Choose another folder with --out.', () => mkdirSync(place, { recursive: true }));
  const written: string[] = [];
  const write = (name: string, content: Uint8Array | string) => {
    const path = join(place, name);
    writeAtomically(path, content);
    written.push(relative(directory, path));
  };
  for (const figure of figures) {
    for (const format of formats) {
      if (format === 'gif') continue;
      write(`${figure.id}.${endings[format]}`, await drawFigure(figure, record, format, setting));
    }
  }
  for (const { id, frames } of formats.includes('gif') ? animations : []) {
    write(`${id}.gif`, await drawAnimation(frames, record, setting));
  }
  stdout.write(
    options.json
      ? `${JSON.stringify({ files: written }, null, 2)}\n`
      : written.map((path) => `${path}\n`).join(''),
  );
  return exitCode.done;
}

function without(run: string): MesoscopeError {
  return new MesoscopeError({
    code: 'file',
    path: run,
    reason: 'nothing moves in it: it holds no animation',
    wayOut:
      'Runs of gaussian/steer, heads/teacher and heads/text do; or choose pdf, svg, tikz, png.',
  });
}

/** A length such as `8.6cm`, in the first unit. @throws MesoscopeError `invalid-value` */
function readLength(path: string, text: string, units: Readonly<Record<string, number>>): number {
  const [, number, unit] = /^([\d.]+)\s*([a-z]*)$/.exec(text) ?? [];
  const factor = units[unit === '' ? Object.keys(units)[0] : unit];
  const length = Number(number) * factor;
  if (!(length >= 1 && length <= 200)) {
    const [first] = Object.keys(units);
    throw new MesoscopeError({
      code: 'invalid-value',
      path,
      received: text,
      expected: `a length from 1 to 200 ${first}, in ${Object.keys(units).join(', ')}`,
    });
  }
  return length;
}
