import type { Figure, Mark } from 'mesoscope/claims';
import { heatColour } from './heat-colour.ts';
import { isLogarithmic, regionColours, type Valued, valueExtent } from './marks/cells.ts';
import { formatNumber } from './number.ts';
import type { SeriesStyle } from './palette.ts';
import { escapeXml, textWidth } from './text.ts';
import type { Theme } from './theme.ts';

/** SVG of a figure's legend and the height it takes. */
export interface Legend {
  readonly svg: string;
  readonly height: number;
}

interface Entry {
  /** Drawn in a box of 22 × 14. */
  readonly swatch: string;
  readonly label: string;
}

const rowHeight = 20;
const fontSize = 12;

/** Series, regions and colour bars of a figure, in rows no wider than `width`. */
export function legend(
  figure: Figure,
  styles: ReadonlyMap<string, SeriesStyle>,
  theme: Theme,
): Legend {
  const width = theme.width - 24;
  const entries = [
    ...seriesEntries(figure, styles, theme),
    ...figure.marks.flatMap((mark) => regionEntries(mark, theme)),
  ];
  const parts: string[] = [];
  let x = 0;
  let row = 0;
  for (const { swatch, label } of entries) {
    const size = 28 + textWidth(label, fontSize) + 18;
    if (x > 0 && x + size > width) {
      x = 0;
      row++;
    }
    parts.push(
      `<g transform="translate(${x},${row * rowHeight})">${swatch}<text x="28" y="11">${escapeXml(label)}</text></g>`,
    );
    x += Math.round(size);
  }
  let height = entries.length > 0 ? (row + 1) * rowHeight : 0;
  for (const mark of figure.marks) {
    const bar = mark.kind === 'heatmap' || mark.kind === 'points' ? colourBar(mark) : undefined;
    if (bar === undefined) continue;
    parts.push(`<g transform="translate(0,${height})">${bar}</g>`);
    height += rowHeight;
  }
  return { svg: `<g font-size="${fontSize}">${parts.join('')}</g>`, height };
}

function seriesEntries(
  figure: Figure,
  styles: ReadonlyMap<string, SeriesStyle>,
  { lineWidth }: Theme,
): Entry[] {
  return [...styles].map(([series, { colour, symbol, dash }]) => {
    const dashed = dash === 'none' ? '' : ` stroke-dasharray="${dash}"`;
    const kinds = new Set(
      figure.marks
        .filter((mark) => 'series' in mark && mark.series === series)
        .map((mark) => mark.kind),
    );
    const shapes = [
      kinds.has('band')
        ? `<rect y="1" width="22" height="12" fill="${colour}" fill-opacity="0.18"/>`
        : '',
      kinds.has('bars')
        ? `<rect y="1" width="22" height="12" fill="${colour}" fill-opacity="0.65"/>`
        : '',
      kinds.has('line')
        ? `<path d="M0,7H22" stroke="${colour}" stroke-width="${lineWidth}"${dashed}/>`
        : '',
      kinds.has('dots') ? dot(symbol, colour) : '',
    ];
    return { swatch: shapes.join(''), label: series };
  });
}

/** The symbol of a series, drawn around (11, 7). */
function dot(symbol: SeriesStyle['symbol'], fill: string): string {
  const paths: Readonly<Record<SeriesStyle['symbol'], string>> = {
    circle: 'M7.5,7a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0Z',
    square: 'M8,4h6v6h-6Z',
    triangle: 'M11,2.5l4,7h-8Z',
    diamond: 'M11,2l3,5l-3,5l-3,-5Z',
    cross: 'M9.8,3h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8Z',
    star: 'M11,2l1.2,3.3h3.5l-2.8,2.1l1,3.4l-2.9,-2l-2.9,2l1,-3.4l-2.8,-2.1h3.5Z',
    wye: 'M9.7,11.5v-4l-3.2,-1.9l1.3,-2.2l3.2,1.9l3.2,-1.9l1.3,2.2l-3.2,1.9v4Z',
  };
  return `<path d="${paths[symbol]}" fill="${fill}"/>`;
}

function regionEntries(mark: Mark, theme: Theme): Entry[] {
  if (mark.kind !== 'regions') return [];
  return [...regionColours(mark, theme)].map(([label, colour]) => ({
    swatch: `<rect width="22" height="14" fill="${colour}"/>`,
    label,
  }));
}

function colourBar(mark: Valued): string | undefined {
  const extent = valueExtent(mark);
  if (extent === undefined) return undefined;
  const steps = 48;
  const step = 3;
  const [low, high] = extent.map((value) => formatNumber(value, 3).replace('-', '−'));
  const start = textWidth(low, fontSize) + 8;
  const boxes = Array.from(
    { length: steps },
    (_, i) =>
      `<rect x="${start + i * step}" width="${step}" height="14" fill="${heatColour(i / (steps - 1))}" shape-rendering="crispEdges"/>`,
  );
  const scale = isLogarithmic(mark) ? ', logarithmic' : '';
  return [
    `<text y="11">${low}</text>`,
    ...boxes,
    `<text x="${start + steps * step + 8}" y="11">${high}    ${escapeXml(mark.valueLabel)}${scale}</text>`,
  ].join('');
}
