import type { Check, ClaimOutcome } from 'mesoscope/claims';
import { formatNumber, wrap } from 'mesoscope-view';

/** Columns of a line. */
const width = 100;

const signs = { value: '=', 'at-most': '≤', 'at-least': '≥', 'not-slower': '≤' } as const;

/** `≤ 1e-12`. */
export function formatExpected({ relation, expected }: Check): string {
  return `${signs[relation]} ${formatNumber(expected)}`;
}

/** `-1.003 [-1.02, -0.98]`, and a bias bound where one is known apart from the interval. */
export function formatMeasured({ measured, interval, bias }: Check): string {
  const range =
    interval === null ? '' : ` [${interval.map((side) => formatNumber(side)).join(', ')}]`;
  return `${formatNumber(measured)}${range}${bias > 0 ? ` bias ≤ ${formatNumber(bias, 2)}` : ''}`;
}

/** The claims of a run as a table of at most 100 columns, then a sentence for each that does not hold. */
export function claimTable(outcomes: readonly ClaimOutcome[]): string {
  if (outcomes.length === 0) return '';
  const rows = outcomes.map((outcome) => {
    if ('error' in outcome) return [outcome.claim.id, '–', '–', 'error'];
    const { checks, verdict } = outcome.finding;
    const [first] = checks;
    const numbers =
      first === undefined ? ['–', '–'] : [formatMeasured(first), formatExpected(first)];
    return [outcome.claim.id, ...numbers, verdict];
  });
  const remarks = outcomes.flatMap((outcome) => {
    const text = remark(outcome);
    return text === undefined ? [] : [wrap(`${outcome.claim.id}: ${text}`, width, '  ')];
  });
  const table = headedTable([['claim', 'measured [interval]', 'expected', 'verdict'], ...rows]);
  return `${[table, ...remarks].join('\n\n')}\n`;
}

/** `3 hold, 1 undecided`: how often each verdict was drawn. */
export function verdictCounts(outcomes: readonly ClaimOutcome[]): string {
  const words = {
    holds: 'hold',
    fails: 'fail',
    outside: 'outside',
    undecided: 'undecided',
  } as const;
  const parts = Object.entries(words).flatMap(([verdict, word]) => {
    const count = outcomes.filter(
      (outcome) => 'finding' in outcome && outcome.finding.verdict === verdict,
    ).length;
    return count > 0 ? [`${count} ${word}`] : [];
  });
  const stopped = outcomes.filter((outcome) => 'error' in outcome).length;
  return [...parts, ...(stopped > 0 ? [`${stopped} stopped`] : [])].join(', ');
}

/** Why a claim does not stand as *holds*. */
function remark(outcome: ClaimOutcome): string | undefined {
  if ('error' in outcome) return `stopped: ${outcome.error.message}`;
  return outcome.finding.verdict === 'holds' ? undefined : outcome.finding.summary;
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
