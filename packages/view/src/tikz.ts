import type { Axis, Figure, Mark } from 'mesoscope/claims';
import { axisExtent, drawable, type Extent, farBounds } from './axis.ts';
import { farBoundWords } from './far-bounds.ts';
import type { Provenance } from './figure.ts';
import { heatColour } from './heat-colour.ts';
import {
  cellRuns,
  isLogarithmic,
  regionColours,
  type Valued,
  valueColours,
  valueExtent,
} from './marks/cells.ts';
import type { SeriesStyle } from './palette.ts';
import { seriesLooks } from './series-colours.ts';
import { unicodeToTex } from './tex-text.ts';
import { type PaperSize, paperTheme, type Theme } from './theme.ts';

/** What pgfplots calls the symbols of series. */
const marks: Readonly<Record<SeriesStyle['symbol'], string>> = {
  circle: '*',
  square: 'square*',
  triangle: 'triangle*',
  diamond: 'diamond*',
  cross: '+',
  star: 'star',
  wye: 'Mercedes star',
};

/**
 * A figure as a `tikzpicture` for `\input`, from its numbers: set in the fonts of the document that it stands in.
 * Needs `\usepackage{pgfplots}`, `\pgfplotsset{compat=1.18}` and `\usetikzlibrary{plotmarks}`.
 */
export function tikzFigure(figure: Figure, provenance: Provenance, size: PaperSize): string {
  const theme = paperTheme(size);
  const styles = seriesLooks(figure, theme);
  const extent = { x: axisExtent(figure, 'x'), y: axisExtent(figure, 'y') };
  const far = farBounds(figure);
  const shown = figure.marks.filter((mark) => !far.has(mark));
  const context: Context = { figure, theme, styles, extent, legend: new Set() };
  const { study, seed, versions } = provenance;
  return `${[
    `% ${figure.title.replace(/\s+/g, ' ')}`,
    `% mesoscope ${versions.mesoscope}, ${study}, seed ${seed}`,
    '% \\usepackage{pgfplots} \\pgfplotsset{compat=1.18} \\usetikzlibrary{plotmarks}',
    '\\begin{tikzpicture}',
    '\\begin{axis}[',
    ...axisOptions(context, size).map((option) => `  ${option},`),
    ']',
    ...shown.flatMap((mark) => plotOf(mark, context)),
    ...farBoundWords(far, extent.y).map(
      (words) =>
        `\\node[anchor=north east, font=\\scriptsize] at (rel axis cs:0.99,0.99) {${unicodeToTex(words)}};`,
    ),
    '\\end{axis}',
    '\\end{tikzpicture}',
  ].join('\n')}\n`;
}

interface Context {
  readonly figure: Figure;
  readonly theme: Theme;
  readonly styles: ReadonlyMap<string, SeriesStyle>;
  readonly extent: { readonly x: Extent; readonly y: Extent };
  /** Series that the legend names already. */
  readonly legend: Set<string>;
}

function axisOptions({ figure, extent }: Context, { width, fontSize }: PaperSize): string[] {
  const values = figure.marks.find((mark) => mark.kind === 'heatmap' || mark.kind === 'points');
  return [
    `width=${width}cm`,
    `height=${(width * 0.72).toFixed(2)}cm`,
    ...scaleOptions('x', figure.x, extent.x),
    ...scaleOptions('y', figure.y, extent.y),
    ...(figure.equalAxes === true ? ['axis equal'] : []),
    `font=\\fontsize{${fontSize}}{${1.2 * fontSize}}\\selectfont`,
    'axis line style={line width=0.4pt}, tick style={line width=0.3pt}, tick align=outside, tick pos=left',
    'grid=major, grid style={line width=0.2pt, black!12}',
    'unbounded coords=jump, axis on top, clip mode=individual',
    'legend style={draw=none, fill=none, cells={anchor=west}, at={(0,1.03)}, anchor=south west}, legend columns=2',
    ...(values === undefined ? [] : colourOptions(values)),
  ];
}

function scaleOptions(name: 'x' | 'y', axis: Axis, [low, high]: Extent): string[] {
  const log = axis.scale === 'log';
  return [
    `${name}label={${unicodeToTex(axis.label)}}`,
    ...(log ? [`${name}mode=log`, `log basis ${name}=${axis.base ?? 10}`] : []),
    `${name}min=${number(low)}, ${name}max=${number(high)}`,
  ];
}

