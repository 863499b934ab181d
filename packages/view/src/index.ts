export {
  type Canvas,
  type Provenance,
  renderFigure,
  renderInlineFigure,
  renderPaperFigure,
} from './figure.ts';
export {
  type FigureDocument,
  figureArrays,
  figureDocument,
  figureFromDocument,
} from './figure-data.ts';
export { formatDuration, formatNumber } from './number.ts';
export { expectedHtml, measuredHtml, numberHtml } from './number-html.ts';
export { proseHtml } from './prose.ts';
export { placesInReport } from './series-colours.ts';
export { texToHtml } from './tex.ts';
export { escapeXml, textWidth, wrap } from './text.ts';
export type { PaperSize } from './theme.ts';
export { tikzFigure } from './tikz.ts';
