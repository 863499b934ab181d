import type { Backend } from '../kernels/backend.ts';
import { type ConvergenceRun, convergenceRun, reached } from './convergence-run.ts';
import { randomTriple } from './depth-sweep.ts';
import { displacedTargets, type EnsembleExperiment } from './experiment.ts';
import { createGaussianMap } from './gaussian-map.ts';
import { singleLayerFloor, testInjectivity } from './injectivity.ts';
import { targetsAtLoss } from './kernel-fall.ts';
import { ensembleLayout, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { isInjective, type SmallLoss, smallLoss } from './small-loss.ts';
import { squareLoss } from './token-loss.ts';
import type { TokenMap } from './token-map.ts';
import { trainEnsemble } from './training.ts';

/** Gradient flows from one start. */
export interface MeasuredConvergence {
  readonly small: SmallLoss;
  /** From losses within the radius, or from the loss that was given; none where no radius is positive. */
  readonly runs: readonly ConvergenceRun[];
  /** From other losses, small or not: initial and final. */
  readonly others: readonly { readonly first: number; readonly last: number }[];
  /** Undefined, or {@link controlRatio}. */
  readonly control: number | undefined;
}

/** The share of the radius at which flows start whose targets are not given. */
const shareOfRadius = 0.5;
/** They start at no larger loss: where nothing curves the map, the radius is infinite. */
const largestLoss = 1;
const firstStep = 0.05;
const energyTolerance = 0.05;

export const firstLoss = ({ records }: ConvergenceRun) => records[0].loss;
export const lastLoss = ({ records }: ConvergenceRun) => records[records.length - 1].loss;

/**
 * Gradient flow towards targets within the a-priori radius, displaced along the slowest mode (which makes the estimates sharp) and in a
 * random direction, or towards the experiment's own; and from displacements of other sizes.
 *
 * @param change - default: none; other maps are what a comparison must notice
 */
export function measureConvergence(
  backend: Backend,
  { discrete: inputs, keyDimension, targets, seed }: EnsembleExperiment,
  given: {
    readonly layers: number;
    readonly heads: number;
    readonly steps: number;
    readonly displacements: readonly number[];
  },
  change: (map: TokenMap) => TokenMap = (map) => map,
): Omit<MeasuredConvergence, 'control'> {
  const { layers, heads, steps, displacements } = given;
  const { dimension } = inputs;
  const layout = ensembleLayout({ dimension, keyDimension, layers, heads });
  const map = change(createParticleMap(backend, { layout, inputs }));
  const start = randomEnsemble(layout, seed);
  const finals = map.forward(start);
  const small = smallLoss(map, start, seed);
  const loss = Math.min(shareOfRadius * small.radius, largestLoss);
  const random = displacedTargets(new Float64Array(finals.length), dimension, 1, seed);
  const within =
    targets === undefined
      ? [small.mode.direction, random.flatMap((y) => Array.from(y))].map((direction) =>
          targetsAtLoss(finals, direction, loss, map),
        )
      : [targets];
  return {
    small,
    runs: isInjective(small.mode)
      ? within.map((ys) => convergenceRun(map, ys, { start, steps }))
      : [],
    others: displacements.map((displacement) => {
      const aim = squareLoss(displacedTargets(finals, dimension, displacement, seed), dimension);
      const target = reached * aim.value(finals);
      const options = { step: firstStep, steps, target, energyTolerance };
      const { records } = trainEnsemble({ map, loss: aim, start, ...options });
      return { first: records[0].loss, last: records[records.length - 1].loss };
    }),
  };
}

/** Steps of the control. */
const controlSteps = 400;

/**
 * The final loss on a dependent triple, over the floor below which one layer cannot fall.
 *
 * @param layers - default 1; more are what a comparison must notice
 */
export function controlRatio(seed: number, heads: number, layers = 1): number {
  const { inputs, targets, keyDimension } = randomTriple(seed, 2);
  const { dimension, contexts, tokens } = inputs;
  const layout = ensembleLayout({ dimension, keyDimension, layers, heads });
  const { dependencies } = testInjectivity(contexts, { modulo: 'constant', seed });
  const { records } = trainEnsemble({
    map: createGaussianMap({ layout, inputs }),
    loss: squareLoss(targets, dimension),
    start: randomEnsemble(layout, seed),
    step: firstStep,
    steps: controlSteps,
    energyTolerance,
  });
  return records[records.length - 1].loss / singleLayerFloor(dependencies, tokens[0], targets);
}
