import { classifyLayer } from '../../gaussian/classify.ts';
import {
  analyseEquilibrium,
  refineEquilibrium,
  riccatiEquilibrium,
  riccatiJacobianSpectrum,
} from '../../gaussian/equilibrium.ts';
import { gaussianLayer } from '../../gaussian/layer.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { unfactored } from '../../gaussian/moments.ts';
import { randomCovariance } from '../../gaussian/random-matrices.ts';
import { riccatiForm } from '../../gaussian/riccati.ts';
import { type GaussianFlowInstance, gaussianFlowSchema } from '../../gaussian/schema.ts';
import { eigenvalues, type Spectrum, symmetricEigen } from '../../numeric/decompositions.ts';
import { frobeniusNorm, type Matrix, scale, subtract, toRows } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { depthsUpTo, flowOfInstance, type GaussianFlow, gaussianFlow } from './flow-instance.ts';
import { randomLaw, scalarValueHeads, shiftedMatrix } from './random-flows.ts';
import { type SufficientRecord, sufficientRecord } from './sufficient-record.ts';

/** Relative disagreement that the integration's own tolerance explains. */
const solverTolerance = 1e-8;

interface StabilityRecord {
  readonly scalarValues: boolean;
  readonly largestOfM: number;
  readonly smallestOfW: number;
  readonly fullRank: boolean;
  readonly regime: string;
  /** Directions in which the covariance stays; null for growth and blow-up. */
  readonly dimension: number | null;
  /** Where the regime is blow-up: its depth. */
  readonly blowUpTime: number | null;
  readonly equilibrium: Matrix | null;
  readonly spectrum: Spectrum | null;
  readonly meanStable: boolean | null;
  /** `v̂ < 0`; null without scalar values. */
  readonly valueNegative: boolean | null;
  readonly difference: { readonly equilibrium: number; readonly spectrum: number };
  /** Depth, and distance to the equilibrium over its size. */
  readonly times: readonly number[];
  readonly distances: readonly number[];
}

function examine({ layer, law, start }: GaussianFlow): StabilityRecord {
  const form = riccatiForm(layer);
  const d = law.mean.length;
  const classification = classifyLayer(layer, start);
  const closed = form === null ? null : riccatiEquilibrium(form);
  const settled =
    classification.regime === 'stable' && start.factor.columns === d
      ? classification.covariance
      : null;
  const equilibrium =
    closed ?? (settled === null ? null : (refineEquilibrium(layer, settled) ?? settled));
  const analysis = equilibrium === null ? null : analyseEquilibrium(layer, equilibrium);
  const approach =
    equilibrium === null ? null : follow({ layer, law, start, horizon: 1 }, equilibrium);
  const expected = form === null ? null : riccatiJacobianSpectrum(form);
  return {
    scalarValues: form !== null,
    largestOfM: form === null ? Number.NaN : symmetricEigen(form.M).values[d - 1],
    smallestOfW: Math.min(...eigenvalues(layer.W).real),
    fullRank: start.factor.columns === d,
    regime: classification.regime,
    dimension: classification.dimension,
    blowUpTime: classification.blowUpTime,
    equilibrium,
    spectrum: analysis?.jacobianSpectrum ?? null,
    meanStable: analysis === null ? null : Math.max(...analysis.meanSpectrum.real) < 0,
    valueNegative: form === null ? null : form.totalValue < 0,
    difference: {
      equilibrium: approach?.difference ?? 1,
      spectrum:
        analysis === null || expected === null
          ? 1
          : spectrumDistance(analysis.jacobianSpectrum, expected),
    },
    times: approach?.times ?? [],
    distances: approach?.distances ?? [],
  };
}

/** Integrates the covariance until its slowest mode is 3e-12 of what it was. */
function follow({ layer, start, law }: GaussianFlow, target: Matrix) {
  const slowest = Math.min(...eigenvalues(layer.W).real);
  const horizon = slowest > 0 ? 13.3 / slowest : 50;
  const centred = { ...layer, b: new Float64Array(layer.dimension) };
  const flow = integrateMoments(
    centred,
    { ...start, mean: new Float64Array(law.mean.length) },
    { horizon },
  );
  const size = frobeniusNorm(target);
  const distance = (t: number) =>
    frobeniusNorm(subtract(unfactored(flow.at(t)).covariance, target)) / size;
  const times = depthsUpTo(flow.time, 100);
  return { times, distances: times.map(distance), difference: distance(flow.time) };
}

