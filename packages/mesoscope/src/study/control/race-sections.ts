import type { Figure } from '../../claims/figure.ts';
import type { TrainingRecord } from '../../control/training.ts';
import type { Interval } from '../../numeric/fit.ts';
import type { Section, StudyResult } from '../study.ts';
import { type Race, type RaceOutcome, raceRatio } from './race.ts';
import { nats, times, withInterval } from './wording.ts';

/** Cost to the same validation loss, over seeds. */
export function raceSections(races: readonly Race[], outcomes: readonly RaceOutcome[]): Section[] {
  if (outcomes.length === 0) return [];
  const depth = races[0].random[0].layers;
  const time = raceRatio(outcomes, 'seconds');
  const gradients = raceRatio(outcomes, 'layerGradients');
  return [
    {
      kind: 'table',
      title: `Depth refinement against a random start, L = ${depth}`,
      columns: [
        'seed',
        'validation loss reached by both',
        'lowest, random',
        'lowest, refined',
        'seconds, random',
        'seconds, refined',
        'layer gradients, random',
        'layer gradients, refined',
      ],
      rows: outcomes.map(({ seed, level, lowest, random, refined }) => [
        seed,
        nats(level),
        nats(lowest.random),
        nats(lowest.refined),
        random.seconds.toFixed(1),
        refined.seconds.toFixed(1),
        random.layerGradients,
        refined.layerGradients,
      ]),
      note: `Refinement: ${depthsOf(races[0].refined).join(' → ')} layers. Both take as many steps, on the same samples and with the same rates. They are compared at the lowest validation loss that both reach with ${depth} layers; the cost is that of all steps before, those at coarser depths included, without looking at the validation part. A layer gradient is the gradient of one layer on one sample.`,
    },
    {
      kind: 'table',
      title: 'What refinement saves',
      columns: ['cost', 'random start over refinement', 'verdict'],
      rows: [
        ['training time', withInterval(time.mean, time.interval, times), verdict(time.interval)],
        [
          'gradient evaluations',
          withInterval(gradients.mean, gradients.interval, times),
          verdict(gradients.interval),
        ],
      ],
      note: 'Geometric mean over seeds with its 95 % Student interval.',
    },
    { kind: 'figure', figure: raceFigure(races, depth) },
  ];
}

export function raceHeadline(outcomes: readonly RaceOutcome[]): StudyResult['headline'] {
  if (outcomes.length === 0) return {};
  const shown = (cost: 'seconds' | 'layerGradients') => {
    const { mean, interval } = raceRatio(outcomes, cost);
    return withInterval(mean, interval, times);
  };
  return {
    'time, random start over refinement': shown('seconds'),
    'gradients, random start over refinement': shown('layerGradients'),
  };
}

function verdict(interval: Interval | null): string {
  if (interval === null) return 'one seed says nothing';
  if (interval[0] > 1) return 'refinement is cheaper';
  return interval[1] < 1 ? 'the random start is cheaper' : 'undecided';
}

function depthsOf(records: readonly TrainingRecord[]): number[] {
  return [...new Set(records.map(({ layers }) => layers))];
}

function raceFigure(races: readonly Race[], depth: number): Figure {
  const line = (series: string, records: readonly TrainingRecord[]) => ({
    kind: 'line' as const,
    series,
    x: records.map(({ layerGradients }) => layerGradients),
    y: records.map(({ validationLoss }) => validationLoss),
  });
  return {
    id: 'race',
    title: `Two ways to train ${depth} layers`,
    caption:
      'Validation cross-entropy against gradient evaluations, one curve a seed. The refined networks have fewer layers until their last stretch.',
    x: { label: 'gradients of one layer on one sample', scale: 'log' },
    y: { label: 'validation cross-entropy (nats)', scale: 'log' },
    marks: races.flatMap(({ random, refined }) => [
      line(`random start, L = ${depth}`, random),
      line(
        'refinement, coarser depths',
        refined.filter((one, i) => one.layers < depth || refined[i - 1]?.layers < depth),
      ),
      line(
        `refinement, L = ${depth}`,
        refined.filter(({ layers }) => layers === depth),
      ),
    ]),
  };
}
