import * as z from 'zod';
import { trainSingleHead } from '../../heads/dirac.ts';
import { type Branch, followDirac } from '../../heads/dirac-branch.ts';
import { isSpread, randomExperiment } from '../../heads/experiment.ts';
import { randomHeads } from '../../heads/head-law.ts';
import { type Growth, type PerturbedHead, perturbHead } from '../../heads/perturbed-head.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { identical } from '../check.ts';
import { claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { checkHeads, explicitExperiment, headData, penalty } from './instance.ts';

const given = experiments({
  label: 'perturbed clouds',
  shared: {},
  own: {
    trained: experimentCount(2, 'single heads trained at each λ'),
    regularisations: z
      .array(penalty)
      .min(1)
      .default([0.3, 0.1, 0.03, 0.01])
      .describe('λ of the heads: from a stable head to one that splits'),
    branch: z.int().min(2).max(1000).default(16).describe('values of λ along the branch of a head'),
  },
  data: { ...headData, regularisation: penalty },
  full: { trained: 8, branch: 40 },
  check: checkHeads,
  // The last piece of the claim's own experiments is the branch.
  pieces: (given) => (given.explicit ? 1 : given.trained * given.regularisations.length + 1),
});

interface Measured {
  /** Whether the law is concentrated on one head. */
  readonly concentrated: boolean;
  readonly perturbed?: PerturbedHead;
  readonly branch?: Branch;
}

/** Stability of a law concentrated on one head (arXiv 2606.10469). */
export const dirac = claim<ReturnType<typeof given.parse>, Measured>({
  id: 'B.dirac',
  title: 'A single head is stable, splits or translates',
  statement:
    'At a stationary $\\delta_{\\theta^*}$, with $H_\\Psi = \\nabla^2_\\theta\\Psi(\\theta^*;\\delta_{\\theta^*})$ and $G = \\mathbb{E}[D\\Phi^\\top(\\operatorname{diag}p - pp^\\top)D\\Phi] \\succeq 0$, the mean displacement of a cloud obeys $-(H_\\Psi + G)$ and its fluctuations obey $-H_\\Psi$: it splits if $\\lambda_{\\min}(H_\\Psi) < 0$ even where the single-head Hessian $H_\\Psi + G \\succeq 0$. The $(V,V)$ block of $H_\\Psi$ is that of the penalty.',
  trust: { statement: 'P', rates: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    if (given.explicit) {
      const { problem, law } = explicitExperiment(backend, given);
      const head = law.parameters.slice(0, law.parameters.length / law.count);
      const perturbed = perturbHead(problem, head, randomStream(seed, 'cloud'));
      return { concentrated: !isSpread(law), perturbed };
    }
    const { regularisations, trained } = given;
    if (index === trained * regularisations.length) {
      return { concentrated: true, branch: branchOf(backend, seed, given.branch) };
    }
    const regularisation = regularisations[index % regularisations.length];
    const which = Math.floor(index / regularisations.length);
    const { problem } = randomExperiment(backend, seed, which, { regularisation });
    const random = randomStream(seed, 'single head', index);
    const start = randomHeads(problem.shape, 1, random, { score: 1, value: 1 }).parameters;
    const { head } = trainSingleHead(problem, start);
    return { concentrated: true, perturbed: perturbHead(problem, head, random) };
  },
  conclude(pieces) {
    const measured = pieces.flatMap(({ perturbed }) => perturbed ?? []);
    const branch = pieces.find((piece) => piece.branch !== undefined)?.branch;
    const stationarity = measured.map(({ stability }) => stability.stationarity);
    const largest = measured.map(({ stability: { frozen, single } }) =>
      Math.max(...frozen.values.map(Math.abs), ...single.values.map(Math.abs)),
    );
    const rates = (of: (head: PerturbedHead) => Growth | undefined) =>
      measured.map((head) => of(head) ?? { predicted: NaN, measured: NaN, uncertainty: NaN });
    const compared = (growths: readonly Growth[]) =>
      growths.map(({ predicted, measured, uncertainty }, i) => ({
        difference: Math.abs(measured - predicted),
        ...{ uncertainty, scale: largest[i] },
      }));
    const fluctuations = rates(({ fluctuation }) => fluctuation);
    const means = rates(({ mean }) => mean);
    const scalar = (values: number[]) => (values.length === 1 ? values[0] : values);
    const of = (value: (head: PerturbedHead) => number) => scalar(measured.map(value));
    const [{ stability: first }] = measured;
    return {
      hypotheses: [
        {
          name: 'the law is concentrated on one head',
          holds: pieces.every(({ concentrated }) => concentrated),
          value: pieces.every(({ concentrated }) => concentrated) ? 'yes' : 'it has different ones',
        },
        {
          name: 'the head is stationary: ∇Ψ(θ;δ_θ) = 0 (train it first)',
          holds: measured.every(({ fluctuation }) => fluctuation !== undefined),
          value: Math.max(...stationarity),
        },
      ],
      resolution: [
        notTrivial(largest.every((size) => size > 0) ? undefined : 'Ψ is flat around the head'),
      ],
      checks: [
        identical({
          name: 'rate of fluctuations against −λ_min(H_Ψ), over its uncertainty',
          failsIf: 'deviations from the mean of a cloud grow at another rate',
          of: compared(fluctuations),
        }),
        identical({
          name: 'rate of the mean against −λ_min(H_Ψ + G), over its uncertainty',
          failsIf: 'the mean of a cloud moves away from the head at another rate',
          of: compared(means),
        }),
        identical({
          name: 'second difference of Ψ in V against λ, over its rounding',
          failsIf: 'the (V, V) block of H_Ψ is another than the penalty’s',
          of: measured.map(({ valueCurvature, valueRounding, regularisation }) => ({
            difference: Math.abs(valueCurvature - regularisation),
            ...{ uncertainty: valueRounding, scale: 1 },
          })),
        }),
      ],
      evidence: {
        kind: measured.map(({ stability }) => stability.kind).join(', '),
        risk: of(({ risk }) => risk),
        'firstVariation.support': of(({ firstVariation }) => firstVariation),
        regularisation: of(({ regularisation }) => regularisation),
        stationarity: scalar(stationarity),
        'hessian.frozen.spectrum': [...first.frozen.values],
        'hessian.interaction.spectrum': [...first.interaction.values],
        'hessian.single.spectrum': [...first.single.values],
        'hessian.frozen.smallest': of(({ stability }) => stability.frozen.values[0]),
        'hessian.single.smallest': of(({ stability }) => stability.single.values[0]),
        'gauge.directionsRemoved': of(({ stability }) => stability.gaugeDirections),
        'growthRate.predicted': scalar(fluctuations.map(({ predicted }) => predicted)),
        'growthRate.measured': scalar(fluctuations.map(({ measured }) => measured)),
        'growthRate.uncertainty': scalar(fluctuations.map(({ uncertainty }) => uncertainty)),
        'growthRate.mean.predicted': scalar(means.map(({ predicted }) => predicted)),
        'growthRate.mean.measured': scalar(means.map(({ measured }) => measured)),
        'growthRate.mean.uncertainty': scalar(means.map(({ uncertainty }) => uncertainty)),
        'blockVV.norm': Math.max(...measured.map(({ stability }) => stability.valueBlockNorm)),
      },
      summary: measured.map(inWords).join(' '),
      figures: [
        ...(measured.some(({ times }) => times.length > 0)
          ? [cloudFigure(measured[measured.length - 1])]
          : []),
        ...(branch === undefined ? [] : [branchFigure('B.dirac.bifurcation', branch)]),
      ],
    };
  },
});

/** What the linearisation says of a head; at a marginal one it says nothing about splitting, while its rates can be compared. */
function inWords({ stability, regularisation, fluctuation, mean }: PerturbedHead): string {
  const { kind, frozen, single } = stability;
  const rate = (of: Growth | undefined) => (of === undefined ? 'none' : of.measured.toFixed(4));
  return `λ = ${regularisation}: ${kind}${kind === 'marginal' ? ' (whether it splits is left to higher orders)' : ''}; −λ_min(H_Ψ) = ${(-frozen.values[0]).toFixed(4)}, measured ${rate(fluctuation)}; −λ_min(H_Ψ + G) = ${(-single.values[0]).toFixed(4)}, measured ${rate(mean)}.`;
}

/** A trained head followed in λ. */
function branchOf(backend: Backend, seed: number, count: number): Branch {
  const regularisations = Array.from({ length: count }, (_, i) => 0.003 * 100 ** (i / (count - 1)));
  const problemAt = (regularisation: number) =>
    randomExperiment(backend, seed, 0, { regularisation }).problem;
  const problem = problemAt(regularisations[0]);
  const random = randomStream(seed, 'bifurcation');
  const start = randomHeads(problem.shape, 1, random, { score: 1, value: 1 }).parameters;
  return followDirac(problemAt, trainSingleHead(problem, start).head, regularisations);
}

/** Bifurcation diagram of a single trained head in λ. */
export function branchFigure(id: string, branch: Branch): Figure {
  const { regularisations: x, frozen, single, values } = branch;
  return {
    id,
    title: 'Stability of one trained head over λ',
    caption:
      'Lowest eigenvalues of H_Ψ (fluctuations) and H_Ψ + G (the head as a whole) at a trained head, followed in λ from small to large, and |V|. Below 0 a cloud of heads splits although no single head can improve.',
    x: { label: 'λ', scale: 'log' },
    y: { label: 'lowest eigenvalue, |V|/10' },
    marks: [
      { kind: 'rule', axis: 'y', at: 0, label: 'stability lost' },
      { kind: 'line', series: 'λ_min(H_Ψ)', x, y: frozen },
      { kind: 'dots', series: 'λ_min(H_Ψ)', x, y: frozen },
      { kind: 'line', series: 'λ_min(H_Ψ + G)', x, y: single },
      { kind: 'line', series: '|V|/10', x, y: values.map((v) => v / 10) },
    ],
  };
}

function cloudFigure(shown: PerturbedHead): Figure {
  const { times: x, fluctuations, means, fluctuation, mean, regularisation } = shown;
  const predicted = (label: string, amplitudes: readonly number[], growth: Growth | undefined) => ({
    ...{ kind: 'reference' as const, label, x },
    y: x.map((t) => amplitudes[0] * Math.exp((growth?.predicted ?? 0) * t)),
  });
  return {
    id: 'B.dirac',
    title: 'A cloud around one head',
    caption: `Amplitude of deviations from the mean along the lowest mode of H_Ψ, and of the mean along the lowest mode of H_Ψ + G, over the cloud's size (λ = ${regularisation}). Dashed: the predicted rates.`,
    x: { label: 'time t' },
    y: { label: 'amplitude', scale: 'log' },
    marks: [
      predicted('−λ_min(H_Ψ)', fluctuations, fluctuation),
      predicted('−λ_min(H_Ψ + G)', means, mean),
      { kind: 'line', series: 'fluctuation', x, y: fluctuations },
      { kind: 'line', series: 'mean', x, y: means },
    ],
  };
}
