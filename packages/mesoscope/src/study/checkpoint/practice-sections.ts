import { signs, signsInWords } from '../../checkpoint/practice-series.ts';
import { distanceFigure } from '../../claims/gaussian/practice-figures.ts';
import type { CloudSeries } from '../../gaussian/practice/cloud-series.ts';
import type { Section } from '../study.ts';

/** What Gaussian tokens, and prescribed attention on its queries, show of a model. */
export interface Practised {
  /** Of the first input; null where the inputs are Gaussian themselves. */
  readonly natural: CloudSeries | null;
  /** Of Gaussian tokens. */
  readonly clouds: CloudSeries;
  /** `tr Σ/d` for each of {@link signs}. */
  readonly traces: readonly (readonly number[])[];
  readonly tokens: number;
}

/** The experiments of arXiv 2606.07600 on a trained model, each beside what Gaussian samples show. */
export function practiceSections({ natural, clouds, traces, tokens }: Practised): Section[] {
  const curves = [
    { series: 'Gaussian tokens', measures: clouds.measures },
    ...(natural === null ? [] : [{ series: 'first input', measures: natural.measures }]),
  ];
  const distances = distanceFigure(
    'practice-distance',
    'Gaussian tokens on their way through the model',
    curves,
  );
  return [
    { kind: 'figure', figure: distances },
    {
      kind: 'figure',
      figure: {
        id: 'practice-prescribed',
        title: 'Prescribed attention on the queries of the model',
        caption: `tr Σ/d of ${tokens} standard normal tokens without normalisation and feed-forward parts. The closure expands the cloud where the signs of K and V agree, and bounds it where they differ.`,
        x: { label: 'depth l' },
        y: { label: 'tr Σ/d', scale: 'log' },
        marks: signs.map((pair, i) => ({
          kind: 'line',
          series: signsInWords(pair),
          x: traces[i].map((_, l) => l),
          y: traces[i],
        })),
      },
    },
  ];
}
