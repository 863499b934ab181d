import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import type * as Gifenc from 'gifenc';
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

/** Dots an inch of a PNG, and of a GIF, which is for screens. */
const resolution = 600;
const screenResolution = 200;

/** Milliseconds that a frame of a GIF is shown; the last one stays for three times as long. */
const pace = 400;
const lastStays = 3;

/** How figures are set. */
export interface Setting extends Pick<PaperSize, 'width' | 'fontSize'> {
  readonly typeface: Typeface;
}

const require = createRequire(import.meta.url);
// Its module for bundlers exports other names than what Node loads.
const { applyPalette, GIFEncoder, quantize } = require('gifenc') as typeof Gifenc;

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
    : (await drawn(set, typeface, other, resolution)).asPng();
}

/** Frames as an animated GIF that begins anew after its end. Colours are those of the last frame, which has them all. */
export async function drawAnimation(
  frames: readonly Figure[],
  provenance: Provenance,
  { typeface, width, fontSize }: Setting,
): Promise<Uint8Array> {
  const size = { width, fontSize, fontFamily: `'${typeface.family}', sans-serif` };
  const other = mathematicalTypeface();
  const pictures = [];
  for (const frame of frames) {
    const svg = renderPaperFigure(frame, provenance, size, canvas);
    pictures.push(
      await drawn(withStandIns(svg, typeface, other), typeface, other, screenResolution),
    );
  }
  const wide = Math.max(...pictures.map((picture) => picture.width));
  const high = Math.max(...pictures.map((picture) => picture.height));
  const pixels = pictures.map((picture) => onWhite(picture, wide, high));
  const palette = quantize(pixels[pixels.length - 1], 256);
  const gif = GIFEncoder();
  pixels.forEach((picture, i) => {
    const delay = i === pixels.length - 1 ? pace * lastStays : pace;
    gif.writeFrame(applyPalette(picture, palette), wide, high, { palette, delay });
  });
  gif.finish();
  return gif.bytes();
}

/** The pixels of a picture in the upper left corner of a white one. */
function onWhite(
  { width, pixels }: { readonly width: number; readonly pixels: Uint8Array },
  wide: number,
  high: number,
): Uint8Array {
  const all = new Uint8Array(4 * wide * high).fill(255);
  for (let from = 0, to = 0; from < pixels.length; from += 4 * width, to += 4 * wide) {
    all.set(pixels.subarray(from, from + 4 * width), to);
  }
  return all;
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

/** An SVG as pixels. */
async function drawn(svg: string, typeface: Typeface, other: Typeface, dotsPerInch: number) {
  const wasm = require.resolve('@resvg/resvg-wasm/index_bg.wasm');
  ready ??= initWasm(readFileSync(wasm));
  await ready;
  const centimetres = Number(/width="([\d.]+)cm"/.exec(svg)?.[1]);
  return new Resvg(svg, {
    background: 'white',
    fitTo: { mode: 'width', value: Math.round((centimetres / 2.54) * dotsPerInch) },
    font: {
      fontBuffers: [typeface.bytes, other.bytes],
      defaultFontFamily: typeface.family,
      sansSerifFamily: typeface.family,
    },
  }).render();
}
