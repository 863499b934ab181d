import type { GaussianLayer } from '../../gaussian/layer.ts';
import { momentBatch } from '../../gaussian/moment-batch.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { unfactored } from '../../gaussian/moments.ts';
import { type GaussianFlowInstance, gaussianFlowSchema } from '../../gaussian/schema.ts';
import type { Backend } from '../../kernels/backend.ts';
import { symmetricEigen } from '../../numeric/decompositions.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { flowOfInstance, type GaussianFlow, gaussianFlow } from './flow-instance.ts';
import { randomLaw, randomSoftmaxLayer } from './random-flows.ts';

/** Eigenvalues below this fraction of the largest count as zero. */
const tolerance = 1e-9;

/** A flow whose layer changes at equal intervals. */
export interface PiecewiseFlow extends GaussianFlow {
  readonly layers: readonly GaussianLayer[];
}

interface RankRecord {
  readonly dimension: number;
  readonly before: number;
  /** Of the flow in factored form. */
  readonly after: number;
  /** Of Σ itself under Runge–Kutta steps that know no factor; null for attention other than softmax. */
  readonly unfactored: number | null;
  /** Smallest eigenvalue that must stay, and largest that must not appear, over the largest; of the unfactored Σ. */
  readonly kept: number;
  readonly leaked: number;
  readonly completed: boolean;
  /** The depth reached, and that of the blow-up where there is one. */
  readonly reached: number;
  readonly blowUpTime: number | null;
  readonly times: readonly number[];
  /** Eigenvalues over the largest at each time, decreasing. */
  readonly spectra: readonly (readonly number[])[];
}

function spectrum(covariance: Matrix): number[] {
  const values = Array.from(symmetricEigen(covariance).values).reverse();
  return values.map((value) => value / values[0]);
}

function measure(backend: Backend, flow: PiecewiseFlow): RankRecord {
  const { layers, start, horizon, law } = flow;
  const piece = horizon / layers.length;
  const before = start.factor.columns;
  let moments = start;
  let completed = true;
  let blowUpTime: number | null = null;
  const times = [0];
  const spectra = [spectrum(unfactored(start).covariance)];
  for (const [k, layer] of layers.entries()) {
    const part = integrateMoments(layer, moments, { horizon: piece });
    moments = part.moments;
    times.push(k * piece + part.time);
    spectra.push(spectrum(unfactored(moments).covariance));
    completed &&= part.status.kind === 'completed';
    if (part.blowUpTime !== null) blowUpTime = k * piece + part.blowUpTime;
    if (!completed) break;
  }
  const after = spectra[spectra.length - 1].filter((value) => value > tolerance).length;
  const plain =
    completed && layers[0].attention === 'softmax' ? rawSpectrum(backend, flow, law) : null;
  return {
    dimension: law.mean.length,
    before,
    after,
    unfactored: plain === null ? null : plain.filter((value) => value > tolerance).length,
    kept: plain === null ? Number.NaN : plain[before - 1],
    leaked: plain === null ? 0 : Math.max(0, ...plain.slice(before).map(Math.abs)),
    completed,
    reached: times[times.length - 1],
    blowUpTime,
    times,
    spectra,
  };
}

/** Spectrum of Σ at the horizon, integrated as a d × d matrix. */
function rawSpectrum(
  backend: Backend,
  { layers, horizon }: PiecewiseFlow,
  law: GaussianFlow['law'],
): number[] {
  const steps = Math.ceil(4000 / layers.length);
  const batch = momentBatch(backend, {
    dimension: law.mean.length,
    heads: layers[0].heads.length,
    points: 1,
    steps,
  });
  let current = law;
  for (const layer of layers) {
    batch.set(0, layer, current);
    batch.run(horizon / layers.length / steps);
    current = batch.law(0);
  }
  return spectrum(current.covariance);
}