/** Largest distance of matched eigenvalues over the largest modulus. */
function spectrumDistance(a: Spectrum, b: Spectrum): number {
  const left = Array.from(b.real, (_, i) => i);
  let largest = 0;
  let size = 0;
  a.real.forEach((re, i) => {
    const distance = (j: number) => Math.hypot(re - b.real[j], a.imaginary[i] - b.imaginary[j]);
    const nearest = left.reduce((best, j) => (distance(j) < distance(best) ? j : best), left[0]);
    left.splice(left.indexOf(nearest), 1);
    largest = Math.max(largest, distance(nearest));
    size = Math.max(size, Math.hypot(re, a.imaginary[i]));
  });
  return largest / size;
}

/** The finding from layers and from the sufficient tests. */
export function stabilityFinding(
  records: readonly StabilityRecord[],
  sufficient: readonly SufficientRecord[],
): Finding {
  const all = (holds: (one: StabilityRecord) => boolean) => records.every(holds);
  const assumptions = [
    {
      name: 'softmax attention, V_h = v_h I for every head',
      holds: all((one) => one.scalarValues),
      value: String(all((one) => one.scalarValues)),
    },
    {
      name: 'M negative definite (largest eigenvalue)',
      holds: all((one) => one.largestOfM < 0),
      value: all((one) => one.scalarValues)
        ? Math.max(...records.map((one) => one.largestOfM))
        : 'undefined',
    },
    {
      name: 'every eigenvalue of W has positive real part (smallest)',
      holds: all((one) => one.smallestOfW > 0),
      value: Math.min(...records.map((one) => one.smallestOfW)),
    },
    {
      name: 'the law has full rank',
      holds: all((one) => one.fullRank),
      value: String(all((one) => one.fullRank)),
    },
  ];
  const measured = Math.max(
    ...records.map(({ difference }) => Math.max(difference.equilibrium, difference.spectrum)),
  );
  const expected = { kind: 'at-most', value: solverTolerance } as const;
  const meanAsStated = all(({ meanStable, valueNegative }) => meanStable === valueNegative);
  const contradictions = sufficient.filter((one) => one.contradicted).length;
  const judged = judge(assumptions, measured, null, expected);
  const verdict = judged === 'holds' && !(meanAsStated && contradictions === 0) ? 'fails' : judged;
  const single = sufficient.length === 0 ? records[0] : undefined;
  return {
    assumptions,
    evidence: {
      ...(single ? singleEvidence(single) : {}),
      'difference.equilibrium': records.map((one) => one.difference.equilibrium),
      'difference.jacobianSpectrum': records.map((one) => one.difference.spectrum),
      ...(single
        ? {}
        : {
            'mean.stableIffValueNegative': String(meanAsStated),
            'mean.stable': records.filter((one) => one.meanStable === true).length,
            'sufficient.bounded': sufficient.filter((one) => one.conclusion === 'bounded').length,
            'sufficient.blowUp': sufficient.filter((one) => one.conclusion === 'blow-up').length,
            'sufficient.contradictions': contradictions,
          }),
    },
    measured,
    expected,
    interval: null,
    verdict,
    summary: summary(records, single, verdict, measured, meanAsStated, contradictions),
    figures: stabilityFigures(records),
  };
}

function singleEvidence(one: StabilityRecord) {
  return {
    regime: one.regime,
    ...(one.dimension === null ? {} : { dimension: one.dimension }),
    ...(one.blowUpTime === null ? {} : { 'blowUpTime.predicted': one.blowUpTime }),
    equilibrium: one.equilibrium === null ? 'none' : toRows(one.equilibrium),
    jacobianSpectrum: one.spectrum === null ? 'none' : Array.from(one.spectrum.real),
    'jacobianSpectrum.imaginary':
      one.spectrum === null ? 'none' : Array.from(one.spectrum.imaginary),
    'mean.stable': one.meanStable === null ? 'no equilibrium' : String(one.meanStable),
  };
}

