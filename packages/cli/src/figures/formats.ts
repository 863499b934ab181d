import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import { parseHTML } from 'linkedom';
import type { Figure } from 'mesoscope/claims';
import { type PaperSize, type Provenance, renderPaperFigure, tikzFigure } from 'mesoscope-view';
import PdfDocument from 'pdfkit';
import toPdf from 'svg-to-pdfkit';
import { mathematicalTypeface, type Typeface, withStandIns } from './fonts.ts';

export const figureFormats = ['pdf', 'svg', 'tikz', 'png'] as const;
export type FigureFormat = (typeof figureFormats)[number];

/** Ending of the file of each format. */
export const endings: Readonly<Record<FigureFormat, string>> = {
  pdf: 'pdf',
  svg: 'svg',
  tikz: 'tex',
  png: 'png',
};

/** Dots an inch of a PNG. */
const resolution = 600;

/** How figures are set. */
export interface Setting extends Pick<PaperSize, 'width' | 'fontSize'> {
  readonly typeface: Typeface;
}

const { document } = parseHTML('<!doctype html><html><body></body></html>');
const canvas = document as unknown as Document;

/** A figure as a file of a format. */
export async function drawFigure(
  figure: Figure,
  provenance: Provenance,
  format: FigureFormat,
  { typeface, width, fontSize }: Setting,
): Promise<Uint8Array | string> {
  const size = { width, fontSize, fontFamily: `'${typeface.family}', sans-serif` };
  if (format === 'tikz') return tikzFigure(figure, provenance, size);
  const svg = renderPaperFigure(figure, provenance, size, canvas);
  if (format === 'svg') return svg;
  const other = mathematicalTypeface();
  const set = withStandIns(svg, typeface, other);
  return format === 'pdf'
    ? pdfOf(set, figure, provenance, typeface, other)
    : pngOf(set, typeface, other);
}

/** Text stays text, in typefaces that are embedded. */
function pdfOf(
  svg: string,
  { title }: Figure,
  { study, seed, versions }: Provenance,
  typeface: Typeface,
  other: Typeface,
): Promise<Uint8Array> {
  const [width, height] = ['width', 'height'].map(
    (side) => (Number(new RegExp(`${side}="([\\d.]+)cm"`).exec(svg)?.[1]) * 72) / 2.54,
  );
  const pdf = new PdfDocument({
    size: [width, height],
    margin: 0,
    info: {
      Title: title,
      Creator: `mesoscope ${versions.mesoscope}`,
      Subject: `${study}, seed ${seed}`,
      // The same run gives the same file.
      CreationDate: new Date(0),
    },
  });
  const faces = new Map([other, typeface].map((face) => [face.family, face]));
  for (const { family, bytes } of faces.values()) pdf.registerFont(family, Buffer.from(bytes));
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    pdf.on('data', (part: Buffer) => parts.push(part));
    pdf.on('end', () => resolve(Buffer.concat(parts)));
    pdf.on('error', reject);
    toPdf(pdf, withoutHalos(svg), 0, 0, {
      width,
      height,
      fontCallback: (family) => (family === other.family ? other.family : typeface.family),
    });
    pdf.end();
  });
}

/** A PDF paints the outline of a text over it: words would vanish in their white halo. */
function withoutHalos(svg: string): string {
  return svg.replace(/<(?:g|text)\b[^>]*paint-order="stroke"[^>]*>/g, (tag) =>
    tag.replace(/ (?:stroke|stroke-width|paint-order)="[^"]*"/g, ''),
  );
}

let ready: Promise<void> | undefined;

async function pngOf(svg: string, typeface: Typeface, other: Typeface): Promise<Uint8Array> {
  const wasm = createRequire(import.meta.url).resolve('@resvg/resvg-wasm/index_bg.wasm');
  ready ??= initWasm(readFileSync(wasm));
  await ready;
  const centimetres = Number(/width="([\d.]+)cm"/.exec(svg)?.[1]);
  const drawing = new Resvg(svg, {
    background: 'white',
    fitTo: { mode: 'width', value: Math.round((centimetres / 2.54) * resolution) },
    font: {
      fontBuffers: [typeface.bytes, other.bytes],
      defaultFontFamily: typeface.family,
      sansSerifFamily: typeface.family,
    },
  });
  return drawing.render().asPng();
}
