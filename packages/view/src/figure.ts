import * as Plot from '@observablehq/plot';
import type { Axis, Figure, Mark } from 'mesoscope/claims';
import {
  axisExtent,
  type Extent,
  equalExtents,
  farBounds,
  linearTickText,
  logTicks,
  logTickText,
} from './axis.ts';
import { legend } from './legend.ts';
import { heatmapMark, regionsMark } from './marks/cells.ts';
import type { MarkContext } from './marks/context.ts';
import { bandMark, barsMark, dotsMark, lineMark, pointsMark } from './marks/curves.ts';
import { referenceMark, roomForWords, ruleMark, wordShifts } from './marks/references.ts';
import { fontFamily, ink, seriesStyles } from './palette.ts';
import { escapeXml, wrap } from './text.ts';

/** Where a figure is drawn: a page's document, or one made by a library where there is no page. */
export type Canvas = Document;

/** Written into the file, so that a figure says where it comes from. */
export interface Provenance {
  readonly study: string;
  readonly seed: number;
  readonly configuration: unknown;
  readonly versions: { readonly mesoscope: string };
}

const width = 640;
const plotHeight = 360;
const margin = { left: 62, right: 22, top: 24, bottom: 46 };

/** A figure as a file of its own: title, legend, plot, caption, and its provenance as metadata. */
export function renderFigure(figure: Figure, provenance: Provenance, canvas: Canvas): string {
  const { study, seed, configuration, versions } = provenance;
  const metadata = { program: `mesoscope ${versions.mesoscope}`, study, seed, configuration };
  const title = wrap(figure.title, 72).split('\n');
  const caption = wrap(figure.caption, 112).split('\n');
  const body = drawBody(figure, canvas);
  const top = 16 + 20 * title.length;
  const height = top + body.height + 14 + 17 * caption.length;
  const content = [
    `<metadata>${escapeXml(JSON.stringify(metadata))}</metadata>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...title.map((line, i) => textLine(line, 22 + 20 * i, 'font-size="16" font-weight="600"')),
    `<g transform="translate(0,${top})">${body.svg}</g>`,
    ...caption.map((line, i) => textLine(line, top + body.height + 16 + 17 * i, 'font-size="12"')),
  ];
  return `${svgElement(figure, height, content.join('\n'))}\n`;
}

/** A figure for a page that sets title and caption itself. */
export function renderInlineFigure(figure: Figure, canvas: Canvas): string {
  const body = drawBody(figure, canvas);
  return svgElement(figure, body.height, body.svg);
}

function svgElement(figure: Figure, height: number, content: string): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="${fontFamily}" font-size="12" fill="${ink}" color="${ink}">`,
    `<title>${escapeXml(figure.title)}</title>`,
    `<desc>${escapeXml(figure.caption)}</desc>`,
    content,
    '</svg>',
  ].join('\n');
}

function textLine(text: string, y: number, attributes: string): string {
  return `<text x="12" y="${y}" ${attributes}>${escapeXml(text)}</text>`;
}

