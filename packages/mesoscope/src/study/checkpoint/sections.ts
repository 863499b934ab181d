import type { CloudRecord, DepthRecord } from '../../checkpoint/probe.ts';
import {
  type Curve,
  cloudCurve,
  depthFigure,
  largestOfHeads,
  layerCurve,
  mean,
  medianOfHeads,
} from '../../claims/checkpoint/depth-curves.ts';
import type { Figure } from '../../claims/figure.ts';
import type { Precision } from '../../kernels/backend.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import type { Section, StudyResult } from '../study.ts';
import type { Probe } from './schema.ts';

/** What one piece of a probe leaves: a model on all inputs. */
export interface Measured {
  readonly source: string;
  readonly precision: Precision;
  readonly name: string;
  readonly licence: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly string[];
  readonly records: readonly DepthRecord[];
  /** By depth, where they are kept. */
  readonly states: Readonly<Record<string, readonly Matrix[]>>;
}

const [trainedName, randomName] = ['trained', 'null: random weights'];

export function sections(configuration: Probe, trained: Measured, random: Measured): Section[] {
  const figures = [...cloudFigures(trained, random), ...layerFigures(trained, random)];
  return [
    {
      kind: 'text',
      title: 'What was measured',
      body: `${trained.source}: ${trained.name}; licence: ${trained.licence}. States were computed in ${trained.precision}, statistics in f64. Means and 95 % intervals are over inputs. Nulls: the same architecture with matrices drawn anew at the norms they have, on the same inputs; Gaussian samples of the size, mean and covariance of each cloud. “Without outliers”: without the tokens whose norm exceeds three times the median; their number stands in the table.`,
    },
    ...figures.map((figure): Section => ({ kind: 'figure', figure })),
    depthTable(trained.records),
    ...(configuration.heads ? [headTable(trained.records)] : []),
  ];
}

/** A statistic of clouds: trained without and with outliers, and its nulls. */
function cloudCurves(
  { records }: Measured,
  random: Measured,
  of: (cloud: CloudRecord['raw']) => number,
): Curve[] {
  const outliers = records.some(({ clouds }) => clouds.some((one) => one.outliers.length > 0));
  return [
    cloudCurve(trainedName, records, (one) => of(one.corrected)),
    ...(outliers ? [cloudCurve('trained, with outliers', records, (one) => of(one.raw))] : []),
    cloudCurve('null: Gaussian samples', records, (one) => of(one.gaussian)),
    cloudCurve(randomName, random.records, (one) => of(one.corrected)),
  ];
}

function cloudFigures(trained: Measured, random: Measured): Figure[] {
  const figure = (
    id: string,
    title: string,
    caption: string,
    label: string,
    of: (cloud: CloudRecord['raw']) => number,
    scale: 'linear' | 'log' = 'linear',
  ) => depthFigure({ id, title, caption, y: { label, scale } }, cloudCurves(trained, random, of));
  const excess = (series: string, { records }: Measured) =>
    cloudCurve(series, records, ({ gaussianity: g }) =>
      g === null ? null : g.sliced - g.nullMean,
    );
  return [
    depthFigure(
      {
        id: 'gaussianity',
        title: 'Distance to the Gaussian with the cloud’s moments',
        caption:
          'Sliced W2 in units of √(trΣ/d), minus its mean over Gaussian samples of the same size and covariance. A Gaussian cloud is at 0.',
        y: { label: 'excess of sliced W2' },
        rule: { at: 0.05, label: 'near, a choice of this project' },
      },
      [excess(trainedName, trained), excess(randomName, random)],
    ),
    figure(
      'effective-rank',
      'Effective rank',
      '(tr Σ)²/tr Σ² of the cloud, at most n − 1: compare with its nulls.',
      'effective rank',
      (one) => one.effectiveRank,
      'log',
    ),
    figure(
      'outlier-tokens',
      'Largest token norm over the median',
      'A statistic of a cloud with one token of a hundred times the norm is a statistic of that token.',
      'max r / median r',
      (one) => one.tokenRatio,
      'log',
    ),
    figure(
      'channels',
      'Largest coordinate variance over the mean',
      'Few channels carry most of the variance of trained models.',
      'max Var / mean Var',
      (one) => one.channelRatio,
      'log',
    ),
    figure(
      'mean-share',
      'Share of the mean',
      '|m|²/(|m|² + tr Σ): what all tokens have in common; 1/n for centred independent tokens.',
      'share of the mean',
      (one) => one.meanShare,
    ),
    figure(
      'anisotropy',
      'Mean cosine of two tokens',
      'Not changed by a few tokens of large norm.',
      'mean cosine',
      (one) => one.anisotropy,
    ),
    depthFigure(
      {
        id: 'energy',
        title: 'Interaction energy on the sphere',
        caption:
          'E = (1/2n²) Σ exp⟨u_i, u_j⟩ of the directions of the tokens, β = 1: it grows along the flow of attention with V = I on the sphere (arXiv 2312.10794).',
        y: { label: 'energy E₁' },
      },
      [
        cloudCurve(trainedName, trained.records, (one) => one.pairs.energy),
        cloudCurve(randomName, random.records, (one) => one.pairs.energy),
      ],
    ),
  ];
}

