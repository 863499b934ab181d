import { frobeniusNorm, scale, symmetricPart, zeros } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { predictBlowUp } from '../blow-up.ts';
import { depthsUpTo, type GaussianFlow, gaussianFlow } from '../gaussian-flow.ts';
import { attends, gaussianLayer } from '../layer.ts';
import { integrateMoments } from '../moment-flow.ts';
import { randomLaw, scalarValueHeads } from '../random-flows.ts';
import { randomCovariance, randomMatrix } from '../random-matrices.ts';
import { type RiccatiForm, riccatiForm } from '../riccati.ts';
import { type SufficientCondition, sufficientCondition } from '../sufficient.ts';

/** What the formula and the integration say about one flow. */
export interface BlowUpComparison {
  /** `V_h = v_hI` under softmax; else there is no formula. */
  readonly closed: boolean;
  readonly attends: boolean;
  /** Null: the formula excludes a blow-up up to `searchedTo`. */
  readonly predicted: number | null;
  readonly searchedTo: number;
  readonly reason: string;
  readonly integrated: number | null;
  /** The depth that the integration reached, and how it ended. */
  readonly reached: number;
  readonly ended: string;
  /**
   * How much the two depths may differ: what the errors of all steps make of the prediction, and of the integration.
   * Infinite where such an error decides whether there is a blow-up before the horizon at all.
   */
  readonly uncertainty: number;
  /** Of a layer without the formula. */
  readonly sufficient: SufficientCondition | null;
  readonly times: readonly number[];
  readonly traces: readonly number[];
}

const tolerance = 1e-11;

/** By how much predicted and integrated depths differ, relative; 0 where there are none. */
export function depthDifference(found: readonly BlowUpComparison[]): number {
  return Math.max(
    0,
    ...found.map(({ predicted, integrated }) =>
      predicted === null || integrated === null ? 0 : Math.abs(integrated / predicted - 1),
    ),
  );
}

/** What was measured of all flows, by name. */
export function blowUpNumbers(found: readonly BlowUpComparison[]) {
  const both = found.filter((one) => one.predicted !== null && one.integrated !== null);
  const single = found.length === 1;
  const [first] = found;
  return {
    'blowUpTime.predicted': single
      ? (first.predicted ?? 'none')
      : both.map((one) => one.predicted ?? 0),
    'blowUpTime.integrated': single
      ? (first.integrated ?? 'none')
      : both.map((one) => one.integrated ?? 0),
    'blowUpTime.uncertainty': found.map((one) => one.uncertainty).filter(Number.isFinite),
    'blowUpTime.relativeDifference': depthDifference(found),
    'flows.blowUp': both.length,
    'flows.noBlowUp': found.length - both.length,
    ...(single
      ? {
          reason: first.reason,
          'flow.reached': first.reached,
          'flow.ended': first.ended,
          'sufficient.conclusion': first.sufficient?.conclusion ?? 'not asked',
          'sufficient.reason': first.sufficient?.reason ?? 'not asked',
          'sufficient.latestTime': first.sufficient?.time ?? 'none',
        }
      : {}),
  };
}

/** @param form - the closed form that is held against the flow; default the layer's own */
export function compareBlowUp(
  { layer, law, start, horizon }: GaussianFlow,
  form: RiccatiForm | null = riccatiForm(layer),
): BlowUpComparison {
  const {
    time: predicted,
    searchedTo,
    reason,
  } = form === null
    ? { time: null, searchedTo: 0, reason: 'no closed form for these values' }
    : predictBlowUp(form, start.factor, { horizon });
  const run = (relativeTolerance: number, dense: boolean) =>
    integrateMoments(layer, start, { horizon, relativeTolerance, dense });
  const flow = run(tolerance, true);
  const coarse = form === null ? null : run(100 * tolerance, false).blowUpTime;
  const times = depthsUpTo(flow.time, 120);
  return {
    closed: form !== null,
    attends: attends(layer),
    predicted,
    searchedTo,
    reason,
    integrated: flow.blowUpTime,
    reached: flow.time,
    ended: flow.status.kind,
    uncertainty:
      form === null
        ? Number.POSITIVE_INFINITY
        : difference(flow.blowUpTime, coarse) +
          sensitivity(form, start.factor, horizon, predicted, flow.steps * tolerance),
    sufficient: form === null ? sufficientCondition(layer, law) : null,
    times,
    traces: times.map((t) => frobeniusNorm(flow.at(t).factor) ** 2),
  };
}

/** How much the predicted depth moves when `L` is changed by a fraction: it falls as L grows. */
function sensitivity(
  form: RiccatiForm,
  L: GaussianFlow['start']['factor'],
  horizon: number,
  predicted: number | null,
  fraction: number,
): number {
  const within = (time: number | null) => (time !== null && time < horizon ? time : null);
  return Math.max(
    ...[1 - fraction, 1 + fraction].map((size) =>
      difference(within(predictBlowUp(form, scale(size, L), { horizon }).time), within(predicted)),
    ),
  );
}

/** `|a − b|` of two depths; 0 where there is neither, infinite where there is one of them. */
function difference(a: number | null, b: number | null): number {
  if (a === null || b === null) return a === b ? 0 : Number.POSITIVE_INFINITY;
  return Math.abs(a - b);
}

/** W = 0 and W ≠ 0, M of both signs, ranks below d: dimensions 1 to 4. */
export function randomBlowUpFlow(seed: number, index: number, horizon: number): GaussianFlow {
  const stream = randomStream(seed, 'C.blow-up', index);
  const d = 1 + (index % 4);
  const M = symmetricPart(randomMatrix(stream, d, d, 1.5));
  if (index % 3 === 0) M.data.set(randomCovariance(stream, d, d, 0.1).data);
  const heads = scalarValueHeads(stream, M, index % 2 === 0 ? [1] : [-0.7, 1.2]);
  const W = index % 5 === 0 ? zeros(d, d) : randomMatrix(stream, d, d, 0.5);
  const layer = gaussianLayer({ heads, W, b: stream.normals(new Float64Array(d)) });
  const rank = index % 7 === 6 ? Math.max(1, d - 1) : d;
  return gaussianFlow(layer, randomLaw(stream, d, rank), horizon);
}
