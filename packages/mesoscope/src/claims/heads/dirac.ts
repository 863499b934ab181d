import {
  cloudAround,
  type DiracStability,
  diracStability,
  modeAmplitudes,
  polishStationary,
  trainSingleHead,
} from '../../heads/dirac.ts';
import { headFlow } from '../../heads/flow.ts';
import { type HeadLaw, headLaw, randomHeads } from '../../heads/head-law.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { fitLine, meanInterval } from '../../numeric/fit.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { type Claim, type ClaimContext, type Expected, type Finding, judge } from '../claim.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { bifurcationFigure } from './bifurcation.ts';
import {
  explicitExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';

/** Gradient below which a head counts as stationary. */
const stationary = 1e-8;
/** Heads in a perturbed cloud, and its size against the head's. */
const cloudHeads = 12;
const cloudSize = 1e-5;
/** λ of the claim's own experiments: from a stable Dirac to one that splits. */
const regularisations = [0.3, 0.1, 0.03, 0.01];

/**
 * Step of the integration in units of the fastest mode's time. Runge–Kutta of order 4 then changes a rate by a fraction
 * of the fastest one of at most step⁴/120.
 */
const relativeStep = 0.2;

/** Growth of one mode: what the linearisation says, and what a cloud does. */
interface Growth {
  readonly predicted: number;
  readonly measured: number;
}

interface Measured {
  readonly stability: DiracStability;
  /** `R(δ_θ)` and `Ψ(θ;δ_θ)`. */
  readonly risk: number;
  readonly firstVariation: number;
  readonly regularisation: number;
  /** Of fluctuations along the lowest mode of H_Ψ. */
  readonly fluctuation: Growth | undefined;
  /** Of the mean along the lowest mode of H_Ψ + G. */
  readonly mean: Growth | undefined;
  /** Of the measured rates: the integration's error, and what twice the cloud changes, since quadratic terms are of its order. */
  readonly uncertainty: number;
  readonly times: number[];
  readonly fluctuations: number[];
  readonly means: number[];
}

/** Logarithmic slopes of the amplitudes of the two lowest modes in a small cloud around a stationary head. */
function measure(problem: HeadProblem, start: Float64Array, random: RandomStream): Measured {
  const { head, stationarity } = polishStationary(problem, start);
  const moved = Math.hypot(...head.map((x, j) => x - start[j]));
  const isNear = stationarity <= stationary && moved <= 0.01 * (1 + Math.hypot(...start));
  const stability = diracStability(problem, isNear ? head : start);
  const { regularisation } = problem;
  const linearisation = problem.linearise(headLaw(problem.shape, stability.head));
  const [firstVariation] = problem.firstVariation(linearisation, stability.head);
  const known = { stability, regularisation, risk: linearisation.risk, firstVariation };
  const nothing = {
    fluctuation: undefined,
    mean: undefined,
    uncertainty: 0,
    times: [],
    fluctuations: [],
    means: [],
  };
  if (!isNear) return { ...known, ...nothing };
  const { frozen, single } = stability;
  const size = cloudSize * (1 + Math.hypot(...head));
  const fastest = Math.max(...single.values.map(Math.abs), ...frozen.values.map(Math.abs), 1e-12);
  const step = relativeStep / fastest;
  const horizonOf = (rate: number) =>
    Math.min(600 * step, Math.max(40 * step, 1.5 / Math.abs(rate)));
  const steps = Math.round(horizonOf(frozen.values[0]) / step);
  const offsets = displacements(stability, random);
  const cloudOf = (size: number) =>
    growthOf(problem, stability, cloudAround(problem, head, offsets, size), { step, steps });
  const [near, far] = [cloudOf(size), cloudOf(2 * size)];
  return {
    ...known,
    ...near,
    uncertainty:
      (relativeStep ** 4 / 120) * fastest +
      Math.max(
        Math.abs(far.fluctuation.measured - near.fluctuation.measured),
        Math.abs(far.mean.measured - near.mean.measured),
      ),
    fluctuations: near.fluctuations.map((x) => x / size),
    means: near.means.map((x) => x / size),
  };
}

/** Growth of the lowest modes of H_Ψ and of H_Ψ + G in a cloud. */
function growthOf(
  problem: HeadProblem,
  { head, frozen, single }: DiracStability,
  cloud: HeadLaw,
  { step, steps }: { readonly step: number; readonly steps: number },
) {
  const times: number[] = [];
  const fluctuations: number[] = [];
  const means: number[] = [];
  for (const { time, law } of headFlow(problem, cloud, { step, steps, scheme: 'rk4' })) {
    times.push(time);
    fluctuations.push(modeAmplitudes(law, head, frozen.vectors[0]).fluctuation);
    means.push(Math.abs(modeAmplitudes(law, head, single.vectors[0]).mean));
  }
  const growth = (amplitudes: number[], rate: number): Growth => ({
    predicted: -rate,
    measured: slopeOf(times, amplitudes, rate),
  });
  return {
    times,
    fluctuations,
    means,
    fluctuation: growth(fluctuations, frozen.values[0]),
    mean: growth(means, single.values[0]),
  };
}

/** Random displacements with the mean along the lowest mode of H_Ψ + G, and deviations from it in all modes of H_Ψ. */
function displacements({ head, single }: DiracStability, random: RandomStream): Float64Array[] {
  const P = head.length;
  const drawn = Array.from({ length: cloudHeads }, () => random.normals(new Float64Array(P)));
  return drawn.map((displacement) =>
    displacement.map((x, j) => {
      const mean = drawn.reduce((sum, other) => sum + other[j], 0) / cloudHeads;
      return x - mean + single.vectors[0][j];
    }),
  );
}

/** Logarithmic slope while the mode changes by e³ at the most: further on, quadratic terms of others would show. */
function slopeOf(times: readonly number[], amplitudes: readonly number[], rate: number): number {
  const count = Math.max(8, times.filter((t) => Math.abs(rate) * t <= 3).length);
  const kept = amplitudes.slice(0, count);
  if (!kept.every((x) => x > 0)) return Number.NaN;
  return fitLine(times.slice(0, count), kept.map(Math.log)).slope;
}

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) {
    const { problem, law } = explicitExperiment(backend, instance);
    const P = law.parameters.length / law.count;
    const measured = measure(problem, law.parameters.slice(0, P), randomStream(seed, 'cloud'));
    return finding([measured], law.count === 1);
  }
  const repetitions = setting === 'full' ? 8 : 2;
  const measured = await overExperiments(
    context,
    repetitions * regularisations.length,
    'perturbed clouds',
    (index) => {
      const regularisation = regularisations[index % regularisations.length];
      const which = Math.floor(index / regularisations.length);
      const { problem } = randomExperiment(backend, seed, which, { regularisation });
      const random = randomStream(seed, 'single head', index);
      const start = randomHeads(problem.shape, 1, random, { score: 1, value: 1 }).parameters;
      return measure(problem, trainSingleHead(problem, start).head, random);
    },
  );
  return finding(measured, true, bifurcationFigure(backend, seed, setting));
}

