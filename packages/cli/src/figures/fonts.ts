import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { create, type Font } from 'fontkit';
import { MesoscopeError } from 'mesoscope';
import { readFile } from '../input/configuration-file.ts';

/** A typeface that can be embedded. */
export interface Typeface {
  readonly family: string;
  readonly bytes: Uint8Array;
  has(character: string): boolean;
}

/** Typefaces that come with the program; they hold Greek and the signs of mathematics. */
const shipped: Readonly<Record<string, string>> = {
  'DejaVu Sans': 'DejaVuSans.ttf',
  'DejaVu Serif': 'DejaVuSerif.ttf',
  'DejaVu Sans Condensed': 'DejaVuSansCondensed.ttf',
};

/** A typeface by the name of one that comes with the program, or a .ttf or .otf file. @throws MesoscopeError */
export function loadTypeface(name: string, directory: string): Typeface {
  const file = shipped[name];
  const path =
    file === undefined
      ? resolve(directory, name)
      : createRequire(import.meta.url).resolve(`dejavu-fonts-ttf/ttf/${file}`);
  if (!existsSync(path)) {
    const known = Object.keys(shipped);
    const kind = 'font (neither shipped nor a .ttf or .otf file)';
    throw new MesoscopeError({ code: 'unknown-name', kind, received: name, known });
  }
  const bytes = readFile(path, name);
  const font = readFont(bytes, name);
  return {
    family: font.familyName,
    bytes,
    has: (character) => font.hasGlyphForCodePoint(character.codePointAt(0) ?? 0),
  };
}

function readFont(bytes: Uint8Array, name: string): Font {
  try {
    const font = create(Buffer.from(bytes));
    if (font.type === 'TTF') return font;
  } catch {
    // Refused below.
  }
  throw new MesoscopeError({
    code: 'file',
    path: name,
    reason: 'it is no TrueType or OpenType font',
    wayOut: `Name a .ttf or .otf file, or one of ${Object.keys(shipped).join(', ')}.`,
  });
}

/** The typeface whose signs stand in for those that another one lacks. */
export function mathematicalTypeface(): Typeface {
  return loadTypeface('DejaVu Sans', '.');
}

/** Sets every sign of an SVG that `typeface` lacks in the family of `other`. */
export function withStandIns(svg: string, typeface: Typeface, other: Typeface): string {
  return svg.replace(/(<(?:text|tspan)\b[^>]*>)([^<]+)/g, (_, tag: string, text: string) => {
    const runs = text.match(/&\w+;|./gsu) ?? [];
    const set = runs.map((sign) =>
      sign.length > 1 || typeface.has(sign)
        ? sign
        : `<tspan font-family="${other.family}">${sign}</tspan>`,
    );
    return tag + set.join('');
  });
}
