import { version } from 'mesoscope';
import { escapeXml, numberHtml } from 'mesoscope-view';
import { type Draw, figureHtml } from './claims-html.ts';
import type { CheckNumbers, Comparison, Pair } from './comparison.ts';
import { htmlPage, tableHtml } from './html-page.ts';

/** Two runs side by side, as one page. */
export function comparisonHtml(comparison: Comparison, draw: Draw): string {
  const { names, differences, headline, verdicts, checks, figures } = comparison;
  const title = names.join(' and ');
  const changed = differences.map(({ path, one, other }) => [path, text(one), text(other)]);
  const body = [
    `<header>\n<p class="kicker">Mesoscope · two runs</p>\n<h1>${escapeXml(title)}</h1>\n</header>`,
    '<h2>Settings</h2>',
    changed.length === 0
      ? '<p>Both ran with the same settings.</p>'
      : tableHtml(['differs', ...names], changed, escapeXmlCell),
    part('Numbers', ['quantity', ...names, 'difference'], headline.map(numberRow)),
    part(
      'Verdicts',
      ['claim', ...names],
      verdicts.map(({ name, one, other }) => [name, one ?? '–', other ?? '–']),
    ),
    part('Checks', ['check', ...names, 'difference'], checks.map(checkRow)),
    figures.length === 0 ? '' : '<h2>Figures</h2>',
    ...figures.map((figure) => figureHtml(figure, draw)),
  ].filter((one) => one !== '');
  return htmlPage({ title, version, body: body.join('\n\n') });
}

function part(title: string, columns: readonly string[], rows: readonly string[][]): string {
  // Cells are HTML already: numbers with raised exponents.
  return rows.length === 0 ? '' : `<h2>${title}</h2>\n${tableHtml(columns, rows, String)}`;
}

function escapeXmlCell(cell: string | number): string {
  return escapeXml(String(cell));
}

function text(value: unknown): string {
  const shown = value === undefined ? '–' : JSON.stringify(value);
  return shown.length > 120 ? `${shown.slice(0, 119)}…` : shown;
}

function numberRow({ name, one, other }: Pair<unknown>): string[] {
  return [escapeXml(name), valueHtml(one), valueHtml(other), differenceHtml(one, other)];
}

function checkRow({ name, one, other }: Pair<CheckNumbers>): string[] {
  return [
    escapeXml(name),
    measuredHtml(one),
    measuredHtml(other),
    differenceHtml(one?.measured ?? null, other?.measured ?? null),
  ];
}

function measuredHtml(check: CheckNumbers | null): string {
  if (check === null) return '–';
  const { measured, interval, outcome } = check;
  const range =
    interval === null
      ? ''
      : ` <span class="interval">[${interval.map((side) => numberHtml(side)).join(', ')}]</span>`;
  return `${valueHtml(measured)}${range}<br><span class="verdict ${outcome}">${outcome}</span>`;
}

function valueHtml(value: unknown): string {
  if (typeof value === 'number') return numberHtml(value);
  return value === null ? '–' : escapeXml(String(value));
}

function differenceHtml(one: unknown, other: unknown): string {
  return typeof one === 'number' && typeof other === 'number' ? numberHtml(other - one) : '';
}
