export { type Canvas, type Provenance, renderFigure, renderInlineFigure } from './figure.ts';
export { figureArrays } from './figure-data.ts';
export { formatDuration, formatNumber } from './number.ts';
export { expectedHtml, measuredHtml, numberHtml } from './number-html.ts';
export { texToHtml } from './tex.ts';
export { escapeXml, textWidth, wrap } from './text.ts';
