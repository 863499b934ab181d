import { basename, join, relative, resolve } from 'node:path';
import { parseHTML } from 'linkedom';
import { formatNumber, renderInlineFigure } from 'mesoscope-view';
import { writeAtomically } from '../bundle/atomic.ts';
import type { Environment } from '../environment.ts';
import { readFinishedRun } from '../figures/finished-run.ts';
import { type Comparison, compareRuns, type Pair } from '../report/comparison.ts';
import { comparisonHtml } from '../report/comparison-html.ts';
import { alignColumns } from '../terminal/table.ts';
import { exitCode } from './options.ts';

const { document } = parseHTML('<!doctype html><html><body></body></html>');
const canvas = document as unknown as Document;

/** `mesoscope compare <run> <run>`: settings, numbers and curves of two runs beside each other. */
export function compareCommand(
  one: string,
  other: string,
  options: { readonly json?: boolean; readonly out?: string },
  { directory, stdout }: Environment,
): number {
  const runs = [one, other].map((run) => readFinishedRun(run, directory));
  const [first, second] = runs.map(({ folder }) => basename(folder));
  const names: [string, string] =
    first === second ? [`${first} (1)`, `${second} (2)`] : [first, second];
  const comparison = compareRuns(runs[0], runs[1], names);
  const path = resolve(
    directory,
    options.out ?? join(runs[1].folder, `compared-with-${first}.html`),
  );
  writeAtomically(
    path,
    comparisonHtml(comparison, (figure) => renderInlineFigure(figure, canvas)),
  );
  const report = relative(directory, path);
  const { figures, ...numbers } = comparison;
  stdout.write(
    options.json
      ? `${JSON.stringify({ ...numbers, figures: figures.map(({ id }) => id), report }, null, 2)}\n`
      : comparisonText(comparison, report),
  );
  return exitCode.done;
}

/** What a person reads on the terminal: what differs, and the numbers. */
function comparisonText(
  { names, differences, headline, checks }: Comparison,
  report: string,
): string {
  const settings = differences.map(({ path, one, other }) => [path, shown(one), shown(other)]);
  const numbers = headline.map(row(shown));
  const measured = checks.map(row((check) => shown(check?.measured ?? null)));
  const rows = [['', ...names], ...settings, ...numbers, ...measured];
  return `${alignColumns(rows).join('\n')}\n\nReport: ${report}\n`;
}

function row<T>(show: (value: T | null) => string): (pair: Pair<T>) => string[] {
  return ({ name, one, other }) => [name, show(one), show(other)];
}

function shown(value: unknown): string {
  if (typeof value === 'number') return formatNumber(value);
  const text = value === undefined || value === null ? '–' : String(JSON.stringify(value));
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
