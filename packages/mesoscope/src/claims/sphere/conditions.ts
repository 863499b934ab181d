import type { Condition } from '../check.ts';
import type { Reference } from '../reference.ts';

const authors = ['Geshkovski', 'Letrouit', 'Polyanskiy', 'Rigollet'];

/** Works that state the dynamics on the sphere. */
export const sphereReferences: readonly Reference[] = [
  {
    key: 'geshkovski2023perspective',
    title: 'A mathematical perspective on Transformers',
    authors,
    year: 2023,
    arxiv: '2312.10794',
  },
];

/** Works that state the dynamics in rescaled coordinates. */
export const rescaledReferences: readonly Reference[] = [
  {
    key: 'geshkovski2023emergence',
    title: 'The emergence of clusters in self-attention dynamics',
    authors,
    year: 2023,
    arxiv: '2305.05465',
  },
];

/** Works on the metastable states of the dynamics on the sphere. */
export const metastableReferences: readonly Reference[] = [
  {
    key: 'geshkovski2024metastability',
    title: 'Dynamic metastability in the self-attention model',
    authors: ['Geshkovski', 'Koubbi', 'Polyanskiy', 'Rigollet'],
    year: 2024,
    arxiv: '2410.06833',
  },
];

/** The resolution that flows were integrated to their end. */
export function reached(flows: readonly { readonly completed: boolean }[]): Condition {
  const lost = flows.filter(({ completed }) => !completed).length;
  return {
    name: 'the flows are integrated to their end',
    holds: lost === 0,
    value: lost === 0 ? 'yes' : `${lost} of ${flows.length} stopped early`,
  };
}