function finding(
  measured: readonly Measured[],
  isDirac: boolean,
  bifurcation?: Finding['figures'][number],
): Finding {
  const stationarity = Math.max(...measured.map(({ stability }) => stability.stationarity));
  const isStationary = measured.every(({ fluctuation }) => fluctuation !== undefined);
  const marginal = measured.some(({ stability }) => stability.kind === 'marginal');
  const assumptions = [
    { name: 'the law is concentrated on one head', holds: isDirac, value: `${isDirac}` },
    { name: 'the head is stationary: ∇Ψ(θ;δ_θ) = 0', holds: isStationary, value: stationarity },
    {
      name: 'the smallest eigenvalue of H_Ψ is not 0, so that the linearisation decides',
      holds: !marginal,
      value: Math.min(...measured.map(({ stability }) => Math.abs(stability.frozen.values[0]))),
    },
  ];
  const evidence = diracEvidence(measured);
  const ratios = measured.flatMap((each) =>
    [each.fluctuation, each.mean].flatMap((growth) =>
      growth === undefined ? [] : [relativeDifference(growth, each)],
    ),
  );
  const usable = isStationary && isDirac && !marginal;
  const { mean: difference, interval } = usable
    ? meanInterval(ratios)
    : { mean: Number.NaN, interval: null };
  const expected: Expected = { kind: 'value', value: 0, tolerance: toleranceOf(measured) };
  const kinds = measured.map(({ stability }) => stability.kind);
  return {
    assumptions,
    evidence,
    measured: difference,
    expected,
    interval,
    verdict: judge(assumptions, difference, interval, expected),
    summary: usable
      ? `${kindsSentence(measured)} Measured growth rates of fluctuations and of the mean differ from −λ_min(H_Ψ) and −λ_min(H_Ψ + G) by ${Math.max(...ratios.map(Math.abs)).toExponential(1)} of the largest eigenvalue at most.`
      : isStationary
        ? `${kinds.join(', ')}: the linearisation does not decide.`
        : `The head is not stationary (largest entry of ∇Ψ ${stationarity.toExponential(1)}): δ_θ moves by itself. Train the head first.`,
    figures: isStationary
      ? [cloudFigure(measured), ...(bifurcation === undefined ? [] : [bifurcation])]
      : [],
  };
}

/** The largest uncertainty of a rate, in the units of {@link relativeDifference}. */
function toleranceOf(measured: readonly Measured[]): number {
  return Math.max(...measured.map((each) => each.uncertainty / largestEigenvalue(each)));
}

