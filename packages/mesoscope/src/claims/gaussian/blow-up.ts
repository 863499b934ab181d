import { predictBlowUp } from '../../gaussian/blow-up.ts';
import { type GaussianLayer, gaussianLayer } from '../../gaussian/layer.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { randomCovariance, randomMatrix } from '../../gaussian/random-matrices.ts';
import { riccatiForm } from '../../gaussian/riccati.ts';
import { type GaussianFlowInstance, gaussianFlowSchema } from '../../gaussian/schema.ts';
import { sufficientCondition } from '../../gaussian/sufficient.ts';
import { frobeniusNorm, symmetricPart, zeros } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { depthsUpTo, flowOfInstance, type GaussianFlow, gaussianFlow } from './flow-instance.ts';
import { randomLaw, scalarValueHeads } from './random-flows.ts';

/** Relative disagreement up to which two blow-up times count as the same. */
const agreement = 1e-8;

/** What the formula and the integration say about one flow. */
interface Comparison {
  /** Null: the formula excludes a blow-up up to `searchedTo`, or does not apply. */
  readonly predicted: number | null;
  readonly searchedTo: number;
  readonly reason: string;
  readonly integrated: number | null;
  /** The depth that the integration reached, and how it ended. */
  readonly reached: number;
  readonly ended: string;
  /** `|predicted − integrated|/predicted`; 0 if neither blows up before the horizon, 1 if one of them does. */
  readonly disagreement: number;
  readonly times: readonly number[];
  readonly traces: readonly number[];
}

function compare({ layer, start, horizon }: GaussianFlow): Comparison {
  const form = riccatiForm(layer);
  const prediction =
    form === null
      ? { time: null, searchedTo: 0, reason: 'no closed form for these values' }
      : predictBlowUp(form, start.factor);
  const flow = integrateMoments(layer, start, { horizon });
  const { time: predicted, searchedTo, reason } = prediction;
  const times = depthsUpTo(flow.time, 120);
  return {
    predicted,
    searchedTo,
    reason,
    integrated: flow.blowUpTime,
    reached: flow.time,
    ended: flow.status.kind,
    disagreement: disagreement(predicted, flow.blowUpTime, horizon),
    times,
    traces: times.map((t) => frobeniusNorm(flow.at(t).factor) ** 2),
  };
}

function disagreement(
  predicted: number | null,
  integrated: number | null,
  horizon: number,
): number {
  if (predicted !== null && integrated !== null) return Math.abs(integrated / predicted - 1);
  const expected = predicted !== null && predicted < horizon;
  return expected === (integrated !== null) ? 0 : 1;
}

/** The finding from flows that all have, or lack, a closed form. */
export function blowUpFinding(
  flows: readonly GaussianFlow[],
  found: readonly Comparison[],
): Finding {
  const closed = flows.every(({ layer }) => riccatiForm(layer) !== null);
  const decided = found.every(
    ({ predicted, searchedTo }, i) => predicted !== null || searchedTo >= flows[i].horizon,
  );
  const finished = found.every(({ ended }) => ended === 'completed' || ended === 'event');
  const assumptions = [
    { name: 'softmax attention, V_h = v_h I for every head', holds: closed, value: String(closed) },
    {
      name: 'the closed form decides up to the horizon',
      holds: decided,
      value: Math.min(...found.map(({ predicted, searchedTo }) => predicted ?? searchedTo)),
    },
    {
      name: 'the integration reaches the horizon or the blow-up',
      holds: finished,
      value: found.find(({ ended }) => ended !== 'completed' && ended !== 'event')?.ended ?? 'yes',
    },
  ];
  const measured = Math.max(...found.map((one) => one.disagreement));
  const expected = { kind: 'at-most', value: agreement } as const;
  const both = found.filter(
    ({ predicted, integrated }) => predicted !== null && integrated !== null,
  );
  const single = found.length === 1 ? found[0] : undefined;
  const verdict = judge(assumptions, measured, null, expected);
  return {
    assumptions,
    evidence: {
      'blowUpTime.predicted': single
        ? (single.predicted ?? 'none')
        : both.map(({ predicted }) => predicted as number),
      'blowUpTime.integrated': single
        ? (single.integrated ?? 'none')
        : both.map(({ integrated }) => integrated as number),
      'blowUpTime.relativeDifference': single
        ? single.disagreement
        : both.map((one) => one.disagreement),
      ...(single
        ? { reason: single.reason, 'flow.reached': single.reached, 'flow.ended': single.ended }
        : {
            'flows.blowUp': both.length,
            'flows.noBlowUp': found.length - both.length,
          }),
      ...(single && !closed ? upperBound(flows[0]) : {}),
    },
    measured,
    expected,
    interval: null,
    verdict,
    summary: summary(found, single, closed, measured),
    figures: figures(found),
  };
}

