import type { CellValues } from './grid.ts';
import { type CellEntry, type CellOutcome, numberOf } from './outcome.ts';

/** A cell that has ended. */
export interface EndedCell {
  readonly values: CellValues;
  readonly outcome: CellOutcome;
}

/** A column of a table: numbers, or words where some entry is none. */
export type SweepColumn =
  | { readonly name: string; readonly kind: 'numbers'; readonly values: readonly number[] }
  | { readonly name: string; readonly kind: 'words'; readonly values: readonly string[] };

/** Cells as a table: the axes' columns, then what the cells left, in the order in which names first occur. */
export function sweepTable(columns: readonly string[], cells: readonly EndedCell[]): SweepColumn[] {
  const axes = columns.map((name, i) =>
    column(
      name,
      cells.map(({ values }) => axisEntry(values[i])),
    ),
  );
  const names = new Set(cells.flatMap(({ outcome }) => Object.keys(outcome.columns)));
  const measured = [...names].map((name) => {
    // A cell may measure something that an axis sets as well.
    const shown = columns.includes(name) ? `${name} (measured)` : name;
    return column(
      shown,
      cells.map(({ outcome }) => outcome.columns[name] ?? null),
    );
  });
  const status = column(
    'status',
    cells.map(({ outcome }) => outcome.status),
  );
  return [...axes, ...measured, status];
}

function axisEntry(value: unknown): CellEntry {
  const isPlain =
    typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
  return isPlain ? value : JSON.stringify(value);
}

/** Numbers where all entries are; an absent one is NaN among numbers and empty among words. */
function column(name: string, entries: readonly CellEntry[]): SweepColumn {
  const numbers = entries.map((entry) => (entry === null ? Number.NaN : numberOf(entry)));
  return numbers.includes(undefined)
    ? { name, kind: 'words', values: entries.map((entry) => (entry === null ? '' : String(entry))) }
    : { name, kind: 'numbers', values: numbers as number[] };
}

/** A table as CSV (RFC 4180), numbers to the last bit. */
export function tableText(table: readonly SweepColumn[]): string {
  const rows = table[0]?.values.map((_, i) =>
    table
      .map(({ kind, values }) =>
        kind === 'numbers' ? String(values[i]) : quoted(values[i] as string),
      )
      .join(','),
  );
  return `${[table.map(({ name }) => quoted(name)).join(','), ...(rows ?? [])].join('\r\n')}\r\n`;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
