import { createHash } from 'node:crypto';
import { escapeXml } from 'mesoscope-view';
import { formulaStyle } from './formula-style.ts';
import { style } from './style.ts';

/** A page that needs no network and no script. */
export function htmlPage(page: {
  readonly title: string;
  readonly version: string;
  readonly body: string;
}): string {
  const { title, version, body } = page;
  const styles = [style, formulaStyle(body)].filter((one) => one !== '');
  const inside = [...body.matchAll(/<style>([^<]*)<\/style>/g)].map(([, css]) => css);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy([...styles, ...inside])}">
<meta name="generator" content="mesoscope ${escapeXml(version)}">
<title>${escapeXml(title)} · Mesoscope</title>
${styles.map((one) => `<style>${one}</style>`).join('\n')}
</head>
<body>
${body}
</body>
</html>
`;
}

/** Nothing is loaded and nothing runs; the styles are those that stand in the page. */
function contentPolicy(styles: readonly string[]): string {
  const hashes = styles.map(
    (css) => `'sha256-${createHash('sha256').update(css).digest('base64')}'`,
  );
  return [
    "default-src 'none'",
    `style-src-elem ${hashes.join(' ')}`,
    "style-src-attr 'unsafe-inline'",
    'font-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** A table; a column of numbers only is aligned to the right. Cells are text or numbers, not HTML. */
export function tableHtml(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  cellHtml: (cell: string | number) => string,
): string {
  const numeric = columns.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  );
  const mark = (column: number) => (numeric[column] ? ' class="number"' : '');
  const head = columns.map((name, column) => `<th${mark(column)}>${escapeXml(name)}</th>`);
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => `<td${mark(column)}>${cellHtml(cell)}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<div class="scroll"><table class="plain"><thead><tr>${head.join('')}</tr></thead>
<tbody>${lines.join('\n')}</tbody></table></div>`;
}
