import type { LayerField } from '../../../checkpoint/depth/layer-fields.ts';
import { localOrders, type RefinementRecord } from '../../../checkpoint/depth/refinement.ts';
import { mean } from '../../../claims/checkpoint/depth-curves.ts';
import type { Section, StudyResult } from '../../study.ts';
import { surgeryFigures } from './figures.ts';
import { changes, fieldNumbers, meanInWords, metricWords, type Operated } from './operated.ts';
import { type Operation, segmentOf } from './operations.ts';
import type { Surgery } from './schema.ts';

export function surgerySections(surgery: Surgery, operated: Operated): Section[] {
  return [
    aboutSection(surgery, operated),
    operationTable(operated),
    refinementTable(operated),
    ...surgeryFigures(operated).map((figure): Section => ({ kind: 'figure', figure })),
    layerTable(operated),
  ];
}

function aboutSection(surgery: Surgery, operated: Operated): Section {
  const { source, name, licence, precision, layers, post, shared } = operated;
  const [from, to] = segmentOf(layers, surgery);
  const flow = post
    ? 'Its layers normalise after their sums, so that a layer whose parts are 0 is not the identity, and its parts are no velocities: the flow is the relaxation ẋ = B_l(x) − x towards what the layer B_l makes of x, and the layer is Euler’s step of length 1 along it.'
    : 'Its layers normalise before their parts: the flow is ẋ = A_l(x) + F_l(x) with attention A and feed-forward part F, and the layer is a step of length 1 along it in which the parts take turns (Lie–Trotter).';
  return {
    kind: 'text',
    title: 'What was done',
    body: `${source}: ${name}; licence: ${licence}. ${flow} ${shared ? 'All layers share their weights: the flow is autonomous. ' : 'Fields are constant in depth within a layer. '}“Refined” takes m steps of length 1/m for layers ${from} to ${to - 1} of 0 to ${layers - 1}; nothing else of the model changes. Outputs are compared after the last norm, without tokens of more than three times the median norm; means and 95 % intervals are over inputs, paired. States in ${precision}. Null: the same architecture with matrices drawn anew at the norms they have.`,
  };
}

const operationWords: Readonly<Record<Operation['kind'], (n: number) => string>> = {
  refined: (m) => `refined, m = ${m}`,
  interior: (m) => `all layers but the first and the last refined, m = ${m}`,
  boundary: (m) => `the first and the last layer refined, m = ${m}`,
  layer: (l) => `layer ${l} alone, m = 2`,
  pairs: () => 'pairs merged: one step with the mean of two fields, twice as long',
  drop: () => 'every other layer dropped, the rest twice as long',
  swap: () => 'neighbours swapped',
};

function operationTable({ trained, random, metric }: Operated): Section {
  const metrics = [...new Set([metric, 'state', 'cosine'] as const)];
  const [{ operated }] = trained;
  const losses = trained.flatMap((one) => one.operated.nll ?? []);
  return {
    kind: 'table',
    title: 'What each operation does to the output',
    columns: [
      'operation',
      ...metrics.map((one) => metricWords[one]),
      'random weights: |X′ − X|/|X|',
    ],
    rows: operated.operations
      .filter(({ kind }) => kind !== 'layer')
      .map((one) => [
        operationWords[one.kind](one.number),
        ...metrics.map((each) => meanInWords(changes(trained, one, each))),
        meanInWords(changes(random, one, 'state')),
      ]),
    ...(losses.length === 0
      ? {}
      : { note: `Cross-entropy of the model as it is: ${meanInWords(losses)} nats.` }),
  };
}

