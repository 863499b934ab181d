import katex from 'katex';
import { escapeXml } from './text.ts';

/**
 * A text that may hold TeX between dollar signs, as HTML, with MathML for screen readers; needs KaTeX's style and fonts, no
 * script.
 */
export function texToHtml(text: string): string {
  // A statement without any dollar sign is plain text.
  return text
    .split(/(\$\$[^$]+\$\$|\$[^$]+\$)/)
    .map((part) => {
      const display = part.startsWith('$$') && part.length > 4;
      if (!display && !(part.startsWith('$') && part.length > 2)) return escapeXml(part);
      const source = display ? part.slice(2, -2) : part.slice(1, -1);
      return katex.renderToString(source, {
        output: 'htmlAndMathml',
        throwOnError: false,
        displayMode: display,
      });
    })
    .join('');
}
