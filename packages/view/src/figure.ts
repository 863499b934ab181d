import * as Plot from '@observablehq/plot';
import type { Axis, Figure, Mark } from 'mesoscope/claims';
import {
  axisExtent,
  type Extent,
  equalExtents,
  farBounds,
  isWhole,
  linearTickText,
  logTicks,
  logTickText,
  tickCount,
} from './axis.ts';
import { farBoundWords } from './far-bounds.ts';
import { legend } from './legend.ts';
import { heatmapMark, regionsMark } from './marks/cells.ts';
import type { MarkContext } from './marks/context.ts';
import { bandMark, barsMark, dotsMark, lineMark, pointsMark } from './marks/curves.ts';
import { referenceMark, roomForWords, ruleMark, wordShifts } from './marks/references.ts';
import { ink } from './palette.ts';
import { scriptsInSvg } from './prose.ts';
import { type SeriesPlaces, seriesLooks } from './series-colours.ts';
import { escapeXml, textWidth, wrap } from './text.ts';
import { centimetres, type PaperSize, pageTheme, paperTheme, type Theme } from './theme.ts';

/** Where a figure is drawn: a page's document, or one made by a library where there is no page. */
export type Canvas = Document;

/** Written into the file, so that a figure says where it comes from. */
export interface Provenance {
  readonly study: string;
  readonly seed: number;
  readonly configuration: unknown;
  readonly versions: { readonly mesoscope: string };
}

const margin = { right: 22, top: 24, bottom: 46 };

/** Room for the ticks of the vertical axis: more for powers of ten with a factor. */
function leftMargin(axis: Axis, extent: Extent): number {
  const long = axis.scale !== 'log' && linearTickText(extent)(extent[1]).includes('×');
  return long ? 82 : 62;
}

/** A figure as a file of its own: title, legend, plot, caption, and its provenance as metadata. */
export function renderFigure(figure: Figure, provenance: Provenance, canvas: Canvas): string {
  const { width } = pageTheme;
  const title = wrap(figure.title, 72).split('\n');
  const caption = wrap(figure.caption, 112).split('\n');
  const body = drawBody(figure, pageTheme, canvas);
  const top = 16 + 20 * title.length;
  const height = top + body.height + 14 + 17 * caption.length;
  const content = [
    metadata(provenance),
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...title.map((line, i) => textLine(line, 22 + 20 * i, 'font-size="16" font-weight="600"')),
    `<g transform="translate(0,${top})">${body.svg}</g>`,
    ...caption.map((line, i) => textLine(line, top + body.height + 16 + 17 * i, 'font-size="12"')),
  ];
  return `${svgElement(figure, { width, height, fontFamily: pageTheme.fontFamily }, content.join('\n'))}\n`;
}

/**
 * A figure for a paper: of the width asked for, in hairlines that are read in black and white too, without title and
 * caption, which a paper sets itself.
 */
export function renderPaperFigure(
  figure: Figure,
  provenance: Provenance,
  size: PaperSize,
  canvas: Canvas,
): string {
  const theme = paperTheme(size);
  const body = drawBody(figure, theme, canvas);
  const { fontFamily, width } = theme;
  const { height } = body;
  const unit = (length: number) => `${centimetres(length, size).toFixed(3)}cm`;
  const shown = { width: unit(width), height: unit(height) };
  const content = `${metadata(provenance)}\n${body.svg}`;
  return `${svgElement(figure, { width, height, fontFamily, shown }, content)}\n`;
}

function metadata({ study, seed, configuration, versions }: Provenance): string {
  const facts = { program: `mesoscope ${versions.mesoscope}`, study, seed, configuration };
  return `<metadata>${escapeXml(JSON.stringify(facts))}</metadata>`;
}

/** A figure for a page that sets title and caption itself; `places` of its series, where it stands among others. */
export function renderInlineFigure(figure: Figure, canvas: Canvas, places?: SeriesPlaces): string {
  const { svg, height } = drawBody(figure, pageTheme, canvas, places);
  const { width, fontFamily } = pageTheme;
  return svgElement(figure, { width, height, fontFamily }, svg);
}

interface Sheet {
  readonly width: number;
  readonly height: number;
  readonly fontFamily: string;
  /** Lengths with their unit; default: pixels. */
  readonly shown?: { readonly width: string; readonly height: string };
}

function svgElement(figure: Figure, sheet: Sheet, content: string): string {
  const { width, height, fontFamily, shown = sheet } = sheet;
  const drawing = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${shown.width}" height="${shown.height}" role="img" font-family="${fontFamily}" font-size="12" fill="${ink}" color="${ink}">`,
    `<title>${escapeXml(figure.title)}</title>`,
    `<desc>${escapeXml(figure.caption)}</desc>`,
    content,
    '</svg>',
  ].join('\n');
  return scriptsInSvg(drawing);
}

