import type { Backend } from '../kernels/backend.ts';
import { displacedTargets, type EnsembleExperiment, flatTokens } from './experiment.ts';
import type { DiscreteInputs } from './inputs.ts';
import { type EnsembleLayout, ensembleLayout, headAt, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { squareLoss, type TokenLoss } from './token-loss.ts';
import type { TokenMap } from './token-map.ts';
import { trainEnsemble } from './training.ts';

/** A start of gradient flow, and how it is followed. */
export interface Training {
  readonly inputs: DiscreteInputs;
  readonly loss: TokenLoss;
  readonly keyDimension: number;
  readonly seed: number;
  /** The training time τ that all curves cover. */
  readonly horizon: number;
}

/** Makes the map of a layout; others than {@link createParticleMap} are what a comparison must notice. */
export type MakeMap = (
  backend: Backend,
  options: { readonly layout: EnsembleLayout; readonly inputs: DiscreteInputs },
) => TokenMap;

/** The square loss on an experiment's targets; by default tokens displaced by normal numbers. */
export function trainingOf(experiment: EnsembleExperiment, horizon: number): Training {
  const { discrete: inputs, keyDimension, seed } = experiment;
  const { dimension } = inputs;
  const targets = experiment.targets ?? displacedTargets(flatTokens(inputs), dimension, 1, seed);
  return { inputs, loss: squareLoss(targets, dimension), keyDimension, seed, horizon };
}

/** Losses and squared gradients at every step of one length; NaN from where the loss is not finite. */
interface Curve {
  readonly losses: readonly number[];
  readonly gradientSquares: readonly number[];
}

/** The curves of one problem. */
function curvesOf(backend: Backend, training: Training, makeMap: MakeMap) {
  const { inputs, loss, keyDimension, horizon } = training;
  const { dimension } = inputs;
  const layoutOf = (layers: number, heads: number) =>
    ensembleLayout({ dimension, keyDimension, layers, heads });
  const follow = (layout: EnsembleLayout, start: Float64Array, steps: number): Curve =>
    backend.scoped(() => {
      const map = makeMap(backend, { layout, inputs });
      const { records } = trainEnsemble({ map, loss, start, step: horizon / steps, steps });
      const padded = (value: (record: (typeof records)[number]) => number) =>
        Array.from({ length: steps + 1 }, (_, i) => (i < records.length ? value(records[i]) : NaN));
      return {
        losses: padded((record) => record.loss),
        gradientSquares: padded((record) => record.gradientSquare),
      };
    });
  return { layoutOf, follow };
}

/** What the identity `ΔL = −∫‖∇L‖² dτ` leaves over, and what exchanging heads changes. */
export interface EnergyIdentity {
  /** `|ΔL + Σ‖∇L‖²Δτ| / |ΔL|` for each number of steps; 0 where the loss rests. */
  readonly defects: readonly number[];
  /** What rounding of the loss makes of a defect. */
  readonly accuracy: number;
  /** Loss curves before and after the heads of every layer have changed places. */
  readonly permuted: {
    readonly difference: number;
    /** What a start wrong by an ulp changes, once for each layer of each step. */
    readonly uncertainty: number;
    readonly scale: number;
  };
}

const identityLayers = 4;

/** The energy identity along explicit steps, and the loss under a permutation of heads. */
export function measureEnergyIdentity(
  backend: Backend,
  training: Training,
  { heads, steps }: { readonly heads: number; readonly steps: readonly number[] },
  makeMap: MakeMap = createParticleMap,
): EnergyIdentity {
  const { layoutOf, follow } = curvesOf(backend, training, makeMap);
  const layout = layoutOf(identityLayers, heads);
  const start = randomEnsemble(layout, training.seed);
  const curves = steps.map((count) => follow(layout, start, count));
  const falls = curves.map(({ losses }) => losses[0] - losses[losses.length - 1]);
  const [plain] = curves;
  const rotated = follow(layout, rotateHeads(layout, start), steps[0]);
  const rounded = [1, -1].map((sign) =>
    follow(
      layout,
      start.map((x, i) => x * (1 + (i % 2 === 0 ? sign : -sign) * Number.EPSILON)),
      steps[0],
    ),
  );
  return {
    defects: curves.map(({ gradientSquares }, i) => {
      const dissipated = gradientSquares
        .slice(0, -1)
        .reduce((sum, square) => sum + (training.horizon / steps[i]) * square, 0);
      return falls[i] === 0 && dissipated === 0
        ? 0
        : Math.abs(falls[i] - dissipated) / Math.abs(falls[i]);
    }),
    accuracy: (Number.EPSILON * plain.losses[0]) / Math.min(...falls.map(Math.abs)),
    permuted: {
      difference: distance(plain, rotated),
      uncertainty:
        steps[0] *
        identityLayers *
        (Math.max(...rounded.map((one) => distance(plain, one))) +
          Number.EPSILON * plain.losses[0]),
      scale: plain.losses[0],
    },
  };
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

/** Which networks of independent heads of one law are compared. */
export const collapse = {
  steps: 16,
  layers: 4,
  heads: [2, 4, 8, 16, 32, 64],
  referenceHeads: 512,
  /** Independent starts of each size, for a root mean square. */
  repetitions: 16,
  /**
   * Depths L that are compared with 2L. With two heads each the error of sampling, L^(−1/2), outweighs that of the steps in
   * depth, 1/L, from the first one on.
   */
  refinedLayers: [4, 8, 16, 32, 64],
  refinedHeads: 2,
  refinedRepetitions: 32,
  /** Networks whose curves are drawn over each other. */
  drawn: [
    { layers: 4, heads: 2 },
    { layers: 4, heads: 16 },
    { layers: 4, heads: 64 },
    { layers: 16, heads: 64 },
  ],
} as const;

/**
 * The particles whose sampling error the difference of H heads and of the reference has: the reference is a sample too, so that
 * variances add to 1/H + 1/H_ref at each depth.
 */
export const collapseParticles = collapse.heads.map(
  (heads) => collapse.layers / (1 / heads + 1 / collapse.referenceHeads),
);

/** Distances of loss curves of networks with independent heads of one law: root mean squares over starts. */
export interface CurveCollapse {
  /** `sup_τ |L − L_ref|` with H heads, against many heads at the same depths. */
  readonly heads: readonly number[];
  /** `sup_τ |L_(L,H) − L_(2L,H)|`. */
  readonly refined: readonly number[];
  /** Loss curves of the drawn sizes, and of the reference. */
  readonly curves: readonly (readonly number[])[];
  readonly reference: readonly number[];
}

/** How loss curves of one law of heads draw together as there are more of them. */
export function measureCurveCollapse(
  backend: Backend,
  training: Training,
  makeMap: MakeMap = createParticleMap,
): CurveCollapse {
  const { layoutOf, follow } = curvesOf(backend, training, makeMap);
  const { steps, layers, referenceHeads, repetitions } = collapse;
  const { refinedLayers, refinedHeads, refinedRepetitions } = collapse;
  const curve = (depth: number, heads: number, repetition: number) => {
    const layout = layoutOf(depth, heads);
    return follow(layout, randomEnsemble(layout, training.seed + 1 + repetition), steps);
  };
  const reference = curve(layers, referenceHeads, -1);
  const apart = Array.from({ length: repetitions }, (_, r) =>
    collapse.heads.map((heads) => distance(curve(layers, heads, r), reference)),
  );
  const refined = Array.from({ length: refinedRepetitions }, (_, r) => {
    const depths = [...refinedLayers, 2 * refinedLayers[refinedLayers.length - 1]];
    const curves = depths.map((depth) => curve(depth, refinedHeads, r));
    return refinedLayers.map((_, k) => distance(curves[k], curves[k + 1]));
  });
  return {
    heads: rootMeanSquares(apart),
    refined: rootMeanSquares(refined),
    curves: collapse.drawn.map((size) => curve(size.layers, size.heads, 0).losses),
    reference: reference.losses,
  };
}

/** Over the rows, column by column. */
function rootMeanSquares(rows: readonly (readonly number[])[]): number[] {
  return rows[0].map((_, k) =>
    Math.sqrt(rows.reduce((sum, row) => sum + row[k] ** 2, 0) / rows.length),
  );
}

/** The largest difference of two loss curves; NaN if one is. */
function distance({ losses }: Curve, other: Curve): number {
  return losses.reduce((sup, loss, i) => {
    const difference = Math.abs(loss - other.losses[i]);
    return Math.max(difference, sup);
  }, 0);
}
