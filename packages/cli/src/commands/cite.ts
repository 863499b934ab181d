import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { referenceLine } from 'mesoscope/claims';
import { runFolder } from '../bundle/folder.ts';
import { readRecord, recordName } from '../bundle/record.ts';
import type { Environment } from '../environment.ts';
import { citationText } from '../report/citation.ts';
import { exitCode } from './options.ts';

/** `mesoscope cite <run>`, a folder or its run.json: BibTeX of the program and of exactly the works that a run used. */
export function citeCommand(
  run: string,
  options: { readonly json?: boolean },
  { directory, stdout }: Environment,
): number {
  const named = resolve(directory, run);
  const path = basename(named) === recordName ? dirname(named) : named;
  const { partial } = runFolder(path);
  const { references } = readRecord(!existsSync(path) && existsSync(partial) ? partial : path);
  const text = citationText(references);
  const document = {
    references: references.map((reference) => ({ ...reference, text: referenceLine(reference) })),
    bibtex: text,
  };
  stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : text);
  return exitCode.done;
}
