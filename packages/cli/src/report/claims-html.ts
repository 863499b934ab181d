import { type ClaimOutcome, type Figure, papers } from 'mesoscope';
import { formatDuration } from '../terminal/number.ts';
import { expectedHtml, measuredHtml, numberHtml } from './number-html.ts';
import { texToHtml } from './tex.ts';
import { escapeXml } from './text.ts';

/** Draws a figure in place. */
export type Draw = (figure: Figure) => string;

/** A verdict as a word and a sign, not only as a colour. */
function verdictHtml(outcome: ClaimOutcome): string {
  const verdict = 'finding' in outcome ? outcome.finding.verdict : 'error';
  const sign = { holds: '✓', fails: '✗', outside: '◌', error: '!' }[verdict];
  const word = { holds: 'holds', fails: 'fails', outside: 'outside', error: 'stopped' }[verdict];
  return `<span class="verdict ${verdict}">${sign}&nbsp;${word}</span>`;
}

/** The table of all claims of a run. */
export function claimTableHtml(outcomes: readonly ClaimOutcome[]): string {
  if (outcomes.length === 0) return '';
  const rows = outcomes.map((outcome) => {
    const { claim } = outcome;
    const cells =
      'finding' in outcome
        ? [measuredHtml(outcome.finding), expectedHtml(outcome.finding.expected)]
        : ['–', '–'];
    return `<tr><td>${escapeXml(claim.title)}<br><a class="id" href="#${anchor(claim.id)}">${claim.id}</a></td><td class="measured">${cells[0]}</td><td class="measured">${cells[1]}</td><td>${verdictHtml(outcome)}</td></tr>`;
  });
  return `<div class="scroll"><table>
<thead><tr><th>Claim</th><th>Measured, with 95 % interval</th><th>Expected</th><th>Verdict</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

/** One claim at length: statement, assumptions, what was measured, figures. */
export function claimHtml(outcome: ClaimOutcome, draw: Draw): string {
  const { claim, seconds } = outcome;
  const paper = papers[claim.paper];
  const heading = `<h3 id="${anchor(claim.id)}">${escapeXml(claim.title)}</h3>
<p class="meta">${claim.id} · after ${escapeXml(paper.authors)}, arXiv ${paper.arxiv} · ${verdictHtml(outcome)}</p>
<div class="statement">${texToHtml(claim.statement)}</div>`;
  if ('error' in outcome) {
    return `${heading}<p>The experiment stopped: ${escapeXml(outcome.error.message)}</p>`;
  }
  const { finding } = outcome;
  const facts: [string, string][] = [
    ['Quantity', escapeXml(claim.quantity)],
    ['Measured', measuredHtml(finding)],
    ['Expected', expectedHtml(finding.expected)],
    ...finding.assumptions.map(({ name, holds, value }): [string, string] => [
      holds ? 'Assumption, met' : 'Assumption, <strong>not met</strong>',
      `${escapeXml(name)} <span class="interval">(${typeof value === 'number' ? numberHtml(value) : escapeXml(value)})</span>`,
    ]),
    ['Time', formatDuration(seconds)],
  ];
  return [
    heading,
    `<p>${texToHtml(finding.summary)}</p>`,
    factsHtml(facts),
    ...finding.figures.map((figure) => figureHtml(figure, draw)),
  ].join('\n');
}

/** Pairs of a term and its (HTML) value. */
export function factsHtml(facts: readonly (readonly [string, string])[]): string {
  const rows = facts.map(([term, value]) => `<dt>${term}</dt><dd>${value}</dd>`);
  return `<dl class="facts">${rows.join('\n')}</dl>`;
}

/** A figure with its title and caption set by the page. */
export function figureHtml(figure: Figure, draw: Draw): string {
  return `<figure><p class="figure-title">${escapeXml(figure.title)}</p>
${draw(figure)}
<figcaption>${escapeXml(figure.caption)}</figcaption></figure>`;
}

function anchor(id: string): string {
  return `claim-${id.replace(/[^\w-]/g, '-')}`;
}
