/** Okabe and Ito's colours that can be told apart by every eye, those that read well on white first. */
export const palette = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#000000',
];

/** Shapes of dots, so that series differ without colour too. */
export const symbols = ['circle', 'square', 'triangle', 'diamond', 'cross', 'star', 'wye'] as const;

/** Dark text. */
export const ink = '#1a1a1a';

/** Expected rates and rules. */
export const referenceGrey = '#6b6b6b';

export const fontFamily = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";

/** The look of a series: the same name, the same colour and shape. */
export interface SeriesStyle {
  readonly colour: string;
  readonly symbol: (typeof symbols)[number];
  /** Lengths of dashes and gaps; `none`: drawn through. */
  readonly dash: string;
}

/** A colour mixed with white: `share` of the colour. */
export function tint(colour: string, share: number): string {
  const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return `#${channels
    .map((channel) => Math.round(255 - share * (255 - channel)))
    .map((channel) => channel.toString(16).padStart(2, '0'))
    .join('')}`;
}