/** A colour bar for the values of a mark. */
function colourOptions(mark: Valued): string[] {
  const extent = valueExtent(mark);
  if (extent === undefined) return [];
  const [low, high] = extent.map((value) => (isLogarithmic(mark) ? Math.log10(value) : value));
  const shades = [0, 0.25, 0.5, 0.75, 1].map((share) => `rgb255=(${named(heatColour(share))})`);
  const words = `${isLogarithmic(mark) ? '$\\log_{10}$ ' : ''}${unicodeToTex(mark.valueLabel)}`;
  return [
    'colorbar, colorbar style={width=2mm, line width=0.3pt}',
    `every colorbar/.append style={ylabel={${words}}}`,
    `colormap={values}{${shades.join(' ')}}`,
    `point meta min=${number(low)}, point meta max=${number(high)}`,
  ];
}

/** `0,114,178` */
function named(colour: string): string {
  if (colour.startsWith('rgb')) return colour.replace(/[^\d,]/g, '');
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)).join(',');
}

/** A colour that needs no definition in the document. */
function colourOf(colour: string): string {
  return `{rgb,255:red,${named(colour)
    .replace(',', ';green,')
    .replace(/,(\d+)$/, ';blue,$1')}}`;
}

function plotOf(mark: Mark, context: Context): string[] {
  const { figure, theme } = context;
  switch (mark.kind) {
    case 'line':
      return withLegend(mark.series, context, [
        `\\addplot[${lineOptions(mark.series, context)}] coordinates {${pairs(mark.x, mark.y, figure)}};`,
      ]);
    case 'dots':
      return withLegend(mark.series, context, [dotsPlot(mark, context)]);
    case 'band':
      return [bandPlot(mark, context)];
    case 'bars':
      return withLegend(mark.series, context, barPlots(mark, context));
    case 'reference':
      return [referencePlot(mark, context)];
    case 'rule':
      return [rulePlot(mark, context)];
    case 'points':
      return [
        `\\addplot[forget plot, scatter, only marks, mark=*, mark size=1pt, scatter/use mapped color={fill=mapped color, draw=mapped color}, point meta=explicit] coordinates {${Array.from(mark.x, (x, i) => `${pair(x, mark.y[i], figure)} [${number(mark.values[i])}]`).join(' ')}};`,
      ];
    case 'heatmap': {
      const extent = valueExtent(mark);
      return extent === undefined ? [] : cellFills(mark, valueColours(mark, extent), figure);
    }
    case 'regions': {
      const colours = regionColours(mark, theme);
      return [
        ...cellFills(
          mark,
          mark.categories.map((name) => colours.get(name)),
          figure,
        ),
        ...[...colours].flatMap(([name, colour]) => [
          `\\addlegendimage{area legend, draw=none, fill=${colourOf(colour)}}`,
          `\\addlegendentry{${unicodeToTex(name)}}`,
        ]),
      ];
    }
  }
}

function withLegend(series: string, { legend }: Context, plots: string[]): string[] {
  if (plots.length === 0) return [];
  if (legend.has(series)) return plots.map((plot) => plot.replace('[', '[forget plot, '));
  legend.add(series);
  const [first, ...others] = plots;
  return [
    first,
    `\\addlegendentry{${unicodeToTex(series)}}`,
    ...others.map((plot) => plot.replace('[', '[forget plot, ')),
  ];
}

function lineOptions(series: string, { styles }: Context): string {
  const { colour, dash } = styles.get(series)!;
  const lengths =
    dash === 'none' ? [] : dash.split(' ').map((length) => `${Number(length) * 0.67}pt`);
  const pattern = lengths.map((length, i) => `${i % 2 === 0 ? 'on' : 'off'} ${length}`).join(' ');
  const dashed = pattern === '' ? '' : `, dash pattern=${pattern}`;
  return `no marks, line width=0.5pt, color=${colourOf(colour)}${dashed}`;
}

