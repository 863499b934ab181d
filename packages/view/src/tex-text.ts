/** Signs of labels as TeX's mathematics. */
const signs: Readonly<Record<string, string>> = {
  '−': '-',
  '×': '\\times ',
  '·': '\\cdot ',
  '≤': '\\le ',
  '≥': '\\ge ',
  '≠': '\\ne ',
  '≈': '\\approx ',
  '∼': '\\sim ',
  '±': '\\pm ',
  '∞': '\\infty ',
  '‖': '\\|',
  '∫': '\\int ',
  '∇': '\\nabla ',
  '∂': '\\partial ',
  '√': '\\surd ',
  '′': "'",
  '→': '\\to ',
  '↦': '\\mapsto ',
  '↑': '\\uparrow ',
  '↓': '\\downarrow ',
  '∈': '\\in ',
  '∑': '\\sum ',
  '∏': '\\prod ',
  '∘': '\\circ ',
  '⋯': '\\cdots ',
  '⟨': '\\langle ',
  '⟩': '\\rangle ',
  '°': '^{\\circ}',
  ℓ: '\\ell ',
  ᵀ: '^{T}',
  '⋆': '^{\\star}',
};

const greekNames =
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau upsilon phi chi psi omega'.split(
    ' ',
  );

/** Accents that Unicode sets after their letter. */
const accents: Readonly<Record<string, string>> = {
  '\u0307': 'dot',
  '\u0308': 'ddot',
  '\u0304': 'bar',
  '\u0305': 'bar',
  '\u0302': 'hat',
  '\u0303': 'tilde',
};

/** What a plain character of TeX must be written as. */
const escaped: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  '%': '\\%',
  _: '\\_',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
  '–': '--',
  '—': '---',
  '…': '\\dots{}',
  '’': "'",
};

/** A stretch of a label: plain text, or mathematics. */
interface Stretch {
  readonly math: boolean;
  readonly text: string;
}

/** A label in Unicode (`sup ‖hₖ − h(tₖ)‖`) as text for TeX: signs, Greek, raised and lowered ones in mathematics. */
export function unicodeToTex(label: string): string {
  const stretches: Stretch[] = [];
  for (const [part] of label.normalize('NFC').matchAll(parts)) {
    append(stretches, stretchOf(part));
  }
  return stretches.map(({ math, text }) => (math ? `$${text.trimEnd()}$` : text)).join('');
}

/** Joins what belongs together: mathematics with mathematics, an index with its letter, an index with the next. */
function append(stretches: Stretch[], next: Stretch): void {
  const last = stretches.at(-1);
  const script = next.math && /^[_^]/.test(next.text);
  if (last === undefined) {
    stretches.push(next);
  } else if (last.math === next.math) {
    const open = script && new RegExp(`\\${next.text[0]}\\{[^{}]*\\}$`).test(last.text);
    const text = open ? last.text.slice(0, -1) + next.text.slice(2) : last.text + next.text;
    stretches.splice(-1, 1, { math: last.math, text });
  } else {
    const base = script ? (/(?:[A-Za-z)|]|\d+)$/.exec(last.text)?.[0] ?? '') : '';
    const rest = last.text.slice(0, last.text.length - base.length);
    const joined = { math: next.math, text: base + next.text };
    stretches.pop();
    if (rest === '') {
      append(stretches, joined);
    } else {
      stretches.push({ math: last.math, text: rest }, joined);
    }
  }
}

/** An index (`_k`, behind one letter), a power (`^-1`), or one character. */
const parts =
  /(?<=(?<![\p{L}\d_])(?:sup|inf|max|min|[\p{L}|‖)]))_(?:\{[^{}]+\}|[\p{L}\d∞*]+)|(?<=[\p{L}\d)])\^[-−]?[\d.]*\d|./gsu;

function stretchOf(character: string): Stretch {
  if (/^[_^]./.test(character)) {
    const inside = character.slice(1).replace(/[{}]/g, '').replaceAll('−', '-');
    const set = [...inside]
      .map((one) => signs[one] ?? greekOf(one) ?? one)
      .join('')
      .trimEnd();
    return { math: true, text: `${character[0]}{${set}}` };
  }
  const words = character < '\u0080' ? (escaped[character] ?? character) : escaped[character];
  if (words !== undefined) return { math: false, text: words };
  const formula =
    signs[character] ?? greekOf(character) ?? accentedOf(character) ?? scriptOf(character);
  return { math: formula !== undefined, text: formula ?? character };
}

function accentedOf(character: string): string | undefined {
  const [base, mark] = [...character.normalize('NFD')];
  return mark !== undefined && mark in accents ? `\\${accents[mark]}{${base}}` : undefined;
}

function scriptOf(character: string): string | undefined {
  const plain = character.normalize('NFKC');
  if (plain === character) return undefined;
  const inside = greekOf(plain) ?? plain.replaceAll('−', '-');
  return `${isLowered(character) ? '_' : '^'}{${inside.trimEnd()}}`;
}

function greekOf(character: string): string | undefined {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0x3b1 && code <= 0x3c9) return `\\${greekNames[code - 0x3b1]} `;
  if (code < 0x391 || code > 0x3a9) return undefined;
  const name = greekNames[code - 0x391];
  const latin = 'alpha beta epsilon zeta eta iota kappa mu nu omicron rho tau chi'.split(' ');
  if (!latin.includes(name)) return `\\${name[0].toUpperCase()}${name.slice(1)} `;
  return `\\mathrm{${character.normalize('NFKD') === 'Α' ? 'A' : name[0].toUpperCase()}}`;
}

/** Subscripts of Unicode stand in these places. */
function isLowered(character: string): boolean {
  return /[\u2080-\u209c\u1d62-\u1d6a\u2c7c]/.test(character);
}
