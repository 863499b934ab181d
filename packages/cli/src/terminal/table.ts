import type { ClaimOutcome, Expected, Finding } from 'mesoscope';
import { formatNumber } from './number.ts';

/** Columns of a line. */
const width = 100;

/** `≤ 1e-12`. */
export function formatExpected(expected: Expected): string {
  const sign = { value: '=', 'at-most': '≤', 'at-least': '≥' }[expected.kind];
  const tolerance =
    expected.kind === 'value' && expected.tolerance !== undefined && expected.tolerance > 0
      ? ` ± ${formatNumber(expected.tolerance, 2)}`
      : '';
  return `${sign} ${formatNumber(expected.value)}${tolerance}`;
}

/** `-1.003 [-1.02, -0.98]`. */
export function formatMeasured(finding: Finding): string {
  const { measured, interval } = finding;
  return interval === null
    ? formatNumber(measured)
    : `${formatNumber(measured)} [${interval.map((side) => formatNumber(side)).join(', ')}]`;
}

/** The claims of a run as a table of at most 100 columns, then a sentence for each that does not hold. */
export function claimTable(outcomes: readonly ClaimOutcome[]): string {
  if (outcomes.length === 0) return '';
  const rows = outcomes.map((outcome) =>
    'finding' in outcome
      ? [
          outcome.claim.id,
          formatMeasured(outcome.finding),
          formatExpected(outcome.finding.expected),
          outcome.finding.verdict,
        ]
      : [outcome.claim.id, '–', '–', 'error'],
  );
  const remarks = outcomes.flatMap((outcome) => {
    const text = remark(outcome);
    return text === undefined ? [] : [wrap(`${outcome.claim.id}: ${text}`, width, '  ')];
  });
  const table = headedTable([['claim', 'measured [95 %]', 'expected', 'verdict'], ...rows]);
  return `${[table, ...remarks].join('\n\n')}\n`;
}

/** Why a claim does not stand as *holds*. */
function remark(outcome: ClaimOutcome): string | undefined {
  if ('error' in outcome) return `stopped: ${outcome.error.message}`;
  const { finding } = outcome;
  if (finding.verdict === 'holds') return undefined;
  if (finding.verdict === 'fails') return finding.summary;
  const broken = finding.assumptions.filter((assumption) => !assumption.holds);
  const names = broken.map(({ name, value }) => `${name} (${formatValue(value)})`).join('; ');
  return `outside its assumptions: ${names}. ${finding.summary}`;
}

function formatValue(value: number | string): string {
  return typeof value === 'number' ? formatNumber(value) : value;
}

/** Rows as columns of equal width, a rule below the first. */
function headedTable(rows: readonly (readonly string[])[]): string {
  const [heading, ...lines] = alignColumns(rows);
  const rule = rows[0].map((_, column) => '─'.repeat(columnWidth(rows, column))).join('  ');
  return [heading, rule, ...lines].join('\n');
}

function columnWidth(rows: readonly (readonly string[])[], column: number): number {
  return Math.max(...rows.map((row) => [...row[column]].length));
}

/** Rows as lines whose columns have equal width. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(columnWidth(rows, column) - [...cell].length))
      .join('  ')
      .trimEnd(),
  );
}

/** Breaks a text at spaces so that no line is longer than `columns`; continuation lines begin with `indent`. */
export function wrap(text: string, columns: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line.trim() !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent + word;
    } else {
      line += line.trim() === '' ? word : ` ${word}`;
    }
  }
  return [...lines, line].join('\n');
}
