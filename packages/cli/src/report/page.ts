import { referenceLine } from 'mesoscope/claims';
import type { Section, StudyResult } from 'mesoscope/study';
import { escapeXml, formatDuration, numberHtml, proseHtml } from 'mesoscope-view';
import type { RunRecord } from '../bundle/record.ts';
import { animationHtml } from './animation-html.ts';
import { citationText } from './citation.ts';
import { claimHtml, claimTableHtml, type Draw, factsHtml, figureHtml } from './claims-html.ts';
import { htmlPage, tableHtml } from './html-page.ts';

/** The report of a run: one HTML file that needs no network and no script. `draw` sets a figure in place. */
export function renderReport(record: RunRecord, result: StudyResult, draw: Draw): string {
  const parts = [
    headlineHtml(result.headline),
    result.claims.length > 0 ? `<h2>Claims</h2>${claimTableHtml(result.claims)}` : '',
    ...result.sections.map((section) => sectionHtml(section, draw)),
    result.claims.length > 0 ? '<h2>Evidence</h2>' : '',
    ...result.claims.map((outcome) => claimHtml(outcome, draw)),
    makingHtml(record),
    citationHtml(record),
  ];
  const text = numbered(parts.filter((part) => part !== '').join('\n\n'));
  const body = [headingHtml(record), contentsHtml(text), text].join('\n\n');
  return htmlPage({ title: record.title, version: record.versions.mesoscope, body });
}

/** Gives every heading of the second level a name to link to. */
function numbered(html: string): string {
  let count = 0;
  return html.replace(/<h2>/g, () => `<h2 id="part-${++count}">`);
}

/** A table of contents, where there is more than a screen to read. */
function contentsHtml(html: string): string {
  const headings = [...html.matchAll(/<h2 id="(part-\d+)">(.*?)<\/h2>/g)];
  if (headings.length < 4) return '';
  const items = headings.map(([, name, title]) => `<li><a href="#${name}">${title}</a></li>`);
  return `<nav aria-label="Contents"><ul>${items.join('')}</ul></nav>`;
}

function headingHtml(record: RunRecord): string {
  const { status } = record;
  const day = new Date(record.started).toISOString().slice(0, 10);
  const facts = [
    escapeXml(record.study),
    `seed ${record.seed}`,
    day,
    formatDuration(record.seconds),
    escapeXml(record.build),
    record.execution.precision === 'f64' ? 'double precision' : '<strong>single precision</strong>',
  ];
  const warning =
    status.kind === 'completed'
      ? ''
      : `<p class="status"><strong>${status.kind[0].toUpperCase()}${status.kind.slice(1)}.</strong> ${escapeXml(status.message)}</p>`;
  return `<header>
<p class="kicker">Mesoscope · report of a run</p>
<h1>${escapeXml(record.title)}</h1>
<p class="meta">${facts.join(' · ')}</p>
${warning}
</header>`;
}

function headlineHtml(headline: StudyResult['headline']): string {
  const entries = Object.entries(headline).map(
    ([name, value]) =>
      `<div><dt class="label">${proseHtml(name)}</dt><dd>${typeof value === 'number' ? numberHtml(value) : proseHtml(value)}</dd></div>`,
  );
  return entries.length === 0 ? '' : `<dl class="headline">${entries.join('\n')}</dl>`;
}

function sectionHtml(section: Section, draw: Draw): string {
  switch (section.kind) {
    case 'figure':
      return figureHtml(section.figure, draw);
    case 'animation':
      return animationHtml(section, draw);
    case 'text':
      return `<h2>${escapeXml(section.title)}</h2>\n<div class="prose">${proseHtml(section.body)}</div>`;
    case 'table':
      return `<h2>${escapeXml(section.title)}</h2>\n${tableHtml(section.columns, section.rows, cellHtml)}${noteHtml(section.note)}`;
  }
}

function noteHtml(note: string | undefined): string {
  return note === undefined ? '' : `\n<p class="remark">${proseHtml(note)}</p>`;
}

function cellHtml(cell: string | number): string {
  return typeof cell === 'number' ? numberHtml(cell) : proseHtml(cell);
}

function makingHtml(record: RunRecord): string {
  const { host, versions, execution } = record;
  const slowest = Object.entries(record.timings)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([id, seconds]) => `${escapeXml(id)} ${formatDuration(seconds)}`);
  const facts: [string, string][] = [
    ['Program', `mesoscope ${escapeXml(versions.mesoscope)}, Node ${escapeXml(versions.node)}`],
    [
      'Kernels',
      `${escapeXml(record.build)}, ${execution.precision}, ${execution.workers} worker${execution.workers === 1 ? '' : 's'} asked for`,
    ],
    [
      'Machine',
      `${escapeXml(host.cpu)}, ${host.cores} cores, ${host.memoryGiB} GiB, ${escapeXml(host.platform)}`,
    ],
    ['Started', escapeXml(record.started)],
    ['Finished', escapeXml(record.finished ?? '–')],
    ['Working time', formatDuration(record.seconds)],
    ...(slowest.length > 0 ? [['Longest claims', slowest.join(', ')] as [string, string]] : []),
    ...record.notes.map((note): [string, string] => ['Note', escapeXml(note)]),
  ];
  const again = ['verify', 'sweep'].includes(record.study)
    ? ''
    : 'Run it again with <code>mesoscope study run.json</code> in this folder.';
  return `<h2>How this was made</h2>
${factsHtml(facts)}
<p class="remark">The same configuration, seed and version give the same numbers, on any number of workers. ${again} All arrays are in <code>arrays.npz</code>, all metrics in <code>metrics.jsonl</code>.</p>
<pre>${escapeXml(configurationText(record.configuration))}</pre>`;
}

/** Pretty JSON with short lists of numbers on one line; what is longer than a page is cut and said to be cut. */
function configurationText(configuration: unknown): string {
  const pretty = JSON.stringify(configuration, null, 2) ?? '';
  const text = pretty.replace(/\[\s+([^[\]{}]*?)\s+\]/g, (list, inner: string) => {
    const line = `[${inner.replace(/\s*\n\s*/g, ' ')}]`;
    return line.length <= 88 ? line : list;
  });
  const limit = 6000;
  return text.length <= limit
    ? text
    : `${text.slice(0, limit)}\n… cut here; the whole configuration is in run.json`;
}

function citationHtml(record: RunRecord): string {
  const lines = record.references.map(
    (reference) => `<li>${escapeXml(referenceLine(reference))}</li>`,
  );
  const list = lines.length > 0 ? `<ul>${lines.join('\n')}</ul>` : '';
  return `<h2>Citation</h2>
${list}
<pre>${escapeXml(citationText(record.references))}</pre>`;
}
