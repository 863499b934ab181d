import type { Blueprint } from '../../checkpoint/architecture.ts';
import type { DepthRecord, LayerRecord } from '../../checkpoint/probe.ts';
import type { HeadStatistics } from '../../checkpoint/statistics/heads.ts';
import type { SpectrumStatistics } from '../../checkpoint/statistics/spectra.ts';
import type { Section } from '../study.ts';

/** By how much the distance may exceed that of a Gaussian sample, and count as near: as in C.practice, a choice of this project. */
const near = 0.05;

type Row = readonly [hypothesis: string, theorems: string, measured: string, verdict: string];

/** Which hypotheses of which theorems a model meets on these inputs, which it violates, and by how much. */
export function hypothesesTable(
  blueprint: Blueprint | undefined,
  records: readonly DepthRecord[],
): Section {
  const rows: Row[] = [
    ...gaussianRows(records),
    ...(blueprint === undefined ? [] : modelRows(blueprint, records)),
  ];
  return {
    kind: 'table',
    title: 'Which hypotheses hold here',
    columns: ['hypothesis', 'of', 'measured', 'here'],
    rows,
    note: `Near Gaussian: the distance exceeds that of Gaussian samples by at most ${near}, a choice of this project. Outlier tokens are left out of the clouds.`,
  };
}

function excess({ clouds }: DepthRecord): number {
  const found = clouds.flatMap(({ gaussianity: g }) => (g === null ? [] : [g.sliced - g.nullMean]));
  return largest(found);
}

/** Without a measured layer, what follows from the architecture alone. */
function modelRows(blueprint: Blueprint, records: readonly DepthRecord[]): Row[] {
  const measured = records.some(({ layers }) => layers.length > 0);
  return measured
    ? [
        ...tiltRows(records),
        ...architectureRows(blueprint),
        ...depthRows(blueprint, records),
        ...matrixRows(records),
      ]
    : architectureRows(blueprint);
}

function gaussianRows(records: readonly DepthRecord[]): Row[] {
  const layers = records.filter(({ name }) => name !== 'final').length - 1;
  const [input, ...later] = records.slice(0, layers + 1).map(excess);
  const middle = largest(later.slice(0, Math.ceil(layers / 2)));
  const first = later.findIndex((value) => value > near);
  return [
    [
      'the tokens that enter are Gaussian',
      'C: closure, invariance, stability',
      `excess ${input.toFixed(3)}`,
      holds(input <= near),
    ],
    [
      'tokens stay near Gaussian to the middle layer',
      'C.practice',
      `excess at most ${middle.toFixed(3)}; first above at ${first < 0 ? 'no depth' : `h${first + 1}`}`,
      holds(middle <= near),
    ],
  ];
}

function tiltRows(records: readonly DepthRecord[]): Row[] {
  const heads = headsOf(records);
  const share = (bound: number) => heads.filter(({ tilt }) => tilt > bound).length / heads.length;
  const mild = heads.filter(({ tilt, closure }) => tilt < 0.5 && closure !== null);
  const ratios = mild
    .flatMap(({ closure, closurePredicted }) =>
      closure === null || closurePredicted === null ? [] : [closure / closurePredicted],
    )
    .sort((a, b) => a - b);
  const middle = ratios[ratios.length >> 1];
  return [
    [
      'tilt below √(2 ln n)',
      'C.invariance, its limit',
      `${percent(share(1))} of heads above`,
      holds(share(1) === 0),
    ],
    [
      'tilt below half of it',
      'C.invariance, its rate n^{−1/2}',
      `${percent(share(0.5))} of heads above`,
      holds(share(0.5) === 0),
    ],
    [
      'a head acts as v̄ + A q up to sampling',
      'C: closure',
      middle === undefined
        ? 'no head that sees all tokens with a small tilt'
        : `measured over predicted error ${middle.toFixed(2)} (median of ${ratios.length} heads of tilt below half)`,
      middle === undefined ? 'outside' : holds(middle < 1.25),
    ],
  ];
}