function upperBound({ layer, law }: GaussianFlow) {
  const { conclusion, time, reason } = sufficientCondition(layer, law);
  return {
    'sufficient.conclusion': conclusion,
    'sufficient.reason': reason,
    ...(time === null ? {} : { 'sufficient.latestTime': time }),
  };
}

function summary(
  found: readonly Comparison[],
  single: Comparison | undefined,
  closed: boolean,
  measured: number,
): string {
  if (single === undefined) {
    return `Over ${found.length} flows predicted and integrated blow-up times differ by at most ${measured.toExponential(1)}, relative; where none is predicted none is found.`;
  }
  const { predicted, integrated, reason } = single;
  const seen =
    integrated === null
      ? `The integration does not blow up before depth ${single.reached.toPrecision(6)}`
      : `The integration stops at its blow-up, at depth ${integrated.toPrecision(12)}`;
  if (!closed)
    return `${seen}; the values are not multiples of the identity, so there is no closed form to compare with.`;
  return predicted === null
    ? `${seen}; none is predicted: ${reason}.`
    : `${seen}; predicted: ${predicted.toPrecision(12)}.`;
}

function figures(found: readonly Comparison[]): Figure[] {
  const shown = found.filter(({ predicted }) => predicted !== null).slice(0, 4);
  const drawn = shown.length > 0 ? shown : found.slice(0, 1);
  return [
    {
      id: 'C.blow-up',
      title: 'The covariance becomes infinite at a finite depth',
      caption:
        'Trace of the covariance along the moment flow. Dashed: the depth at which the closed form says it becomes infinite.',
      x: { label: 'depth t' },
      y: { label: 'tr Σ', scale: 'log' },
      marks: drawn.flatMap((one, k) => [
        ...(one.predicted === null || one.predicted > 2 * one.reached
          ? []
          : [
              {
                kind: 'rule' as const,
                axis: 'x' as const,
                at: one.predicted,
                label: `t* = ${one.predicted.toPrecision(4)}`,
              },
            ]),
        { kind: 'line' as const, series: `flow ${k + 1}`, x: one.times, y: one.traces },
      ]),
    },
  ];
}

/** W = 0 and W ≠ 0, M of both signs, ranks below d: dimensions 1 to 4. */
function randomFlow(seed: number, index: number): GaussianFlow {
  const stream = randomStream(seed, 'C.blow-up', index);
  const d = 1 + (index % 4);
  const M = symmetricPart(randomMatrix(stream, d, d, 1.5));
  if (index % 3 === 0) M.data.set(randomCovariance(stream, d, d, 0.1).data);
  const heads = scalarValueHeads(stream, M, index % 2 === 0 ? [1] : [-0.7, 1.2]);
  const W = index % 5 === 0 ? zeros(d, d) : randomMatrix(stream, d, d, 0.5);
  const layer: GaussianLayer = gaussianLayer({ heads, W, b: stream.normals(new Float64Array(d)) });
  const rank = index % 7 === 6 ? Math.max(1, d - 1) : d;
  return gaussianFlow(layer, randomLaw(stream, d, rank), 20);
}

async function run(context: ClaimContext<GaussianFlowInstance>): Promise<Finding> {
  if (context.instance !== undefined) {
    const flow = flowOfInstance(context.instance);
    return blowUpFinding([flow], [compare(flow)]);
  }
  const flows: GaussianFlow[] = [];
  const count = context.setting === 'full' ? 400 : 60;
  const found = await overExperiments(context, count, 'random layers', (index) => {
    const flow = randomFlow(context.seed, index);
    flows.push(flow);
    return compare(flow);
  });
  return blowUpFinding(flows, found);
}

/** The covariance becomes infinite exactly when the closed form says so (arXiv 2606.07600). */
export const blowUp = legacy<GaussianFlowInstance>({
  id: 'C.blow-up',
  paper: 'C',
  title: 'Blow-up of the covariance at a predicted depth',
  statement:
    'For $V_h = v_h I$, $\\Sigma$ becomes infinite at the first $t$ where $\\lambda_{\\max}(\\Sigma_0^{1/2} G(t) \\Sigma_0^{1/2}) = 1$, $G(t) = \\int_0^t e^{W^\\top s} M e^{W s}\\,ds$, $M = \\sum_h v_h (B_h + B_h^\\top)$; for $W = 0$ at $1/\\lambda_{\\max}(\\Sigma_0^{1/2} M \\Sigma_0^{1/2})$.',
  trust: 'P; D',
  quantity: 'relative difference of predicted and integrated blow-up depth',
  instance: gaussianFlowSchema,
  run,
});