function summary(
  records: readonly StabilityRecord[],
  single: StabilityRecord | undefined,
  verdict: string,
  measured: number,
  meanAsStated: boolean,
  contradictions: number,
): string {
  if (contradictions > 0) return `The sufficient tests are contradicted ${contradictions} times.`;
  if (verdict === 'outside') {
    const time = single?.blowUpTime ?? null;
    return `The theorem says nothing here; the layer is classified as: ${single?.regime ?? 'mixed'}${time === null ? '' : `, at depth ${time.toPrecision(8)}`}.`;
  }
  const where = single ? 'Closed form' : `Over ${records.length} layers closed form`;
  const mean = meanAsStated
    ? 'the mean is stable exactly where v̂ < 0'
    : 'but the mean is not stable exactly where v̂ < 0';
  return `${where}, integration and Jacobian agree to ${measured.toExponential(1)}; ${mean}.`;
}

function stabilityFigures(records: readonly StabilityRecord[]): Figure[] {
  const drawn = records.filter(({ times }) => times.length > 0).slice(0, 5);
  if (drawn.length === 0) return [];
  return [
    {
      id: 'C.stability',
      title: 'The covariance tends to the equilibrium of the closed form',
      caption:
        'Distance of the integrated covariance to Σ*, over |Σ*|. Straight lines: decay at the rate of the slowest eigenvalue of the Jacobian.',
      x: { label: 'depth t' },
      y: { label: '|Σ(t) − Σ*| / |Σ*|', scale: 'log' },
      marks: drawn.map((one, k) => {
        const seen = one.distances.findIndex((distance) => !(distance > 1e-13));
        const end = seen < 0 ? one.distances.length : seen;
        return {
          kind: 'line' as const,
          series: `layer ${k + 1}`,
          x: one.times.slice(0, end),
          y: one.distances.slice(0, end),
        };
      }),
    },
  ];
}

function randomFlow(seed: number, index: number): GaussianFlow {
  const stream = randomStream(seed, 'C.stability', index);
  const d = 1 + (index % 4);
  const values = index % 3 === 0 ? [-1] : index % 3 === 1 ? [1.3] : [-1.5, 0.4];
  const M = scale(-1, randomCovariance(stream, d, d, 0.5));
  const layer = gaussianLayer({
    heads: scalarValueHeads(stream, M, values),
    W: shiftedMatrix(stream, d, 1.2),
    b: stream.normals(new Float64Array(d)),
  });
  return gaussianFlow(layer, randomLaw(stream, d), 1);
}

async function run(context: ClaimContext<GaussianFlowInstance>): Promise<Finding> {
  const { instance, seed, setting } = context;
  if (instance !== undefined) return stabilityFinding([examine(flowOfInstance(instance))], []);
  const many = setting === 'full' ? 160 : 20;
  const records = await overExperiments(context, many, 'layers with an equilibrium', (index) =>
    examine(randomFlow(seed, index)),
  );
  const sufficient = await overExperiments(context, many, 'sufficient tests', (index) =>
    sufficientRecord(seed, index),
  );
  return stabilityFinding(records, sufficient);
}

/** Equilibrium of the covariance, and the spectrum of the flow there (arXiv 2606.07600). */
export const stability = legacy<GaussianFlowInstance>({
  id: 'C.stability',
  paper: 'C',
  title: 'A stable covariance in closed form',
  statement:
    'For $V_h = v_h I$, $M \\prec 0$ and $\\operatorname{Re}\\lambda(W) > 0$: $\\Sigma(t) \\to \\Sigma_*$ with $W^\\top P_* + P_* W = -M$, $P_* = \\Sigma_*^{-1}$, Jacobian spectrum $-(\\lambda_i(W) + \\lambda_j(W))$; the mean is stable iff $\\sum_h v_h < 0$.',
  trust: 'P; D',
  quantity: 'largest relative difference to the closed form',
  instance: gaussianFlowSchema,
  run,
});