/** The finding from the ranks of some flows. */
export function rankFinding(records: readonly RankRecord[]): Finding {
  const completed = records.filter((one) => one.completed).length;
  const assumptions = [
    {
      name: 'no blow-up before the horizon',
      holds: completed === records.length,
      value: `${completed} of ${records.length}`,
    },
  ];
  const stopped = records.find((one) => !one.completed);
  const changes = records.map((one) =>
    Math.max(
      Math.abs(one.after - one.before),
      one.unfactored === null ? 0 : Math.abs(one.unfactored - one.before),
    ),
  );
  const measured = Math.max(...changes);
  const expected = { kind: 'value', value: 0 } as const;
  const leaked = Math.max(...records.map((one) => one.leaked));
  return {
    assumptions,
    evidence: {
      rank: records.length === 1 ? records[0].after : records.map((one) => one.after),
      'rank.before': records.length === 1 ? records[0].before : records.map((one) => one.before),
      dimension: records.length === 1 ? records[0].dimension : records.map((one) => one.dimension),
      'unfactored.rank': records.map((one) => one.unfactored ?? 'not run').join(' '),
      'unfactored.leak': leaked,
      ...(records.length === 1
        ? {
            'flow.reached': records[0].reached,
            'blowUpTime.integrated': records[0].blowUpTime ?? 'none',
          }
        : {}),
    },
    measured,
    expected,
    interval: null,
    verdict: judge(assumptions, measured, null, expected),
    summary:
      measured === 0 && stopped !== undefined
        ? `The rank of Σ stays as far as the flow goes: it stops at depth ${stopped.reached.toPrecision(6)}${stopped.blowUpTime === null ? '' : ', at its blow-up'}.`
        : measured === 0
          ? `The rank of Σ stays in all ${records.length} flows; Runge–Kutta steps on Σ itself let at most ${leaked.toExponential(1)} of its largest eigenvalue into the other directions.`
          : `The rank of Σ changes by up to ${measured}.`,
    figures: [rankFigure(records)],
  };
}

function rankFigure(records: readonly RankRecord[]): Figure {
  const singular = records.find((one) => one.before < one.dimension && one.before > 1);
  const { times, spectra, before } = singular ?? records[0];
  return {
    id: 'C.rank',
    title: 'The rank of the covariance does not change',
    caption:
      'Positive eigenvalues of Σ over the largest, along controls that change with depth. They neither vanish nor are joined by others.',
    x: { label: 'depth t' },
    y: { label: 'λ_i(Σ) / λ_1(Σ)', scale: 'log' },
    marks: Array.from({ length: before }, (_, i) => ({
      kind: 'line' as const,
      series: `λ${i + 1}`,
      x: times,
      y: spectra.map((values) => values[i]),
    })),
  };
}

function randomFlow(seed: number, index: number): PiecewiseFlow {
  const stream = randomStream(seed, 'C.rank', index);
  const d = 2 + (index % 4);
  const rank = 1 + (Math.floor(index / 4) % d);
  const layers = Array.from({ length: 8 }, () => randomSoftmaxLayer(stream, d, { size: 0.6 }));
  return { ...gaussianFlow(layers[0], randomLaw(stream, d, rank), 0.5), layers };
}

async function run(context: ClaimContext<GaussianFlowInstance>): Promise<Finding> {
  const { backend, instance, seed, setting } = context;
  if (instance !== undefined) {
    const flow = flowOfInstance(instance);
    return rankFinding([measure(backend, { ...flow, layers: [flow.layer] })]);
  }
  const records = await overExperiments(
    context,
    setting === 'full' ? 200 : 28,
    'random controls',
    (index) => measure(backend, randomFlow(seed, index)),
  );
  return rankFinding(records);
}

/** The rank of the covariance is invariant (arXiv 2606.07600). */
export const rank = legacy<GaussianFlowInstance>({
  id: 'C.rank',
  paper: 'C',
  title: 'The rank of the covariance is invariant',
  statement:
    '$\\dot\\Sigma = U\\Sigma + \\Sigma U^\\top$ gives $\\Sigma(t) = \\Phi(t)\\Sigma_0\\Phi(t)^\\top$ with $\\Phi(t)$ regular, so $\\operatorname{rank}\\Sigma(t) = \\operatorname{rank}\\Sigma_0$ along any controls.',
  trust: 'P',
  quantity: 'largest change of the rank',
  instance: gaussianFlowSchema,
  run,
});
