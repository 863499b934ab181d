import { bibtex, type Reference, softwareBibtex } from 'mesoscope/claims';

/** BibTeX of the program and of the works that a run used: the content of CITATION.bib. */
export function citationText(references: readonly Reference[]): string {
  return `${[softwareBibtex(), ...references.map(bibtex)].join('\n\n')}\n`;
}
