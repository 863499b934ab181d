import {
  isOnePoint,
  type SlicedMeasures,
  slicedDistance,
} from '../gaussian/practice/measure-cloud.ts';
import type { Backend } from '../kernels/backend.ts';
import type { Matrix } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { attentionView } from './attention-view.ts';
import { hiddenStates, throughLayer } from './hidden-states.ts';
import { type LoadedLayer, type Model, onlyNorms } from './model.ts';
import {
  type CloudStatistics,
  cloudStatistics,
  gaussianTwin,
  outlierTokens,
  withoutTokens,
  withShuffledCoordinates,
} from './statistics/cloud.ts';
import { type HeadStatistics, headStatistics } from './statistics/heads.ts';
import { type PairStatistics, pairStatistics } from './statistics/pairs.ts';
import { layerSpectra, type SpectrumStatistics } from './statistics/spectra.ts';
import {
  type Alignment,
  alignment,
  type StepStatistics,
  stepStatistics,
} from './statistics/step.ts';

/** One cloud of tokens: the residual stream of one input at one depth. */
export interface CloudRecord {
  readonly raw: CloudStatistics;
  /** Without the outlier tokens; the same where there are none. */
  readonly corrected: CloudStatistics;
  /** Of a Gaussian sample with the size, mean and covariance of the corrected cloud. */
  readonly gaussian: CloudStatistics;
  /** With the coordinates of every token in a random order of its own. */
  readonly shuffled: CloudStatistics;
  /** Numbers of the tokens whose norm is more than three times the median. */
  readonly outliers: readonly number[];
  /** Distance to the Gaussian with the cloud's moments, with and without outliers; null for a cloud of one point. */
  readonly gaussianity: SlicedMeasures | null;
  readonly gaussianityRaw: SlicedMeasures | null;
  readonly pairs: PairStatistics;
  /** Of the Gaussian sample. */
  readonly gaussianPairs: PairStatistics;
}

/** One input at one layer. */
export interface LayerRecord {
  /** What the layer's attention sees: the state, normalised where the layer normalises before. */
  readonly seen: Pick<CloudStatistics, 'meanShare' | 'anisotropy' | 'effectiveRank'>;
  readonly heads: readonly HeadStatistics[];
  readonly step: StepStatistics;
  /** `|x' − x|/|x|` where the layer's parts are 0: 0 for a residual step, not for a layer that normalises after its sums. */
  readonly identityDefect: number;
  /** Of this layer's increment and that of the next layer at the same cloud; null for the last. */
  readonly next: Alignment | null;
}

/** Everything measured at one depth. */
export interface DepthRecord {
  /** `h0` … `hL`, `final`. */
  readonly name: string;
  readonly clouds: readonly CloudRecord[];
  /** Of the layer that comes next; empty after the last. */
  readonly layers: readonly LayerRecord[];
  /** Of the weights of that layer. */
  readonly spectra: readonly SpectrumStatistics[];
}

export interface ProbeOptions {
  readonly seed?: number;
  /** Called after each depth. */
  readonly progress?: (depth: number, depths: number) => void | Promise<void>;
  /** Layers whose heads, steps and spectra are measured; default all. */
  readonly measures?: (layer: number) => boolean;
  /** Is handed all states, depth by depth. */
  readonly keep?: (name: string, states: readonly Matrix[]) => void;
}

/**
 * Measures a model on inputs, depth by depth. Statistics are computed in f64 from the states, whatever the backend computes those in.
 *
 * @param initial - h⁰ of each input, n × d, at least 8 tokens
 * @throws MesoscopeError as `hiddenStates`
 */
export async function probeModel(
  backend: Backend,
  model: Model,
  initial: readonly Matrix[],
  { seed = 0, progress, keep, measures = () => true }: ProbeOptions = {},
): Promise<DepthRecord[]> {
  const depths = model.blueprint.layers + 2;
  const records: DepthRecord[] = [];
  let previous: Passed | undefined;
  for await (const { name, depth, states, next } of hiddenStates(backend, model, initial)) {
    keep?.(name, states);
    if (previous !== undefined) {
      const last = records[records.length - 1];
      const layers = passedLayers(backend, last.layers, { ...previous, after: states, next });
      records[records.length - 1] = { ...last, layers };
    }
    const clouds = states.map((points, input) => cloudRecord(points, { seed, depth, input }));
    const measured = next !== undefined && measures(depth);
    const layers = measured ? layerRecords(backend, next, states) : [];
    records.push({ name, clouds, layers, spectra: measured ? layerSpectra(next) : [] });
    previous = next && { before: states };
    await progress?.(depth, depths);
  }
  return records;
}

/** Clouds alone, where there are states and no model: `h0` … `hL`, `final`. */
export function probeStates(
  states: Readonly<Record<string, readonly Matrix[]>>,
  seed: number,
): DepthRecord[] {
  return Object.entries(states).map(([name, all], depth) => ({
    name,
    clouds: all.map((points, input) => cloudRecord(points, { seed, depth, input })),
    layers: [],
    spectra: [],
  }));
}

function layerRecords(
  backend: Backend,
  layer: LoadedLayer,
  states: readonly Matrix[],
): LayerRecord[] {
  // Only norms after the sums are left of a layer whose parts are 0.
  const normed =
    layer.plan.options.order === 'post'
      ? backend.scoped(() => throughLayer(backend, onlyNorms(layer), states))
      : states;
  return states.map((points, input) => {
    const { seen, heads } = attentionView(backend, layer, points);
    return {
      seen: cloudStatistics(seen),
      heads: heads.map(headStatistics),
      step: { relative: Number.NaN, angle: Number.NaN, whole: Number.NaN },
      identityDefect: stepStatistics(points, normed[input]).whole,
      next: null,
    };
  });
}

interface Passed {
  readonly before: readonly Matrix[];
}

/** What is known of a layer once its tokens have passed: its step, and how the next layer would have moved them. */
function passedLayers(
  backend: Backend,
  records: readonly LayerRecord[],
  { before, after, next }: Passed & { after: readonly Matrix[]; next: LoadedLayer | undefined },
): LayerRecord[] {
  if (records.length === 0) return [];
  const other =
    next === undefined ? undefined : backend.scoped(() => throughLayer(backend, next, before));
  return records.map((record, i) => ({
    ...record,
    step: stepStatistics(before[i], after[i]),
    next: other === undefined ? null : alignment(before[i], after[i], other[i]),
  }));
}

interface Place {
  readonly seed: number;
  readonly depth: number;
  readonly input: number;
}

function cloudRecord(points: Matrix, { seed, depth, input }: Place): CloudRecord {
  const outliers = outlierTokens(points);
  const corrected = withoutTokens(points, outliers);
  const random = randomStream(seed, `Gaussian twin at depth ${depth}`, input);
  const gaussianity = distance(corrected, seed);
  const twin = gaussianTwin(corrected, random);
  const statistics = cloudStatistics(corrected);
  return {
    raw: outliers.length === 0 ? statistics : cloudStatistics(points),
    corrected: statistics,
    gaussian: cloudStatistics(twin),
    shuffled: cloudStatistics(withShuffledCoordinates(corrected, random)),
    outliers,
    gaussianity,
    gaussianityRaw: outliers.length === 0 ? gaussianity : distance(points, seed),
    pairs: pairStatistics(corrected),
    gaussianPairs: pairStatistics(twin),
  };
}

function distance(points: Matrix, seed: number): SlicedMeasures | null {
  return isOnePoint(points) ? null : slicedDistance(points, { seed });
}
