import {
  type EnsembleLayout,
  ensembleLayout,
  headAt,
  randomEnsemble,
} from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { squareLoss, type TokenLoss } from '../../ensemble/token-loss.ts';
import { type EnsembleRecord, trainEnsemble } from '../../ensemble/training.ts';
import type { Backend } from '../../kernels/backend.ts';
import { orderFigure } from '../control/order-figure.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { fitOrder } from '../convergence-order.ts';
import type { Figure } from '../figure.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, legacy } from '../legacy.ts';
import {
  displacedTargets,
  type EnsembleInstance,
  type EnsembleProblem,
  ensembleInstance,
  problemOf,
} from './instance.ts';

const layersOfIdentity = 4;
const horizon = 0.4;
const stepCounts = [16, 32, 64, 128, 256];
const collapseSteps = 16;
/** Independent starts of each size, for a root mean square. */
const repetitions = 16;
const collapseLayers = 4;
const collapseHeads = [2, 4, 8, 16, 32, 64];
const referenceHeads = 512;
/** Networks whose loss curves are drawn over each other. */
const drawnSizes = [
  [4, 2],
  [4, 16],
  [4, 64],
  [16, 64],
] as const;
const refinedLayers = [2, 4, 8, 16];
const refinedHeads = 16;

interface EnergyMeasurements {
  /** `|ΔL + Σ ‖∇L‖²Δτ| / |ΔL|` over the number of steps. */
  readonly identity: number[];
  /** Largest relative difference of the loss curve after permuting the heads of each depth. */
  readonly permuted: number;
  /** `sup_τ |L − L_ref|` with H heads, against many heads of the same law at the same depths; root mean square. */
  readonly heads: number[];
  /** `sup_τ |L_(L,H) − L_(2L,H)|`. */
  readonly refined: number[];
  /** Loss curves of the drawn sizes, the reference last. */
  readonly curves: readonly (readonly number[])[];
}

function measure(backend: Backend, problem: EnsembleProblem): EnergyMeasurements {
  const { discrete, keyDimension, heads, seed } = problem;
  const { dimension } = discrete;
  const tokens = Float64Array.from(discrete.tokens.flatMap((x) => Array.from(x)));
  const loss = squareLoss(
    problem.targets ?? displacedTargets(tokens, dimension, 1, seed),
    dimension,
  );
  const layoutOf = (layers: number, count: number) =>
    ensembleLayout({ dimension, keyDimension, layers, heads: count });
  const curve = (layers: number, count: number, steps: number, start?: Float64Array) => {
    const layout = layoutOf(layers, count);
    return train(backend, {
      problem,
      layout,
      loss,
      steps,
      start: start ?? randomEnsemble(layout, seed),
    });
  };
  const startOf = (layers: number, count: number, r: number) =>
    randomEnsemble(layoutOf(layers, count), seed + 1 + r);
  const identity = stepCounts.map((steps) => {
    const records = curve(layersOfIdentity, heads, steps);
    const fall = records[0].loss - records[steps].loss;
    let dissipated = 0;
    for (let i = 0; i < steps; i++) {
      dissipated += (horizon / steps) * records[i].gradientSquare;
    }
    return Math.abs(fall - dissipated) / Math.abs(fall);
  });
  const layout = layoutOf(layersOfIdentity, heads);
  const start = randomEnsemble(layout, seed);
  const plain = curve(layersOfIdentity, heads, collapseSteps, start);
  const shuffled = curve(layersOfIdentity, heads, collapseSteps, rotateHeads(layout, start));
  const reference = curve(collapseLayers, referenceHeads, collapseSteps);
  const losses = (records: readonly EnsembleRecord[]) => records.map((record) => record.loss);
  return {
    identity,
    curves: [
      ...drawnSizes.map(([layers, count]) =>
        losses(curve(layers, count, collapseSteps, startOf(layers, count, 0))),
      ),
      losses(reference),
    ],
    permuted: distance(plain, shuffled) / plain[0].loss,
    heads: collapseHeads.map((count) =>
      rootMeanSquare((r) =>
        distance(
          curve(collapseLayers, count, collapseSteps, startOf(collapseLayers, count, r)),
          reference,
        ),
      ),
    ),
    refined: refinedLayers.map((layers) =>
      rootMeanSquare((r) =>
        distance(
          curve(layers, refinedHeads, collapseSteps, startOf(layers, refinedHeads, r)),
          curve(2 * layers, refinedHeads, collapseSteps, startOf(2 * layers, refinedHeads, r)),
        ),
      ),
    ),
  };
}

function train(
  backend: Backend,
  given: {
    readonly problem: EnsembleProblem;
    readonly layout: EnsembleLayout;
    readonly loss: TokenLoss;
    readonly steps: number;
    readonly start: Float64Array;
  },
): readonly EnsembleRecord[] {
  const { problem, layout, loss, steps, start } = given;
  return backend.scoped(() => {
    const map = createParticleMap(backend, { layout, inputs: problem.discrete });
    return trainEnsemble({ map, loss, start, step: horizon / steps, steps }).records;
  });
}

/** The heads of layer l, moved on by l + 1 places. */
function rotateHeads(layout: EnsembleLayout, theta: Float64Array): Float64Array {
  const out = theta.slice();
  for (let l = 0; l < layout.layers; l++) {
    for (let h = 0; h < layout.heads; h++) {
      const from = headAt(layout, theta, l, h);
      const to = headAt(layout, out, l, (h + l + 1) % layout.heads);
      to.Q.data.set(from.Q.data);
      to.K.data.set(from.K.data);
      to.V.data.set(from.V.data);
    }
  }
  return out;
}