function layerFigures(trained: Measured, random: Measured): Figure[] {
  const both = (of: Parameters<typeof layerCurve>[2]) => [
    layerCurve(trainedName, trained.records, of),
    layerCurve(randomName, random.records, of),
  ];
  const [tilt, sink, step, smooth] = [
    [
      layerCurve(
        'largest head',
        trained.records,
        largestOfHeads((head) => head.tilt),
      ),
      layerCurve(
        'median head',
        trained.records,
        medianOfHeads((head) => head.tilt),
      ),
      layerCurve(
        `median head, ${randomName}`,
        random.records,
        medianOfHeads((head) => head.tilt),
      ),
    ],
    both(medianOfHeads((head) => head.sink)),
    both((layer) => layer.step.relative),
    both((layer) => layer.next?.cosine ?? null),
  ];
  const closure = [
    layerCurve(
      'measured',
      trained.records,
      medianOfHeads((head) => head.closure),
    ),
    layerCurve(
      'predicted',
      trained.records,
      medianOfHeads((head) => head.closurePredicted),
    ),
  ];
  const figures = [
    depthFigure(
      {
        id: 'tilt',
        title: 'Tilt of the heads',
        caption:
          'Root mean square over tokens of the deviation of their scores, over √(2 ln n). Above 1 a sample of n tokens says nothing of the tilted mean; above 1/2 the error no longer falls as n^{−1/2}.',
        y: { label: 'σ / √(2 ln n)', scale: 'log' },
        rule: { at: 1, label: 'bound of the closure' },
      },
      tilt,
    ),
    depthFigure(
      {
        id: 'sink',
        title: 'Attention on the key that draws most of it',
        caption:
          'Median over heads of the largest share of one key in the attention of all tokens.',
        y: { label: 'share of one key', domain: [0, 1] },
      },
      sink,
    ),
    depthFigure(
      {
        id: 'step',
        title: 'Size of a step',
        caption: 'Median over tokens of |x_{l+1} − x_l|/|x_l|.',
        y: { label: 'relative step', scale: 'log' },
      },
      step,
    ),
    depthFigure(
      {
        id: 'smoothness',
        title: 'Alignment of neighbouring layers',
        caption:
          'Cosine of the increments of two neighbouring layers at the same cloud: near 1 for fields that are smooth in depth, 0 for independent ones.',
        y: { label: 'cosine of f_l and f_{l+1}' },
      },
      smooth,
    ),
  ];
  if (closure.every(({ values }) => values.every((inputs) => inputs.length === 0))) return figures;
  return [
    ...figures,
    depthFigure(
      {
        id: 'closure',
        title: 'Heads against their Gaussian closure',
        caption:
          'Distance of a head from v̄ + A q, in units of √tr Σ_v, median over heads, and what sampling alone makes of it on a Gaussian cloud. Equal for Gaussian tokens and a small tilt.',
        y: { label: 'closure error', scale: 'log' },
      },
      closure,
    ),
  ];
}

const short = (value: number | undefined) => (value === undefined ? '–' : value.toPrecision(3));

