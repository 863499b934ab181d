import { heatColour } from './heat-colour.ts';
import { fontFamily, palette, type SeriesStyle, symbols, tint } from './palette.ts';

/**
 * The look of a figure. Lengths are in units of which twelve are the size of the type, so that a figure keeps its
 * proportions at any size.
 */
export interface Theme {
  readonly width: number;
  readonly plotHeight: number;
  readonly fontFamily: string;
  readonly lineWidth: number;
  readonly dotRadius: number;
  /** Colour, symbol and dashes of the series that appears as the `index`-th. */
  series(index: number): SeriesStyle;
  /** Colour of the `index`-th of `count` regions. */
  region(index: number, count: number): string;
}

/** A page's: colours that every eye tells apart. */
export const pageTheme: Theme = {
  width: 640,
  plotHeight: 360,
  fontFamily,
  lineWidth: 1.75,
  dotRadius: 3.5,
  series: (index) => ({
    colour: palette[index % palette.length],
    symbol: symbols[index % symbols.length],
    // Past its end the palette begins again.
    dash: index < palette.length ? 'none' : '5 2.5',
  }),
  region: (index) => tint(palette[index % palette.length], 0.55),
};

/** Size and type of a figure on paper. */
export interface PaperSize {
  /** Centimetres. */
  readonly width: number;
  /** Points. */
  readonly fontSize: number;
  readonly fontFamily: string;
}

/** Points in a centimetre. */
const pointsPerCentimetre = 72 / 2.54;

/** Lengths of dashes and gaps; the first series is drawn through. */
const dashes = ['none', '5 2.5', '1.5 2', '7 2 1.5 2', '3 1.5', '9 3', '5 2 1 2 1 2'];

/** Dark colours first, so that few series stay dark on paper. */
const paperColours = ['#000000', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];

/** Hairlines for print: series differ by dashes and symbols, regions by lightness, so colour is not needed to read them. */
export function paperTheme({ width, fontSize, fontFamily: family }: PaperSize): Theme {
  const units = (width * pointsPerCentimetre * 12) / fontSize;
  return {
    width: units,
    plotHeight: 46 + 24 + (units - 84) * 0.66,
    fontFamily: family,
    lineWidth: 1,
    dotRadius: 2.8,
    series: (index) => ({
      colour: paperColours[index % paperColours.length],
      symbol: symbols[index % symbols.length],
      dash: dashes[index % dashes.length],
    }),
    region: (index, count) => tint(heatColour((index + 0.5) / count), 0.6),
  };
}

/** Centimetres of a length in the units of a figure on paper. */
export function centimetres(units: number, { fontSize }: PaperSize): number {
  return (units * fontSize) / 12 / pointsPerCentimetre;
}