function refinementTable({ trained, random }: Operated): Section {
  const rowsOf = (name: string, records: readonly RefinementRecord[]) => {
    const [{ steps, differences }] = records;
    return differences.map((_, i) => [
      name,
      steps[i],
      meanInWords(records.map((one) => one.differences[i])),
      i === 0 ? '–' : meanInWords(records.map((one) => localOrders(one)[i - 1])),
    ]);
  };
  const records = (of: Operated['trained']) => of.map(({ operated }) => operated.refinement);
  const gaps = (of: Operated['trained']) => records(of).flatMap(({ gap }) => gap?.value ?? []);
  const errors = records(trained).flatMap(({ gap }) => gap?.error ?? []);
  return {
    kind: 'table',
    title: 'Order of convergence, and the distance of the model to its own flow',
    columns: ['weights', 'm', '|X^(m) − X^(2m)|/|X|', 'order: log₂ of the last ratio'],
    rows: [...rowsOf('trained', records(trained)), ...rowsOf('random', records(random))],
    note:
      errors.length === 0
        ? 'With m = 2, 4 at least the limit can be extrapolated.'
        : `Distance |X^(1) − X^(∞)|/|X^(∞)| to the flow, with X^(∞) extrapolated from the two finest m: ${meanInWords(gaps(trained))}, for random weights ${meanInWords(gaps(random))}. The extrapolation leaves ${mean(errors).toPrecision(2)} of it open; order 1 is what a flow must show.`,
  };
}

function layerTable({ trained, layers, metric }: Operated): Section {
  const of = (l: number, number: (field: LayerField) => number | null) =>
    meanInWords(fieldNumbers(trained, l, number));
  return {
    kind: 'table',
    title: 'Layer by layer',
    columns: [
      'layer',
      `halved: ${metricWords[metric]}`,
      '‖D f_l‖₂',
      'cosine to the next',
      'cosine to distant ones',
      '|f_{l+1} − f_l|/|f_l|',
      'parallel defect',
    ],
    rows: Array.from({ length: layers }, (_, l) => [
      l,
      meanInWords(changes(trained, { kind: 'layer', number: l }, metric)),
      of(l, ({ lipschitz }) => lipschitz),
      of(l, ({ neighbour }) => neighbour?.cosine ?? null),
      of(l, ({ far }) => far),
      of(l, ({ neighbour }) => neighbour?.difference ?? null),
      of(l, ({ parallelDefect }) => parallelDefect),
    ]),
    note: 'Trained weights; both fields at the cloud x_l where layer l acts. Independent fields: cosine 0, difference √2.',
  };
}

/** Inputs × m of the refinement, inputs × layers of the fields, and inputs × operations of their costs. */
export function surgeryArrays({ trained, random, metric }: Operated): StudyResult['arrays'] {
  const rows = (values: readonly (readonly number[])[]) => ({
    shape: [values.length, values[0].length],
    data: Float64Array.from(values.flat()),
  });
  const fields = (of: (field: LayerField) => number | null) =>
    rows(trained.map((one) => one.fields.map((field) => of(field) ?? Number.NaN)));
  const entries: readonly (readonly [string, ReturnType<typeof rows>])[] = [
    ['refinement, trained', rows(trained.map((one) => one.operated.refinement.differences))],
    ['refinement, random weights', rows(random.map((one) => one.operated.refinement.differences))],
    [
      `operations, ${metric}`,
      rows(trained.map((one) => one.operated.operations.map((each) => each[metric] ?? Number.NaN))),
    ],
    ['cosine to the next layer', fields(({ neighbour }) => neighbour?.cosine ?? null)],
    ['cosine to distant layers', fields(({ far }) => far)],
    ['norm of the derivative', fields(({ lipschitz }) => lipschitz)],
  ];
  return Object.fromEntries(entries.filter(([, { data }]) => data.length > 0));
}

export function surgeryHeadline({ trained, metric }: Operated): StudyResult['headline'] {
  const gaps = trained.flatMap(({ operated }) => operated.refinement.gap?.value ?? []);
  const orders = trained.flatMap(({ operated }) => localOrders(operated.refinement).slice(-1));
  const [{ operated }] = trained;
  const costs = operated.operations
    .filter(({ kind, number }) => kind !== 'layer' && number < 4)
    .map((one) => [
      `${operationWords[one.kind](one.number)}: ${metricWords[metric]}`,
      meanInWords(changes(trained, one, metric)),
    ]);
  return Object.fromEntries([
    ['distance of the model to its own flow', meanInWords(gaps)],
    ['order at the finest m', meanInWords(orders)],
    ...costs,
  ]);
}