function dotsPlot(mark: Extract<Mark, { kind: 'dots' }>, { figure, styles }: Context): string {
  const { colour, symbol } = styles.get(mark.series)!;
  const style = `only marks, mark=${marks[symbol]}, mark size=1.4pt, color=${colourOf(colour)}`;
  const { low, high } = mark;
  if (low === undefined || high === undefined) {
    return `\\addplot[${style}] coordinates {${pairs(mark.x, mark.y, figure)}};`;
  }
  const points = Array.from(mark.x, (x, i) => {
    const y = mark.y[i];
    const [up, down] = [high[i] - y, y - low[i]].map((side) => (Number.isFinite(side) ? side : 0));
    return `${pair(x, y, figure)} += (0,${number(up)}) -= (0,${number(down)})`;
  });
  return `\\addplot[${style}, error bars/.cd, y dir=both, y explicit, error mark=none] coordinates {${points.join(' ')}};`;
}

function bandPlot(mark: Extract<Mark, { kind: 'band' }>, { figure, styles }: Context): string {
  const indices = Array.from(mark.x, (_, i) => i).filter((i) =>
    [mark.low[i], mark.high[i]].every((value) => drawable(value, figure.y)),
  );
  const along = indices.map((i) => pair(mark.x[i], mark.low[i], figure));
  const back = indices.toReversed().map((i) => pair(mark.x[i], mark.high[i], figure));
  return `\\addplot[forget plot, draw=none, fill=${colourOf(styles.get(mark.series)!.colour)}, fill opacity=0.15] coordinates {${[...along, ...back].join(' ')}} -- cycle;`;
}

function barPlots(
  mark: Extract<Mark, { kind: 'bars' }>,
  { figure, styles, extent }: Context,
): string[] {
  const floor = figure.y.scale === 'log' ? extent.y[0] : 0;
  const { colour } = styles.get(mark.series)!;
  return Array.from(mark.x0, (x0, i) => ({ x0, x1: mark.x1[i], y: mark.y[i] }))
    .filter(
      ({ x0, x1, y }) => drawable(x0, figure.x) && drawable(x1, figure.x) && drawable(y, figure.y),
    )
    .map(({ x0, x1, y }) => {
      const corners = [
        [x0, floor],
        [x0, y],
        [x1, y],
        [x1, floor],
      ].map(([a, b]) => `(${number(a)},${number(b)})`);
      return `\\addplot[area legend, line width=0.2pt, draw=white, fill=${colourOf(colour)}, fill opacity=0.6] coordinates {${corners.join(' ')}} -- cycle;`;
    });
}

const dashed = 'no marks, line width=0.5pt, black!55, dash pattern=on 3pt off 2pt';

function referencePlot(mark: Extract<Mark, { kind: 'reference' }>, { figure }: Context): string {
  const words = `node[pos=1, anchor=west, font=\\scriptsize, black!70] {${unicodeToTex(mark.label)}}`;
  return `\\addplot[forget plot, ${dashed}] coordinates {${pairs(mark.x, mark.y, figure)}} ${words};`;
}

function rulePlot(mark: Extract<Mark, { kind: 'rule' }>, { figure, extent }: Context): string {
  if (!drawable(mark.at, figure[mark.axis])) return `% ${mark.label}: not drawn`;
  const at = number(mark.at);
  const ends =
    mark.axis === 'x'
      ? extent.y.map((y) => `(${at},${number(y)})`)
      : extent.x.map((x) => `(${number(x)},${at})`);
  const anchor = mark.axis === 'x' ? 'north west' : 'south east';
  return `\\addplot[forget plot, ${dashed}] coordinates {${ends.join(' ')}} node[pos=1, anchor=${anchor}, font=\\scriptsize, black!70] {${unicodeToTex(mark.label)}};`;
}

function cellFills(
  mark: Extract<Mark, { kind: 'heatmap' | 'regions' }>,
  colours: readonly (string | undefined)[],
  figure: Figure,
): string[] {
  return cellRuns(mark, colours, figure).map(({ colour, x, y }) => {
    const [low, high] = [0, 1].map((end) => `(axis cs:${number(x[end])},${number(y[end])})`);
    return `\\fill[fill=${colourOf(colour)}] ${low} rectangle ${high};`;
  });
}

function pairs(x: ArrayLike<number>, y: ArrayLike<number>, figure: Figure): string {
  return Array.from(x, (value, i) => pair(value, y[i], figure)).join(' ');
}

function pair(x: number, y: number, figure: Figure): string {
  const [a, b] = [drawable(x, figure.x) ? x : Number.NaN, drawable(y, figure.y) ? y : Number.NaN];
  return `(${number(a)},${number(b)})`;
}

/** A number as TeX reads it: eight digits, `nan` for what cannot be drawn. */
function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(8))) : 'nan';
}
