import {
  type CloudMeasures,
  createCloudMeter,
  isOnePoint,
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
  /** Numbers of the tokens whose norm is more than three times the median. */
  readonly outliers: readonly number[];
  /** Distance to the Gaussian with the cloud's moments, with and without outliers; null for a cloud of one point. */
  readonly gaussianity: Pick<CloudMeasures, 'sliced' | 'nullMean' | 'nullHigh'> | null;
  readonly gaussianityRaw: Pick<CloudMeasures, 'sliced' | 'nullMean' | 'nullHigh'> | null;
  readonly pairs: PairStatistics;
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
  { seed = 0, progress, keep }: ProbeOptions = {},
): Promise<DepthRecord[]> {
  const depths = model.blueprint.layers + 2;
  const records: DepthRecord[] = [];
  let previous: readonly Matrix[] | undefined;
  for await (const { name, depth, states, next } of hiddenStates(backend, model, initial)) {
    keep?.(name, states);
    if (previous !== undefined && next !== undefined) {
      const last = records[records.length - 1];
      const neighbours = { next, before: previous, after: states };
      const layers = compareLayers(backend, last.layers, neighbours);
      records[records.length - 1] = { ...last, layers };
    }
    const clouds = states.map((points, input) =>
      cloudRecord(backend, points, { seed, depth, input }),
    );
    const [after, normed] = [next, next && onlyNorms(next)].map((layer) =>
      layer === undefined ? [] : backend.scoped(() => throughLayer(backend, layer, states)),
    );
    const layers = states.flatMap((points, input): LayerRecord[] => {
      if (next === undefined) return [];
      const { seen, heads } = attentionView(backend, next, points);
      return [
        {
          seen: cloudStatistics(seen),
          heads: heads.map(headStatistics),
          step: stepStatistics(points, after[input]),
          identityDefect: stepStatistics(points, normed[input]).whole,
          next: null,
        },
      ];
    });
    records.push({ name, clouds, layers, spectra: next === undefined ? [] : layerSpectra(next) });
    previous = states;
    await progress?.(depth, depths);
  }
  return records;
}

interface Neighbours {
  readonly next: LoadedLayer;
  readonly before: readonly Matrix[];
  readonly after: readonly Matrix[];
}

/** The increments of a layer and of the next at the cloud before the first. */
function compareLayers(
  backend: Backend,
  records: readonly LayerRecord[],
  { next, before, after }: Neighbours,
): LayerRecord[] {
  const other = backend.scoped(() => throughLayer(backend, next, before));
  return records.map((record, i) => ({
    ...record,
    next: alignment(before[i], after[i], other[i]),
  }));
}

interface Place {
  readonly seed: number;
  readonly depth: number;
  readonly input: number;
}

function cloudRecord(backend: Backend, points: Matrix, { seed, depth, input }: Place): CloudRecord {
  const outliers = outlierTokens(points);
  const corrected = withoutTokens(points, outliers);
  const random = randomStream(seed, `Gaussian twin at depth ${depth}`, input);
  const gaussianity = distance(backend, corrected, seed);
  const statistics = cloudStatistics(corrected);
  return {
    raw: outliers.length === 0 ? statistics : cloudStatistics(points),
    corrected: statistics,
    gaussian: cloudStatistics(gaussianTwin(corrected, random)),
    outliers,
    gaussianity,
    gaussianityRaw: outliers.length === 0 ? gaussianity : distance(backend, points, seed),
    pairs: pairStatistics(corrected),
  };
}

function distance(backend: Backend, points: Matrix, seed: number) {
  if (isOnePoint(points)) return null;
  return backend.scoped(() => {
    const meter = createCloudMeter(backend, points, { seed });
    const { sliced, nullMean, nullHigh } = meter.measure({ layer: 0, points, tilt: null });
    return { sliced, nullMean, nullHigh };
  });
}
