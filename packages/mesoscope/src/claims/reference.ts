/** A work to cite. */
export interface Reference {
  /** BibTeX key: `huan2026control`. */
  readonly key: string;
  readonly title: string;
  /** Family names, in order. */
  readonly authors: readonly string[];
  readonly year: number;
  /** arXiv id, where there is one. */
  readonly arxiv?: string;
}