function textLine(text: string, y: number, attributes: string): string {
  return `<text x="12" y="${y}" ${attributes}>${escapeXml(text)}</text>`;
}

/** Legend and plot. */
function drawBody(
  figure: Figure,
  theme: Theme,
  canvas: Canvas,
  places?: SeriesPlaces,
): { readonly svg: string; readonly height: number } {
  const { width, plotHeight } = theme;
  const styles = seriesLooks(figure, theme, places);
  const key = legend(figure, styles, theme);
  const own = { x: axisExtent(figure, 'x'), y: axisExtent(figure, 'y') };
  const left = leftMargin(figure.y, own.y);
  const extent = figure.equalAxes
    ? equalExtents(own, {
        width: width - left - margin.right,
        height: plotHeight - margin.top - margin.bottom,
      })
    : own;
  const far = farBounds(figure);
  const references = figure.marks.filter((mark) => mark.kind === 'reference');
  const frame = { x: figure.x, y: figure.y, extent };
  const right = Math.max(margin.right, roomForWords(references, frame));
  const size = { width: width - left - right, height: plotHeight - margin.top - margin.bottom };
  const context: MarkContext = {
    ...frame,
    theme,
    size,
    marks: figure.marks,
    style: (series) => styles.get(series)!,
    wordShifts: wordShifts(references, frame, size),
  };
  const xTicks = ticksOf(figure, 'x', extent.x, Math.round((width - left - right) / 78));
  const yTicks = ticksOf(figure, 'y', extent.y, 7);
  const plot = Plot.plot({
    document: canvas,
    width,
    height: plotHeight,
    className: 'mesoscope-plot',
    marginLeft: left,
    marginRight: right,
    marginTop: margin.top,
    marginBottom: margin.bottom,
    style: { fontSize: '12px' },
    x: scaleOptions(figure.x, extent.x),
    y: scaleOptions(figure.y, extent.y),
    marks: [
      Plot.gridX({ ticks: xTicks, stroke: '#000', strokeOpacity: 0.08 }),
      Plot.gridY({ ticks: yTicks, stroke: '#000', strokeOpacity: 0.08 }),
      ...figure.marks.flatMap((mark) => drawMark(mark, context)),
      Plot.frame({ stroke: '#999', strokeWidth: 0.75 }),
      ...farBoundMarks(far, extent.y),
      Plot.axisX({
        ...axisOptions(figure.x, extent.x, xTicks),
        labelAnchor: 'center',
        labelOffset: 40,
      }),
      Plot.axisY({ ...axisOptions(figure.y, extent.y, yTicks), label: null }),
    ],
  });
  const columns = Math.floor((width - 24) / (textWidth('n', 12) + 0.5));
  const yLabel = wrap(figure.y.label, columns).split('\n');
  const top = key.height + 15 * (yLabel.length - 1);
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
    ...yLabel.map(
      (line, i) => `<text x="12" y="${key.height + 13 + 15 * i}">${escapeXml(line)}</text>`,
    ),
    `<g transform="translate(0,${top})" text-anchor="middle">${inner}</g>`,
  ];
  return { svg: svg.join('\n'), height: top + plotHeight };
}

/** An arrow at the top of the frame for bounds that lie far above it, with how far. */
function farBoundMarks(far: Iterable<Mark>, extent: Extent): Plot.Markish[] {
  const words = farBoundWords(far, extent);
  if (words.length === 0) return [];
  return [
    Plot.text([words.join('\n')], {
      frameAnchor: 'top-right',
      textAnchor: 'end',
      dx: -6,
      dy: 6,
      fontSize: 12,
      fill: ink,
      stroke: 'white',
      strokeWidth: 4,
    }),
  ];
}

function scaleOptions(axis: Axis, domain: Extent): Plot.ScaleOptions {
  return axis.scale === 'log'
    ? { type: 'log', base: axis.base ?? 10, domain: [...domain], axis: null }
    : { type: 'linear', domain: [...domain], axis: null };
}

/** Places of the ticks, or about how many there are. */
function ticksOf(
  figure: Figure,
  direction: 'x' | 'y',
  extent: Extent,
  most: number,
): number[] | number {
  const { scale, base = 10 } = figure[direction];
  return scale === 'log'
    ? logTicks(extent, base)
    : tickCount(extent, most, isWhole(figure, direction));
}

function axisOptions(axis: Axis, extent: Extent, ticks: number[] | number) {
  return {
    ticks,
    label: axis.label,
    labelArrow: 'none' as const,
    tickSize: 4,
    fontSize: 12,
    // As text: a format of Plot leaves out the words of some ticks on a logarithmic axis.
    text: typeof ticks === 'number' ? linearTickText(extent) : logTickText(ticks, axis.base ?? 10),
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
