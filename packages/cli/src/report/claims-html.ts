import {
  type Check,
  type ClaimOutcome,
  type Condition,
  type Evidence,
  type Figure,
  type Finding,
  groupHeading,
  isPaper,
} from 'mesoscope/claims';
import {
  escapeXml,
  expectedHtml,
  formatDuration,
  measuredHtml,
  numberHtml,
  proseHtml,
  texToHtml,
} from 'mesoscope-view';

/** Draws a figure in place. */
export type Draw = (figure: Figure) => string;

/** A verdict as a word and a sign, not only as a colour. */
function verdictHtml(outcome: ClaimOutcome): string {
  const verdict = 'finding' in outcome ? outcome.finding.verdict : 'error';
  const sign = { holds: '✓', fails: '✗', outside: '◌', undecided: '?', error: '!' }[verdict];
  const word = verdict === 'error' ? 'stopped' : verdict;
  return `<span class="verdict ${verdict}">${sign}&nbsp;${word}</span>`;
}

/** The table of all claims of a run. */
export function claimTableHtml(outcomes: readonly ClaimOutcome[]): string {
  if (outcomes.length === 0) return '';
  const rows = outcomes.map((outcome) => {
    const { claim } = outcome;
    const [first] = 'finding' in outcome ? outcome.finding.checks : [];
    const cells = first === undefined ? ['–', '–'] : [measuredHtml(first), expectedHtml(first)];
    return `<tr><td>${escapeXml(claim.title)}<br><a class="id" href="#${anchor(claim.id)}">${claim.id}</a></td><td class="measured">${cells[0]}</td><td class="measured">${cells[1]}</td><td>${verdictHtml(outcome)}</td></tr>`;
  });
  return `<div class="scroll"><table>
<thead><tr><th>Claim</th><th>Measured, with its interval</th><th>Expected</th><th>Verdict</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

/** One claim at length: statement, assumptions, what was measured, figures. */
export function claimHtml(outcome: ClaimOutcome, draw: Draw): string {
  const { claim, seconds } = outcome;
  const group = escapeXml(groupHeading(claim.paper));
  const after = isPaper(claim.paper) ? `after ${group}` : group.toLowerCase();
  const heading = `<h3 id="${anchor(claim.id)}">${escapeXml(claim.title)}</h3>
<p class="meta">${claim.id} · ${after} · ${verdictHtml(outcome)}</p>
<div class="statement">${texToHtml(claim.statement)}</div>`;
  if ('error' in outcome) {
    return `${heading}<p>The experiment stopped: ${escapeXml(outcome.error.message)}</p>`;
  }
  const { finding } = outcome;
  return [
    heading,
    `<p>${proseHtml(finding.summary)}</p>`,
    checksHtml(finding.checks),
    factsHtml([
      ...conditionFacts('Hypothesis', finding.assumptions),
      ...conditionFacts('Resolution', finding.resolution),
      ['Time', formatDuration(seconds)],
    ]),
    ...finding.figures.map((figure) => figureHtml(figure, draw)),
    evidenceHtml(finding),
  ].join('\n');
}

/** Every check: what was compared, what would have made it fail, and what came out. */
function checksHtml(checks: readonly Check[]): string {
  if (checks.length === 0) return '';
  const rows = checks.map((check) => {
    const remark =
      check.reason === '' ? '' : `<br><span class="interval">${proseHtml(check.reason)}</span>`;
    return `<tr><td>${proseHtml(check.name)}<br><span class="interval">fails if ${proseHtml(check.failsIf)}</span></td><td class="measured">${measuredHtml(check)}</td><td class="measured">${expectedHtml(check)}</td><td><span class="verdict ${check.outcome}">${check.outcome}</span>${remark}</td></tr>`;
  });
  return `<div class="scroll"><table>
<thead><tr><th>Check</th><th>Measured</th><th>Expected</th><th>Outcome</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

function conditionFacts(kind: string, conditions: readonly Condition[]): [string, string][] {
  return conditions.map(({ name, holds, value }) => [
    holds ? `${kind}, met` : `${kind}, <strong>not met</strong>`,
    `${proseHtml(name)} <span class="interval">(${typeof value === 'number' ? numberHtml(value) : proseHtml(value)})</span>`,
  ]);
}

/** The longest list of numbers that is shown whole; longer ones are in run.json. */
const shownNumbers = 12;

/** Everything that was measured, folded away. */
function evidenceHtml({ evidence }: Finding): string {
  const rows = Object.entries(evidence).map(
    ([name, value]) =>
      `<tr><td class="id">${escapeXml(name)}</td><td class="measured">${valueHtml(value)}</td></tr>`,
  );
  if (rows.length === 0) return '';
  return `<details><summary>Evidence: ${rows.length} quantities</summary><div class="scroll"><table class="plain">
<tbody>${rows.join('\n')}</tbody></table></div></details>`;
}

function valueHtml(value: Evidence): string {
  if (typeof value === 'number') return numberHtml(value);
  if (typeof value === 'string') return escapeXml(value);
  if (!Array.isArray(value)) {
    return Object.entries(value as Readonly<Record<string, readonly number[]>>)
      .map(([column, list]) => `${escapeXml(column)}: ${listHtml(list)}`)
      .join('<br>');
  }
  const list = value as readonly (number | readonly number[])[];
  const rows = list.filter((entry) => typeof entry !== 'number');
  if (rows.length === 0) return listHtml(list as readonly number[]);
  const shown = rows.slice(0, shownNumbers).map(listHtml).join('<br>');
  return rows.length > shownNumbers ? `${shown}<br>… ${rows.length} rows in run.json` : shown;
}

function listHtml(list: readonly number[]): string {
  const shown = list
    .slice(0, shownNumbers)
    .map((entry) => numberHtml(entry))
    .join(', ');
  return list.length > shownNumbers ? `${shown}, … (${list.length} in run.json)` : shown;
}

/** Pairs of a term and its (HTML) value. */
export function factsHtml(facts: readonly (readonly [string, string])[]): string {
  const rows = facts.map(([term, value]) => `<dt>${term}</dt><dd>${value}</dd>`);
  return `<dl class="facts">${rows.join('\n')}</dl>`;
}

/** A figure with its title and caption set by the page. */
export function figureHtml(figure: Figure, draw: Draw): string {
  return `<figure><p class="figure-title">${proseHtml(figure.title)}</p>
${draw(figure)}
<figcaption>${proseHtml(figure.caption)}</figcaption></figure>`;
}

function anchor(id: string): string {
  return `claim-${id.replace(/[^\w-]/g, '-')}`;
}