function largestEigenvalue({ stability: { single } }: Measured): number {
  return Math.max(Math.abs(single.values[single.values.length - 1]), 1e-300);
}

/** Measured minus predicted rate, as a fraction of the largest eigenvalue of H_Ψ + G. */
function relativeDifference({ predicted, measured }: Growth, of: Measured): number {
  return (measured - predicted) / largestEigenvalue(of);
}

function kindsSentence(measured: readonly Measured[]): string {
  return measured
    .map(({ stability: { kind, frozen, single }, regularisation }) => {
      const fluctuation = frozen.values[0].toFixed(4);
      return `λ = ${regularisation}: ${kind} (λ_min(H_Ψ) = ${fluctuation}, λ_min(H_Ψ + G) = ${single.values[0].toFixed(4)}).`;
    })
    .join(' ');
}

function diracEvidence(measured: readonly Measured[]): Finding['evidence'] {
  const [first] = measured;
  const { stability } = first;
  const rates = (pick: (m: Measured) => Growth | undefined, key: keyof Growth) =>
    measured.map((m) => pick(m)?.[key] ?? Number.NaN);
  const single = measured.length === 1;
  const scalar = (values: number[]) => (single ? values[0] : values);
  return {
    kind: measured.map((m) => m.stability.kind).join(', '),
    risk: scalar(measured.map((m) => m.risk)),
    'firstVariation.support': scalar(measured.map((m) => m.firstVariation)),
    regularisation: scalar(measured.map((m) => m.regularisation)),
    stationarity: scalar(measured.map((m) => m.stability.stationarity)),
    'hessian.frozen.spectrum': [...stability.frozen.values],
    'hessian.interaction.spectrum': [...stability.interaction.values],
    'hessian.single.spectrum': [...stability.single.values],
    'hessian.frozen.smallest': scalar(measured.map((m) => m.stability.frozen.values[0])),
    'hessian.single.smallest': scalar(measured.map((m) => m.stability.single.values[0])),
    'gauge.directionsRemoved': scalar(measured.map((m) => m.stability.gaugeDirections)),
    'growthRate.predicted': scalar(measured.map((m) => -m.stability.frozen.values[0])),
    'growthRate.measured': scalar(rates((m) => m.fluctuation, 'measured')),
    'growthRate.mean.predicted': scalar(measured.map((m) => -m.stability.single.values[0])),
    'growthRate.mean.measured': scalar(rates((m) => m.mean, 'measured')),
    'blockVV.norm': Math.max(...measured.map((m) => m.stability.valueBlockNorm)),
  };
}

function cloudFigure(measured: readonly Measured[]): Finding['figures'][number] {
  const shown = measured[measured.length - 1];
  const { times, fluctuations, means, fluctuation, mean } = shown;
  const line = (amplitudes: readonly number[], rate: number) =>
    times.map((t) => amplitudes[0] * Math.exp(rate * t));
  return {
    id: 'B.dirac',
    title: 'A cloud around one head',
    caption: `Amplitude of deviations from the mean along the lowest mode of H_Ψ, and of the mean along the lowest mode of H_Ψ + G, over the cloud's size (λ = ${shown.regularisation}). Dashed: the predicted rates.`,
    x: { label: 'time t' },
    y: { label: 'amplitude', scale: 'log' },
    marks: [
      {
        kind: 'reference',
        label: '−λ_min(H_Ψ)',
        x: times,
        y: line(fluctuations, fluctuation?.predicted ?? 0),
      },
      {
        kind: 'reference',
        label: '−λ_min(H_Ψ + G)',
        x: times,
        y: line(means, mean?.predicted ?? 0),
      },
      { kind: 'line', series: 'fluctuation', x: times, y: fluctuations },
      { kind: 'line', series: 'mean', x: times, y: means },
    ],
  };
}

/** Stability of a law concentrated on one head (arXiv 2606.10469). */
export const dirac: Claim<HeadInstance> = {
  id: 'B.dirac',
  paper: 'B',
  title: 'A single head is stable, splits or translates',
  statement:
    'At a stationary $\\delta_{\\theta^*}$, with $H_\\Psi = \\nabla^2_\\theta\\Psi(\\theta^*;\\delta_{\\theta^*})$ and $G = \\mathbb{E}[D\\Phi^\\top(\\operatorname{diag}p - pp^\\top)D\\Phi] \\succeq 0$, the mean displacement of a cloud obeys $-(H_\\Psi + G)$ and its fluctuations obey $-H_\\Psi$: it splits if $\\lambda_{\\min}(H_\\Psi) < 0$ even where the single-head Hessian $H_\\Psi + G \\succeq 0$. Without regularisation the $(V,V)$ block of $H_\\Psi$ is 0.',
  trust: 'P; D',
  quantity: 'measured minus predicted growth rate, over the largest eigenvalue',
  instance: headInstance,
  run: runExperiment,
};
