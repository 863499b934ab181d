import { type MeanInterval, meanInterval } from '../../numeric/fit.ts';
import type { Section, StudyResult } from '../study.ts';
import type { CoarsenedModel } from './depth-plan.ts';
import { nats, withInterval } from './wording.ts';

/** One trained model on fewer layers. Losses are validation cross-entropies in nats. */
export interface Coarsening {
  readonly seed: number;
  /** L of the trained model. */
  readonly layers: number;
  readonly loss: number;
  readonly coarse: readonly CoarsenedModel[];
}

/** Mean over seeds of a loss, and of what it lies above that of the trained model. */
interface CoarseRow {
  readonly name: string;
  readonly loss: MeanInterval;
  readonly above: MeanInterval;
}

function rowsOf(models: readonly Coarsening[], steps: number): CoarseRow[] {
  const row = (name: string, read: (model: Coarsening) => number) => ({
    name,
    loss: meanInterval(models.map(read)),
    above: meanInterval(models.map((model) => read(model) - model.loss)),
  });
  return models[0].coarse.flatMap(({ layers }, i) => [
    row(`sampled at ${layers} layers`, ({ coarse }) => coarse[i].sampled),
    row(`${layers} layers, retrained for ${steps} steps`, ({ coarse }) => coarse[i].retrained),
  ]);
}

/** Losses on fewer layers, before and after a short retraining. */
export function coarseningSections(models: readonly Coarsening[], steps: number): Section[] {
  if (models.length === 0 || models[0].coarse.length === 0) return [];
  const [{ layers }] = models;
  const trained = meanInterval(models.map(({ loss }) => loss));
  const shown = ({ mean, interval }: MeanInterval) => withInterval(mean, interval, nats);
  return [
    {
      kind: 'table',
      title: `A model of ${layers} layers on fewer layers`,
      columns: ['model', 'validation loss (nats)', `above that of ${layers} layers`],
      rows: [
        [`trained at ${layers} layers, by refinement`, shown(trained), ''],
        ...rowsOf(models, steps).map(({ name, loss, above }) => [name, shown(loss), shown(above)]),
      ],
      note: `The controls of the trained model, as a function of depth (linear between the middles of its layers), are sampled in the middles of fewer layers; embedding and readout stay. Means over ${models.length} seeds with 95 % Student intervals; differences are taken seed by seed.`,
    },
  ];
}

export function coarseningHeadline(models: readonly Coarsening[]): StudyResult['headline'] {
  if (models.length === 0) return {};
  const [{ layers, coarse }] = models;
  const mean = (read: (model: Coarsening) => number) => meanInterval(models.map(read)).mean;
  return Object.fromEntries(
    coarse.map((one, i) => [
      `${layers} layers sampled at ${one.layers}, loss`,
      `${nats(mean((model) => model.loss))} → ${nats(mean((model) => model.coarse[i].sampled))}, retrained ${nats(mean((model) => model.coarse[i].retrained))}`,
    ]),
  );
}