/** Legend and plot. */
function drawBody(
  figure: Figure,
  canvas: Canvas,
): { readonly svg: string; readonly height: number } {
  const names = figure.marks.flatMap((mark) => ('series' in mark ? [mark.series] : []));
  const styles = seriesStyles([...new Set(names)]);
  const key = legend(figure, styles, width - 24);
  const own = { x: axisExtent(figure, 'x'), y: axisExtent(figure, 'y') };
  const extent = figure.equalAxes
    ? equalExtents(own, {
        width: width - margin.left - margin.right,
        height: plotHeight - margin.top - margin.bottom,
      })
    : own;
  const far = [...farBounds(figure)];
  const references = figure.marks.filter((mark) => mark.kind === 'reference');
  const frame = { x: figure.x, y: figure.y, extent };
  const right = Math.max(margin.right, roomForWords(references, frame));
  const context: MarkContext = {
    ...frame,
    style: (series) => styles.get(series)!,
    wordShifts: wordShifts(references, frame, {
      width: width - margin.left - right,
      height: plotHeight - margin.top - margin.bottom,
    }),
  };
  const plot = Plot.plot({
    document: canvas,
    ...{ width, height: plotHeight, className: 'mesoscope-plot' },
    ...{ marginLeft: margin.left, marginRight: right },
    ...{ marginTop: margin.top, marginBottom: margin.bottom },
    style: { fontSize: '12px' },
    x: scaleOptions(figure.x, extent.x),
    y: scaleOptions(figure.y, extent.y),
    marks: [
      Plot.gridX({ ...ticksOf(figure.x, extent.x), stroke: '#000', strokeOpacity: 0.08 }),
      Plot.gridY({ ...ticksOf(figure.y, extent.y), stroke: '#000', strokeOpacity: 0.08 }),
      ...figure.marks.flatMap((mark) => drawMark(mark, context)),
      Plot.frame({ stroke: '#999', strokeWidth: 0.75 }),
      ...farBoundMarks(far, extent.y),
      Plot.axisX({ ...axisOptions(figure.x, extent.x), labelAnchor: 'center', labelOffset: 40 }),
      Plot.axisY({ ...axisOptions(figure.y, extent.y), label: null }),
    ],
  });
  plot.querySelector('style')?.remove();
  // Plot numbers its clip paths over the life of the process; in a page each figure needs its own names.
  const prefix = `${figure.id.replace(/[^\w-]/g, '-')}-clip-`;
  const clips = new Map<string, string>();
  const inner = plot.innerHTML.replace(/plot-clip-\d+/g, (name) => {
    if (!clips.has(name)) clips.set(name, `${prefix}${clips.size + 1}`);
    return clips.get(name)!;
  });
  const svg = [
    `<g transform="translate(12,0)">${key.svg}</g>`,
    `<text x="12" y="${key.height + 13}">${escapeXml(figure.y.label)}</text>`,
    `<g transform="translate(0,${key.height})" text-anchor="middle">${inner}</g>`,
  ];
  return { svg: svg.join('\n'), height: key.height + plotHeight };
}

/** An arrow at the top of the frame for bounds that lie far above it, with how far. */
function farBoundMarks(far: readonly Mark[], [, top]: Extent): Plot.Markish[] {
  const words = far.flatMap((mark) => {
    if (mark.kind !== 'line') return [];
    const least = Array.from(mark.y)
      .filter((value) => value > 0)
      .reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const decades = Math.floor(Math.log10(least / top));
    return [`↑ ${mark.series}: ${decades} or more decades above`];
  });
  if (words.length === 0) return [];
  return [
    Plot.text([words.join('\n')], {
      ...{ frameAnchor: 'top-right', textAnchor: 'end', dx: -6, dy: 6, fontSize: 12 },
      ...{ fill: ink, stroke: 'white', strokeWidth: 4 },
    }),
  ];
}

function scaleOptions(axis: Axis, domain: Extent): Plot.ScaleOptions {
  return axis.scale === 'log'
    ? { type: 'log', base: axis.base ?? 10, domain: [...domain], axis: null }
    : { type: 'linear', domain: [...domain], axis: null };
}

function ticksOf(axis: Axis, extent: Extent): { ticks: number[] } | { ticks: number } {
  return axis.scale === 'log' ? { ticks: logTicks(extent, axis.base ?? 10) } : { ticks: 7 };
}

function axisOptions(axis: Axis, extent: Extent) {
  const base = axis.base ?? 10;
  return {
    ...ticksOf(axis, extent),
    label: axis.label,
    labelArrow: 'none' as const,
    tickSize: 4,
    fontSize: 12,
    tickFormat:
      axis.scale === 'log' ? logTickText(logTicks(extent, base), base) : linearTickText(extent),
  };
}

function drawMark(mark: Mark, context: MarkContext): Plot.Markish[] {
  switch (mark.kind) {
    case 'line':
      return lineMark(mark, context);
    case 'dots':
      return dotsMark(mark, context);
    case 'points':
      return pointsMark(mark, context);
    case 'band':
      return bandMark(mark, context);
    case 'bars':
      return barsMark(mark, context);
    case 'reference':
      return referenceMark(mark, context);
    case 'rule':
      return ruleMark(mark, context);
    case 'heatmap':
      return heatmapMark(mark, context);
    case 'regions':
      return regionsMark(mark, context);
  }
}
