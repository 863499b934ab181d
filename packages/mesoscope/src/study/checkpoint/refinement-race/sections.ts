import type { FlowRefinement } from '../../../checkpoint/depth/trained-flow.ts';
import type { Figure, Mark } from '../../../claims/figure.ts';
import type { TrainingRecord } from '../../../control/training.ts';
import { transformerLayer } from '../../../field/transformer-layer.ts';
import { type RaceOutcome, raceOutcome, raceRatio } from '../../control/race.ts';
import { nats, times, withInterval } from '../../control/wording.ts';
import type { Section, StudyResult } from '../../study.ts';
import { meanInWords } from '../surgery/operated.ts';
import type { RefinementRace } from './schema.ts';
import { layerOptions } from './subject.ts';

/** How the trainings of one seed went. */
export interface Finish {
  readonly seed: number;
  readonly shallow: readonly TrainingRecord[];
  readonly refined: readonly TrainingRecord[];
  readonly deep: readonly TrainingRecord[];
  readonly flows: { readonly refined: FlowRefinement; readonly deep: FlowRefinement } | undefined;
}

/** The refinement's records with what the shallow stack cost before them. */
function withShallow({ shallow, refined }: Finish): TrainingRecord[] {
  const before = shallow[shallow.length - 1];
  return refined.map((one) => ({
    ...one,
    seconds: one.seconds + before.seconds,
    layerGradients: one.layerGradients + before.layerGradients,
  }));
}

/** Both costs up to the lowest loss that both reach: with a shallow stack that is there, and with its training counted. */
function outcomes(all: readonly Finish[]) {
  const race = (refinedOf: (one: Finish) => readonly TrainingRecord[]): RaceOutcome[] =>
    all.map((one) => raceOutcome({ seed: one.seed, random: one.deep, refined: refinedOf(one) }));
  return { given: race(({ refined }) => refined), counted: race(withShallow) };
}

const accounts = [
  ['given', 'the shallow stack is there already'],
  ['counted', 'its training counts too'],
] as const;

export function raceReport(race: RefinementRace, all: readonly Finish[]): Section[] {
  if (all.length === 0) return [];
  const found = outcomes(all);
  const layers = race.stages[race.stages.length - 1].layers;
  const size = layers * transformerLayer(layerOptions(race)).parameters.length;
  return [
    {
      kind: 'table',
      title: 'What refining a trained stack saves',
      columns: ['', 'time, random start over refined', 'layer gradients'],
      rows: accounts.map(([account, words]) => [
        words,
        ...(['seconds', 'layerGradients'] as const).map((cost) => {
          const { mean, interval } = raceRatio(found[account], cost);
          return withInterval(mean, interval, times);
        }),
      ]),
      note: `To the lowest validation loss that both reach with ${layers} layers (${size.toLocaleString('en')} numbers in the layers); geometric means over ${all.length} seeds with their 95 % Student intervals. Above 1 the refinement is cheaper. ${race.shallow.layers} layers are refined to ${race.stages.map((stage) => stage.layers).join(' and ')}: each is replaced by two steps of half its length with its own weights, then fine-tuned by Adam as a control problem on the same horizon. Times are of this machine, other work on it included.`,
    },
    {
      kind: 'table',
      title: 'Seed by seed',
      columns: [
        'seed',
        'shallow, end',
        'refined, first look',
        'refined, lowest',
        'deep, lowest',
        'distance to the flow, refined',
        'deep',
      ],
      rows: all.map(({ seed, shallow, refined, flows }, i) => [
        seed,
        nats(shallow[shallow.length - 1].validationLoss),
        nats(refined[0].validationLoss),
        nats(found.given[i].lowest.refined),
        nats(found.given[i].lowest.random),
        gapInWords(flows?.refined),
        gapInWords(flows?.deep),
      ]),
      note: `Losses: validation cross-entropy in nats. Distance |X^(1) − X^(∞)|/|X^(∞)| of the state before the readout; mean refined ${meanInWords(gaps(all, 'refined'))}, deep ${meanInWords(gaps(all, 'deep'))}.`,
    },
    { kind: 'figure', figure: lossFigure(all, layers) },
  ];
}

export function raceHeadlines(all: readonly Finish[]): StudyResult['headline'] {
  if (all.length === 0) return {};
  const found = outcomes(all);
  return Object.fromEntries([
    ...accounts.map(([account, words]) => {
      const { mean, interval } = raceRatio(found[account], 'seconds');
      return [`time, random start over refined; ${words}`, withInterval(mean, interval, times)];
    }),
    ['distance to its flow, refined', meanInWords(gaps(all, 'refined'))],
    ['distance to its flow, random start', meanInWords(gaps(all, 'deep'))],
  ]);
}

function gaps(all: readonly Finish[], of: 'refined' | 'deep'): number[] {
  return all.flatMap(({ flows }) => flows?.[of].gap?.value ?? []);
}

function gapInWords(flow: FlowRefinement | undefined): string {
  return flow?.gap == null ? '–' : flow.gap.value.toPrecision(3);
}

function lossFigure(all: readonly Finish[], layers: number): Figure {
  const line = (series: string, records: readonly TrainingRecord[]): Mark => ({
    kind: 'line',
    series,
    x: records.map(({ layerGradients }) => layerGradients),
    y: records.map(({ validationLoss }) => validationLoss),
  });
  return {
    id: 'refinement-race',
    title: `Two ways to ${layers} trained layers`,
    caption:
      'Validation cross-entropy against gradient evaluations, those of the shallow stack included; one curve a seed.',
    x: { label: 'gradients of one layer on one sample', scale: 'log' },
    y: { label: 'validation cross-entropy (nats)', scale: 'log' },
    marks: all.flatMap((one) => [
      line('shallow stack', one.shallow),
      line('refined', withShallow(one)),
      line(`random start, ${layers} layers`, one.deep),
    ]),
  };
}
