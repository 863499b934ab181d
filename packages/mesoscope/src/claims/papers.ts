export type Paper = 'A' | 'B' | 'C' | 'D';

/** The paper of a letter; undefined for a group of claims that is no paper's. */
export function paperOf(letter: string): (typeof papers)[Paper] | undefined {
  return isPaper(letter) ? papers[letter] : undefined;
}

/** Whether a letter is a paper's, and not that of a group of claims. */
export function isPaper(letter: string): letter is Paper {
  return Object.hasOwn(papers, letter);
}

/** What stands above the claims of a letter: the paper they are from, or what they are about. */
export function groupHeading(letter: string): string {
  const paper = paperOf(letter);
  if (paper !== undefined) return `${paper.authors}, arXiv ${paper.arxiv}`;
  return letter === 'P' ? 'Trained models' : 'Own claims';
}

/** The papers that the claims come from. */
export const papers: Readonly<
  Record<Paper, { readonly title: string; readonly authors: string; readonly arxiv: string }>
> = {
  A: {
    title:
      'A First-Order Mean Field Control Analysis of Transformer Layers under Cross-Entropy Training',
    authors: 'Huan and Yuan',
    arxiv: '2606.23235',
  },
  B: {
    title: 'A Mean-Field Analysis of Multi-Head Self-Attention under Cross-Entropy Training',
    authors: 'Huan and Yuan',
    arxiv: '2606.10469',
  },
  C: {
    title: 'Reachability and asymptotics of Gaussian Transformer dynamics',
    authors: 'Alcalde, Ji and Zuazua',
    arxiv: '2606.07600',
  },
  D: {
    title: 'Training Infinitely Deep and Wide Transformers',
    authors: 'Barboni, de Hoop, Furuya and Peyré',
    arxiv: '2605.17660',
  },
};
