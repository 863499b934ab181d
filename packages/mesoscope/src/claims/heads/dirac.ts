import { trainSingleHead } from '../../heads/dirac.ts';
import { randomHeads } from '../../heads/head-law.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { type ClaimContext, type Expected, type Finding, judge, legacy } from '../legacy.ts';
import { bifurcationFigure } from './bifurcation.ts';
import {
  explicitExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';
import { type Growth, type PerturbedHead, perturbHead } from './perturbed-head.ts';

/** λ of the claim's own experiments: from a stable Dirac to one that splits. */
const regularisations = [0.3, 0.1, 0.03, 0.01];

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) {
    const { problem, law } = explicitExperiment(backend, instance);
    const P = law.parameters.length / law.count;
    const measured = perturbHead(problem, law.parameters.slice(0, P), randomStream(seed, 'cloud'));
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
      return perturbHead(problem, trainSingleHead(problem, start).head, random);
    },
  );
  return finding(measured, true, bifurcationFigure(backend, seed, setting));
}

function finding(
  measured: readonly PerturbedHead[],
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
function toleranceOf(measured: readonly PerturbedHead[]): number {
  return Math.max(...measured.map((each) => each.uncertainty / largestEigenvalue(each)));
}

function largestEigenvalue({ stability: { single } }: PerturbedHead): number {
  return Math.max(Math.abs(single.values[single.values.length - 1]), 1e-300);
}

/** Measured minus predicted rate, as a fraction of the largest eigenvalue of H_Ψ + G. */
function relativeDifference({ predicted, measured }: Growth, of: PerturbedHead): number {
  return (measured - predicted) / largestEigenvalue(of);
}

function kindsSentence(measured: readonly PerturbedHead[]): string {
  return measured
    .map(({ stability: { kind, frozen, single }, regularisation }) => {
      const fluctuation = frozen.values[0].toFixed(4);
      return `λ = ${regularisation}: ${kind} (λ_min(H_Ψ) = ${fluctuation}, λ_min(H_Ψ + G) = ${single.values[0].toFixed(4)}).`;
    })
    .join(' ');
}

function diracEvidence(measured: readonly PerturbedHead[]): Finding['evidence'] {
  const [first] = measured;
  const { stability } = first;
  const rates = (pick: (m: PerturbedHead) => Growth | undefined, key: keyof Growth) =>
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

function cloudFigure(measured: readonly PerturbedHead[]): Finding['figures'][number] {
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
export const dirac = legacy<HeadInstance>({
  id: 'B.dirac',
  paper: 'B',
  title: 'A single head is stable, splits or translates',
  statement:
    'At a stationary $\\delta_{\\theta^*}$, with $H_\\Psi = \\nabla^2_\\theta\\Psi(\\theta^*;\\delta_{\\theta^*})$ and $G = \\mathbb{E}[D\\Phi^\\top(\\operatorname{diag}p - pp^\\top)D\\Phi] \\succeq 0$, the mean displacement of a cloud obeys $-(H_\\Psi + G)$ and its fluctuations obey $-H_\\Psi$: it splits if $\\lambda_{\\min}(H_\\Psi) < 0$ even where the single-head Hessian $H_\\Psi + G \\succeq 0$. Without regularisation the $(V,V)$ block of $H_\\Psi$ is 0.',
  trust: 'P; D',
  quantity: 'measured minus predicted growth rate, over the largest eigenvalue',
  instance: headInstance,
  run: runExperiment,
});