function rootMeanSquare(value: (repetition: number) => number): number {
  let squares = 0;
  for (let r = 0; r < repetitions; r++) squares += value(r) ** 2;
  return Math.sqrt(squares / repetitions);
}

function distance(one: readonly EnsembleRecord[], other: readonly EnsembleRecord[]): number {
  return one.reduce((sup, { loss }, i) => Math.max(sup, Math.abs(loss - other[i].loss)), 0);
}

/** Rounding of sums in another order, over a short training. */
const permutationTolerance = 1e-11;

async function run(context: ClaimContext<EnsembleInstance>): Promise<Finding> {
  const count = context.setting === 'full' ? 20 : 6;
  const measured = await overExperiments(context, count, 'training', (index) =>
    measure(context.backend, problemOf(context, index)),
  );
  const identity = judgeOrder({
    x: stepCounts,
    y: measured.map((m) => m.identity),
    order: -1,
    assumptions: [],
  });
  const permuted = Math.max(...measured.map((m) => m.permuted));
  // The reference is a sample too: the variance of the difference is that of 1/(1/H + 1/H_ref) heads.
  const particlesOfHeads = collapseHeads.map(
    (heads) => collapseLayers / (1 / heads + 1 / referenceHeads),
  );
  const collapse = fitOrder({ x: particlesOfHeads, y: measured.map((m) => m.heads) });
  const refinement = fitOrder({ x: refinedLayers, y: measured.map((m) => m.refined) });
  // An upper bound: faster where targets are so near that the second order of the deviation rules.
  const collapses = collapse.interval[0] <= -0.5;
  const others = permuted <= permutationTolerance && collapses;
  return {
    assumptions: identity.assumptions,
    evidence: {
      'identity.steps': stepCounts,
      'identity.errors': rowsOrRow(measured.map((m) => m.identity)),
      'permutation.difference': permuted,
      'collapse.particles': particlesOfHeads,
      'collapse.errors': rowsOrRow(measured.map((m) => m.heads)),
      'collapse.slope': collapse.slope,
      'collapse.interval': collapse.interval,
      'refinement.layers': refinedLayers,
      'refinement.differences': rowsOrRow(measured.map((m) => m.refined)),
      'refinement.slope': refinement.slope,
      'refinement.interval': refinement.interval,
      ...identity.evidence,
    },
    measured: identity.measured,
    expected: { kind: 'value', value: -1 },
    interval: identity.interval,
    verdict: identity.verdict === 'holds' && !others ? 'fails' : identity.verdict,
    summary: `The loss falls by ∫‖∇L‖² up to the step's order (error × steps^${identity.measured.toFixed(3)}); permuting heads changes the curve by ${permuted.toExponential(1)}; curves of H heads collapse like (LH)^${collapse.slope.toFixed(3)}, those of L and 2L layers of independent heads like L^${refinement.slope.toFixed(2)}.`,
    figures: [
      {
        ...orderFigure({
          id: 'D.energy',
          title: 'The energy identity along training',
          caption:
            'Relative difference between the fall of the loss and the integral of the squared conditional-Wasserstein gradient over the same training time, over the number of steps. Band: range over problems. Expected: order 1, that of explicit steps.',
          quantity: '|ΔL + ∫‖∇L‖²dτ| / |ΔL|',
          curves: [
            { series: 'defect', layers: stepCounts, errors: measured.map((m) => m.identity) },
          ],
          expected: [{ slope: -1, curve: 0 }],
        }),
        x: { label: 'steps', scale: 'log', base: 2 },
      },
      {
        ...orderFigure({
          id: 'D.energy.collapse',
          title: 'Loss curves depend on the law of heads only',
          caption:
            'Largest distance between the loss curve of H independent heads at each of 4 depths and that of 512 others of the same law, over the number of particles whose sampling error both have together, L/(1/H + 1/512). Band: range over problems. Expected: order ½ at least.',
          quantity: 'sup_τ |L − L_ref|',
          curves: [
            { series: 'H heads', layers: particlesOfHeads, errors: measured.map((m) => m.heads) },
          ],
          expected: [{ slope: -0.5, curve: 0 }],
        }),
        x: { label: 'particles L/(1/H + 1/512)', scale: 'log', base: 2 },
      },
      curvesFigure(measured[0]),
    ],
  };
}

function curvesFigure({ curves }: EnergyMeasurements): Figure {
  const x = curves[0].map((_, i) => (horizon * i) / collapseSteps);
  return {
    id: 'D.energy.curves',
    title: 'Loss curves of L × H heads',
    caption: `Loss over training time with independent heads of one law (first problem); dashed: ${collapseLayers} × ${referenceHeads} heads. Expected: curves draw together as LH grows.`,
    x: { label: 'training time τ' },
    y: { label: 'loss' },
    marks: [
      ...drawnSizes.map(
        ([layers, heads], i) =>
          ({ kind: 'line', series: `${layers} × ${heads}`, x, y: curves[i] }) as const,
      ),
      {
        kind: 'reference',
        label: `${collapseLayers} × ${referenceHeads}`,
        x,
        y: curves[drawnSizes.length],
      },
    ],
  };
}

/** Energy dissipation along the gradient flow of a law of heads (arXiv 2605.17660). */
export const energy = legacy<EnsembleInstance>({
  id: 'D.energy',
  paper: 'D',
  title: 'Energy dissipation of training',
  statement:
    '$\\frac{dL}{d\\tau} = -\\|\\nabla L\\|^2 = -LH \\sum_{l,h} |\\partial L/\\partial\\theta_{l,h}|^2$, and the curve depends on the law of heads only.',
  trust: 'P',
  quantity: 'log–log slope of the identity’s defect in the number of steps',
  instance: ensembleInstance,
  run,
});
