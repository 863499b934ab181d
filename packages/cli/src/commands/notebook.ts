import { join, relative } from 'node:path';
import { writeAtomically } from '../bundle/atomic.ts';
import type { Environment } from '../environment.ts';
import { readFinishedRun } from '../figures/finished-run.ts';
import { notebookOf } from '../figures/notebook.ts';
import { exitCode } from './options.ts';

const notebookName = 'notebook.ipynb';

/** `mesoscope notebook <run>`: a Jupyter notebook in the run's folder that draws its figures again. */
export function notebookCommand(
  run: string,
  options: { readonly json?: boolean },
  { directory, stdout }: Environment,
): number {
  const { folder, record, figures } = readFinishedRun(run, directory);
  const path = join(folder, notebookName);
  writeAtomically(path, `${JSON.stringify(notebookOf(record, figures), null, 1)}\n`);
  const shown = relative(directory, path);
  stdout.write(options.json ? `${JSON.stringify({ file: shown }, null, 2)}\n` : `${shown}\n`);
  return exitCode.done;
}
