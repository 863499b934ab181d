import { texToHtml } from './tex.ts';
import { escapeXml } from './text.ts';

/** An index that stands behind one letter: `V_L`, `λ_min`, `p_{t}`; not the underscore inside a name such as run_json. */
const indexed =
  /(?<![\p{L}\d_])(sup|inf|max|min|\p{L}\p{M}*|[|‖)])_(?:\{([^{}]+)\}|([\p{L}\d∞*]+))/gu;

/** `L^-0.999`, `10^3`, `ρ^N`, `N^(-1/2)`. */
const raised = /([\p{L}\d)])\^(?:[({]([^(){}]+)[)}]|([-−]?[\d.]*\d|\p{L}(?![\p{L}\d])))/gu;

/** `5.1e-16`. */
const scientific = /([-−]?)\b(\d+(?:\.\d+)?)e([-+]?\d+)\b/g;

/** A hyphen that is a minus: before a digit, not inside a word or a range. */
const minus = /(?<![\p{L}\d\-–)])-(?=\d)/gu;

/**
 * A sentence with numbers, as HTML: TeX between dollar signs is set, powers are raised (`L^-0.999`), indices lowered
 * (`V_L`), and a number such as 5.1e-16 is written 5.1 × 10⁻¹⁶, as everywhere else in a report.
 */
export function proseHtml(text: string): string {
  return text
    .split(/(\$\$[^$]+\$\$|\$[^$]+\$)/)
    .map((part) => (/^\$.+\$$/s.test(part) ? texToHtml(part) : plainHtml(part)))
    .join('');
}

function plainHtml(text: string): string {
  const signed = (exponent: string) => exponent.replace('+', '').replaceAll('-', '−');
  return escapeXml(text)
    .replace(
      scientific,
      (_, sign: string, digits: string, exponent: string) =>
        `${signed(sign)}${digits} × 10<sup>${signed(String(Number(exponent)))}</sup>`,
    )
    .replace(
      raised,
      (_, base: string, inside?: string, number?: string) =>
        `${base}<sup>${signed(inside ?? number ?? '')}</sup>`,
    )
    .replace(
      indexed,
      (_, base: string, inside?: string, word?: string) => `${base}<sub>${inside ?? word}</sub>`,
    )
    .replace(minus, '−');
}

/** Indices and powers in the words of a drawing, lowered and raised. */
export function scriptsInSvg(svg: string): string {
  return svg.replace(
    /(<(?:text|tspan)\b[^>]*>)([^<]+)/g,
    (_, tag: string, words: string) => tag + scripted(words),
  );
}

function scripted(words: string): string {
  const moved = (base: string, script: string, dy: number) =>
    `${base}<tspan dy="${dy}" font-size="0.75em">${script.replaceAll('-', '−')}</tspan><tspan dy="${-dy}">\u200b</tspan>`;
  return words
    .replace(indexed, (_, base: string, inside?: string, word?: string) =>
      moved(base, inside ?? word ?? '', 3),
    )
    .replace(raised, (_, base: string, inside?: string, number?: string) =>
      moved(base, inside ?? number ?? '', -4),
    );
}
