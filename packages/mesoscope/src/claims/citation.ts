import { version } from '../version.ts';
import { type Paper, papers } from './papers.ts';
import type { Reference } from './reference.ts';

const paperKeys: Readonly<Record<Paper, string>> = {
  A: 'huan2026control',
  B: 'huan2026heads',
  C: 'alcalde2026gaussian',
  D: 'barboni2026training',
};

/** The reference of one of the four papers. */
export function paperReference(paper: Paper): Reference {
  const { title, authors, arxiv } = papers[paper];
  return {
    key: paperKeys[paper],
    title,
    authors: authors.split(/, | and /),
    year: 2000 + Number(arxiv.slice(0, 2)),
    arxiv,
  };
}

/** BibTeX of this software. */
export function softwareBibtex(): string {
  return [
    '@software{mesoscope,',
    '  title = {Mesoscope: the mathematics of deep transformers, run},',
    '  author = {{The Mesoscope authors}},',
    `  version = {${version}},`,
    '  license = {Apache-2.0}',
    '}',
  ].join('\n');
}

/** BibTeX of a reference. */
export function bibtex(reference: Reference): string {
  const fields = [
    `  title = {{${reference.title}}},`,
    `  author = {${reference.authors.map(protectParticle).join(' and ')}},`,
    `  year = {${reference.year}}${reference.arxiv === undefined ? '' : ','}`,
  ];
  if (reference.arxiv !== undefined) {
    fields.push(
      `  eprint = {${reference.arxiv}},`,
      '  archivePrefix = {arXiv},',
      `  url = {https://arxiv.org/abs/${reference.arxiv}}`,
    );
  }
  return [`@misc{${reference.key},`, ...fields, '}'].join('\n');
}

/** Keeps `de Hoop` one name. */
function protectParticle(name: string): string {
  return name.includes(' ') ? `{${name}}` : name;
}

/** One line for a page: `Huan and Yuan, "Title", arXiv 2606.23235 (2026)`. */
export function referenceLine(reference: Reference): string {
  const { authors } = reference;
  const names =
    authors.length < 2
      ? authors.join('')
      : `${authors.slice(0, -1).join(', ')} and ${authors[authors.length - 1]}`;
  const where = reference.arxiv === undefined ? '' : `, arXiv ${reference.arxiv}`;
  return `${names}, “${reference.title}”${where} (${reference.year})`;
}

/**
 * What a run must cite: the papers of its claims and fields, then whatever these cite besides, each once.
 */
export function referencesOf(
  used: readonly Paper[],
  claims: readonly { readonly paper: string; readonly references?: readonly Reference[] }[],
  besides: readonly Reference[] = [],
): Reference[] {
  const letters = new Set<string>([...used, ...claims.map((claim) => claim.paper)]);
  const known = (Object.keys(papers) as Paper[]).filter((letter) => letters.has(letter));
  const all = [
    ...known.map(paperReference),
    ...claims.flatMap((claim) => claim.references ?? []),
    ...besides,
  ];
  return [...new Map(all.map((reference) => [reference.key, reference])).values()];
}
