import type { Backend } from '../kernels/backend.ts';
import { kernelTolerance } from './attention-kernel.ts';
import { type CrossingCase, crossingCase } from './crossing.ts';
import { displacedTargets, type EnsembleExperiment } from './experiment.ts';
import {
  type FallPrediction,
  isInjective,
  lossTaking,
  predictFall,
  targetsAtLoss,
} from './kernel-fall.ts';
import { followKernels, type KernelHistory } from './kernel-history.ts';
import { ensembleLayout, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import type { TokenMap } from './token-map.ts';

/** Shares of λ_min that initial losses can take by the prediction, at their worst targets. */
const shares = [1 / 8, 1 / 16, 1 / 32, 1 / 64];
/** A training ends where the loss has fallen to this share of its start. */
const ended = 1e-8;

export interface MeasuredPersistence {
  readonly prediction: FallPrediction;
  /** With the worst targets at each share of the prediction; empty where targets are given. */
  readonly worst: readonly KernelHistory[];
  /** With random targets at the largest of these losses, or with the given ones; none where no start is injective. */
  readonly kept: readonly KernelHistory[];
  /** Trainings that start close to dependence, with far targets. */
  readonly near: readonly CrossingCase[];
}

/**
 * Trainings from small losses: towards the worst targets and random ones, or towards the experiment's own.
 *
 * @param change - default: none; other maps are what a comparison must notice
 * @param predict - the first order of the fall; others are what a comparison must notice
 */
export function measureKernelFall(
  backend: Backend,
  { discrete: inputs, keyDimension, targets, seed }: EnsembleExperiment,
  given: { readonly layers: number; readonly heads: number; readonly steps: number },
  change: (map: TokenMap) => TokenMap = (map) => map,
  predict: typeof predictFall = predictFall,
): Omit<MeasuredPersistence, 'near'> {
  const { layers, heads, steps } = given;
  const { dimension } = inputs;
  const layout = ensembleLayout({ dimension, keyDimension, layers, heads });
  const map = change(createParticleMap(backend, { layout, inputs }));
  const start = randomEnsemble(layout, seed);
  const prediction = predict(map, start);
  if (!isInjective(prediction)) return { prediction, worst: [], kept: [] };
  const finals = map.forward(start);
  const follow = (ys: readonly Float64Array[]) =>
    followKernels(map, ys, { start, steps, observeEvery: 4, until: ended });
  if (targets !== undefined) return { prediction, worst: [], kept: [follow(targets)] };
  const at = (direction: ArrayLike<number>, share: number) =>
    follow(targetsAtLoss(finals, direction, lossTaking(share, prediction), map));
  const random = displacedTargets(new Float64Array(finals.length), dimension, 1, seed);
  const [largest] = shares;
  return {
    prediction,
    worst: shares.map((share) => at(prediction.worst.direction, share)),
    kept: [
      at(
        random.flatMap((y) => Array.from(y)),
        largest,
      ),
    ],
  };
}

/** Trainings from contexts near dependence, two draws on either side of it, with far targets. */
export function measureNearDependence(seed: number, steps: number): CrossingCase[] {
  return [0, 1].flatMap((draw) => [1, -1].map((side) => crossingCase(seed, draw, side, steps)));
}

/** The largest fall of λ_min at each depth. */
export function fallsOf({ smallest }: KernelHistory): number[] {
  return smallest[0].map((start, l) => start - Math.min(...smallest.map((row) => row[l])));
}

/**
 * The fall over its first order, `1 + O(√L)`, extrapolated to no loss, and what two turns of that leave open. A training that ends with
 * a share ρ of the displacement still to go changes each ratio by ρ at most, and both turns by (4·3 + 3)/3 = 5 times that.
 */
export function limitRatio(
  { constants, worst }: FallPrediction,
  histories: readonly KernelHistory[],
) {
  const ratios = histories.map(
    (history) =>
      fallsOf(history)[worst.layer] / (constants[worst.layer] * Math.sqrt(history.losses[0])),
  );
  const once = ratios.slice(1).map((ratio, i) => 2 * ratio - ratios[i]);
  const twice = once.slice(1).map((ratio, i) => (4 * ratio - once[i]) / 3);
  const [before, ratio] = twice.slice(-2);
  const left = histories.map(({ losses }) => Math.sqrt(losses[losses.length - 1] / losses[0]));
  return { ratio, error: Math.abs(ratio - before) + 5 * Math.max(...left) };
}

/** The least λ_min/λ_max over depth and training time. */
export const leastRatio = ({ ratios }: KernelHistory) => Math.min(...ratios.flat());

/** The trainings of several starts, taken together. */
export function kernelsTogether(measured: readonly MeasuredPersistence[]) {
  const small = measured.flatMap(({ prediction, worst, kept }) =>
    [...worst, ...kept].map((history) => ({ prediction, history })),
  );
  const near = measured.flatMap((one) => one.near);
  const [{ prediction: first }] = measured;
  return {
    kept: measured.flatMap((one) => one.kept),
    /** From small losses, with what was predicted at their start. */
    small,
    /** The largest `C_s√L(0)/λ_min(K_s)` over depth. */
    taken: small.map(({ prediction, history }) => {
      const root = Math.sqrt(history.losses[0]);
      return Math.max(
        ...prediction.constants.map((constant, l) => (constant * root) / prediction.smallest[l]),
      );
    }),
    /** The largest share of λ_min that a depth loses. */
    falls: small.map(({ history }) =>
      Math.max(...fallsOf(history).map((fall, l) => fall / history.smallest[0][l])),
    ),
    least: Math.min(...small.map(({ history }) => leastRatio(history))),
    /** The least λ_min/λ_max over depth at each start. */
    starts: measured.map(({ prediction: { smallest, largest } }) =>
      Math.min(...smallest.map((value, l) => (largest[l] > 0 ? value / largest[l] : 0))),
    ),
    /** Of λ_min/λ_max. */
    rounding: kernelTolerance * first.worst.direction.length,
    injective: measured.every(({ prediction }) => isInjective(prediction)),
    /** Trainings that ran out of steps. */
    open: small.filter(({ history }) => history.status.kind === 'step-limit').length,
    near,
    crossed: near.flatMap(({ crossing }) => (crossing === undefined ? [] : [crossing])),
    limits: measured.flatMap(({ prediction, worst }) =>
      worst.length > 0 ? [limitRatio(prediction, worst)] : [],
    ),
  };
}