function depthTable(records: readonly DepthRecord[]): Section {
  const over = <T>(list: readonly T[], of: (one: T) => number | null) => {
    const values = list.flatMap((one) => of(one) ?? []);
    return values.length === 0 ? '–' : short(mean(values));
  };
  return {
    kind: 'table',
    title: 'Depth by depth, trained',
    columns: [
      'state',
      'outlier tokens',
      'rank, raw',
      'rank',
      'sliced W2',
      'null',
      'raw',
      'mean share',
      'mean cosine',
      'channel ratio',
      'step',
      'tilt, median head',
      'tilted tokens',
      'sink',
      'entropy',
      'R² affine',
    ],
    rows: records.map(({ name, clouds, layers }) => [
      name,
      over(clouds, (one) => one.outliers.length),
      over(clouds, (one) => one.raw.effectiveRank),
      over(clouds, (one) => one.corrected.effectiveRank),
      over(clouds, (one) => one.gaussianity?.sliced ?? null),
      over(clouds, (one) => one.gaussianity?.nullMean ?? null),
      over(clouds, (one) => one.gaussianityRaw?.sliced ?? null),
      over(clouds, (one) => one.corrected.meanShare),
      over(clouds, (one) => one.corrected.anisotropy),
      over(clouds, (one) => one.corrected.channelRatio),
      over(layers, (one) => one.step.relative),
      over(
        layers,
        medianOfHeads((head) => head.tilt),
      ),
      over(
        layers,
        medianOfHeads((head) => head.tiltedShare),
      ),
      over(
        layers,
        medianOfHeads((head) => head.sink),
      ),
      over(
        layers,
        medianOfHeads((head) => head.entropy),
      ),
      over(
        layers,
        medianOfHeads((head) => head.affineShare),
      ),
    ]),
    note: 'Means over inputs; heads by their median. Distances, ranks and shares without outlier tokens, unless they are called raw.',
  };
}

function headTable(records: readonly DepthRecord[]): Section {
  return {
    kind: 'table',
    title: 'Head by head, trained, first input',
    columns: [
      'layer',
      'head',
      'tilt',
      'tilted tokens',
      'sink',
      'entropy',
      'closure',
      'predicted',
      'R² affine',
      'Re eig OV < 0',
      'skew share',
      'tr B/(|B|√k)',
    ],
    rows: records.flatMap(({ layers, spectra }, l) =>
      (layers[0]?.heads ?? []).map((head, h) => [
        l,
        h,
        short(head.tilt),
        short(head.tiltedShare),
        short(head.sink),
        short(head.entropy),
        short(head.closure ?? undefined),
        short(head.closurePredicted ?? undefined),
        short(head.affineShare ?? undefined),
        short(spectra[h]?.valueNegative),
        short(spectra[h]?.skewShare),
        short(spectra[h]?.relativeTrace),
      ]),
    ),
  };
}

/** For arrays.npz: depths × inputs of each statistic of clouds, trained and with random weights. */
export function statisticArrays(trained: Measured, random: Measured): StudyResult['arrays'] {
  const statistics = Object.keys(trained.records[0].clouds[0].raw) as (keyof CloudRecord['raw'])[];
  const series: readonly (readonly [string, Measured, 'raw' | 'corrected' | 'gaussian'])[] = [
    ['trained', trained, 'corrected'],
    ['trained, raw', trained, 'raw'],
    ['Gaussian', trained, 'gaussian'],
    ['random weights', random, 'corrected'],
  ];
  return Object.fromEntries(
    series.flatMap(([name, { records }, which]) =>
      statistics.map((statistic) => {
        const rows = records.map(({ clouds }) => clouds.map((one) => one[which][statistic]));
        const data = Float64Array.from(rows.flat());
        return [`${statistic}, ${name}`, { shape: [rows.length, rows[0].length], data }];
      }),
    ),
  );
}

export function headline(trained: Measured, random: Measured): StudyResult['headline'] {
  const { records } = trained;
  const middle = Math.floor((records.length - 2) / 2);
  const at = (from: readonly DepthRecord[], of: (cloud: CloudRecord) => number) =>
    mean(from[middle].clouds.map(of));
  const distance = ({ gaussianity: g }: CloudRecord) =>
    g === null ? Number.NaN : g.sliced - g.nullMean;
  return {
    [`effective rank at h${middle}, raw`]: at(records, (one) => one.raw.effectiveRank),
    [`effective rank at h${middle}, without outlier tokens`]: at(
      records,
      (one) => one.corrected.effectiveRank,
    ),
    [`effective rank at h${middle}, random weights`]: at(
      random.records,
      (one) => one.corrected.effectiveRank,
    ),
    [`distance to Gaussian over its null at h${middle}`]: at(records, distance),
    [`distance to Gaussian over its null at h${middle}, random weights`]: at(
      random.records,
      distance,
    ),
  };
}
