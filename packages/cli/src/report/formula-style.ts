import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const sheet = createRequire(import.meta.url).resolve('katex/dist/katex.min.css');

/** Classes in a page that ask for a font besides KaTeX_Main-Regular, by the file's name. */
const askedBy: Readonly<Record<string, RegExp>> = {
  'KaTeX_Main-Bold': /\bmathbf\b|\btextbf\b/,
  'KaTeX_Main-Italic': /\bmathit\b|\btextit\b/,
  'KaTeX_Math-Italic': /\bmathnormal\b/,
  'KaTeX_Math-BoldItalic': /\bboldsymbol\b/,
  'KaTeX_AMS-Regular': /\bamsrm\b|\bmathbb\b|\btextbb\b/,
  'KaTeX_Caligraphic-Regular': /\bmathcal\b/,
  'KaTeX_Fraktur-Regular': /\bmathfrak\b/,
  'KaTeX_SansSerif-Regular': /\bmathsf\b|\btextsf\b/,
  'KaTeX_Typewriter-Regular': /\bmathtt\b|\btexttt\b/,
  'KaTeX_Size1-Regular': /\bsmall-op\b|\bsize1\b/,
  'KaTeX_Size2-Regular': /\blarge-op\b|\bsize2\b/,
  'KaTeX_Size3-Regular': /\bsize3\b/,
  'KaTeX_Size4-Regular': /\bsize4\b|\bdelimsizing\b|\bdelim-size4\b/,
};

/** The style of the formulas in a page, with the fonts that they use inside it; empty where there are none. */
export function formulaStyle(page: string): string {
  if (!page.includes('class="katex"')) return '';
  const css = readFileSync(sheet, 'utf8');
  return css.replace(/@font-face\{[^}]*\}/g, (face) => {
    const [, name] = /fonts\/(KaTeX_[\w-]+)\.woff2/.exec(face) ?? [];
    if (name === undefined) return '';
    const asked = name === 'KaTeX_Main-Regular' || askedBy[name]?.test(page) === true;
    if (!asked) return '';
    const font = readFileSync(join(dirname(sheet), 'fonts', `${name}.woff2`)).toString('base64');
    const source = `src:url(data:font/woff2;base64,${font}) format("woff2")`;
    return face.replace(/src:[^;}]*(?:,[^;}]*)*/, source);
  });
}