function architectureRows(blueprint: Blueprint): Row[] {
  const { attention, feedForward, normalisation, order } = blueprint.layer(
    blueprint.layers - 1,
  ).options;
  const { activation = 'gelu', gated = false } = feedForward;
  const { causal = false, rotary } = attention;
  return [
    [
      'tokens see all tokens by one law',
      'C: closure; B, E: interacting particles',
      causal ? 'causal mask' : attention.window === undefined ? 'no mask' : 'windows',
      holds(!causal && attention.window === undefined),
    ],
    [
      'scores do not depend on positions',
      'C: closure',
      rotary === undefined ? 'positions in the embedding only' : `rotary, θ = ${rotary.theta}`,
      holds(rotary === undefined),
    ],
    [
      'no normalisation inside the field',
      'C: the field is affine on Gaussian laws',
      normalisation === 'none' ? 'none' : `${normalisation.kind} norm`,
      holds(normalisation === 'none'),
    ],
    [
      'an affine feed-forward part',
      'C: closure',
      `${gated ? 'gated ' : ''}${activation}`,
      holds(false),
    ],
    [
      'a layer is a residual step',
      'A, B: depth as time',
      order === 'post' ? 'normalised after its sums' : 'x + f(x)',
      holds(order !== 'post'),
    ],
  ];
}

function depthRows(blueprint: Blueprint, records: readonly DepthRecord[]): Row[] {
  const shared = blueprint.layers > 1 && blueprint.layer(0).prefix === blueprint.layer(1).prefix;
  const layers = records.flatMap((record) => record.layers);
  const pairs = layers.flatMap(({ next }) => (next === null ? [] : [next]));
  const defect = largest(layers.map(({ identityDefect }) => identityDefect));
  const cosine = mid(pairs.map((pair) => pair.cosine));
  const difference = mid(pairs.map((pair) => pair.difference));
  const step = mid(layers.map((layer: LayerRecord) => layer.step.relative));
  return [
    [
      'a layer of parts that are 0 is the identity',
      'A, B: depth as time',
      `identity defect at most ${defect.toFixed(2)}`,
      holds(defect < 0.05),
    ],
    [
      'controls are Lipschitz in depth: neighbouring fields differ by O(1/L)',
      'A: convergence of deep networks to their limit',
      shared
        ? 'the same field at every depth'
        : `median |f_{l+1} − f_l|/|f_l| = ${difference.toFixed(2)}, cosine ${cosine.toFixed(2)}; independent fields √2 and 0`,
      shared ? 'holds' : holds(difference < 2 / blueprint.layers),
    ],
    [
      'steps are small',
      'A, B: depth as time',
      `median |x_{l+1} − x_l|/|x_l| = ${step.toFixed(2)}`,
      holds(step < 2 / blueprint.layers),
    ],
    [
      'controls constant in depth',
      'B, C, E: autonomous flows',
      shared ? 'one layer, used at every depth' : 'a layer for each depth',
      holds(shared),
    ],
  ];
}

function matrixRows(records: readonly DepthRecord[]): Row[] {
  const spectra = records.flatMap((record) => record.spectra);
  const range = (of: (one: SpectrumStatistics) => number) => {
    const values = spectra.map(of);
    const low = values.reduce((a, b) => Math.min(a, b));
    return `${percent(low)} to ${percent(largest(values))}`;
  };
  const skew = mid(spectra.map((one) => one.skewShare));
  return [
    [
      'V is the identity, or positive',
      'E; C.stability',
      `eigenvalues of O V with real part below 0: ${range((one) => one.valueNegative)} of a head’s`,
      holds(spectra.every((one) => one.valueNegative === 0)),
    ],
    [
      'scores are symmetric, QᵀK = KᵀQ',
      'C.stability; E: gradient flow',
      `skew share ${range((one) => one.skewShare)}, median ${percent(skew)} (random 50 %)`,
      holds(spectra.every((one) => one.skewShare < 0.01)),
    ],
  ];
}

function headsOf(records: readonly DepthRecord[]): HeadStatistics[] {
  return records.flatMap(({ layers }) => layers.flatMap(({ heads }) => heads));
}

function holds(yes: boolean): string {
  return yes ? 'holds' : 'violated';
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function largest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
}

function mid(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
