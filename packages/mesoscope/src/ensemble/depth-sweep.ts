import type { Backend } from '../kernels/backend.ts';
import type { Law } from '../law/law.ts';
import { randomStream } from '../numeric/random.ts';
import { gaussianTriple } from './context-families.ts';
import type { EnsembleExperiment } from './experiment.ts';
import { createGaussianMap } from './gaussian-map.ts';
import { type Injectivity, singleLayerFloor, testInjectivity } from './injectivity.ts';
import { ensembleInputs } from './inputs.ts';
import { type LeastSquaresResult, minimiseSquares } from './least-squares.ts';
import { ensembleLayout, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { squareLoss } from './token-loss.ts';
import type { TokenMap } from './token-map.ts';

/** Inputs with targets. */
export type TargetedExperiment = Omit<EnsembleExperiment, 'targets'> & {
  readonly targets: readonly Float64Array[];
};

/** A dependent Gaussian triple, one normal token, targets at a normal distance from it. */
export function randomTriple(seed: number, keyDimension: number): TargetedExperiment {
  const stream = randomStream(seed, 'dependent triple');
  const token = stream.normals(new Float64Array(2));
  const inputs = ensembleInputs(gaussianTriple(stream), [token, token, token]);
  return {
    inputs,
    discrete: { ...inputs, contexts: [] },
    targets: inputs.tokens.map((x) => x.map((entry) => entry + stream.normal())),
    keyDimension,
    seed,
  };
}

/** The least square losses found for networks of several depths on dependent contexts. */
export interface DepthSweep {
  /** Under which one layer cannot get, and what rounding makes of the difference to a loss: {@link floorRounding}. */
  readonly floor: number;
  readonly floorUncertainty: number;
  /** The loss of tokens that never move. */
  readonly unmoved: number;
  /** Whether two inputs are the same: no network tells them apart. */
  readonly distinct: boolean;
  readonly dependencies: Injectivity['dependencies'];
  readonly singularValues: Float64Array;
  /** The best of several starts at each depth. */
  readonly solutions: readonly Pick<LeastSquaresResult, 'loss' | 'iterations' | 'status'>[];
}

/** The loss that counts as 0, relative to that of unmoved tokens. */
export const solved = 1e-16;
/** Starts at each depth, until one reaches it. */
const starts = 3;

/** Makes the map of a layout; others than the right one are what a comparison must notice. */
export type SweepMap = (map: TokenMap) => TokenMap;

/** Minimises the square loss at each depth by Levenberg's method and finds the floor of one layer. */
export function sweepDepths(
  backend: Backend,
  { inputs, discrete, targets, keyDimension, seed }: TargetedExperiment,
  { depths, heads }: { readonly depths: readonly number[]; readonly heads: number },
  change: SweepMap = (map) => map,
): DepthSweep {
  const { dimension, contexts, tokens } = inputs;
  const exact = contexts.every((law) => law.kind === 'gaussian');
  const seen: readonly Law[] = exact ? contexts : discrete.contexts;
  const { dependencies, rank, singularValues } = testInjectivity(seen, {
    modulo: 'constant',
    seed,
  });
  const floor = singleLayerFloor(dependencies, tokens[0], targets);
  const unmoved = squareLoss(targets, dimension).value(
    Float64Array.from(tokens.flatMap((x) => Array.from(x))),
  );
  const best = (layers: number) => {
    const layout = ensembleLayout({ dimension, keyDimension, layers, heads });
    const map = change(
      exact
        ? createGaussianMap({ layout, inputs })
        : createParticleMap(backend, { layout, inputs: discrete }),
    );
    const target = (solved * unmoved) / 100;
    let found: LeastSquaresResult | undefined;
    for (let r = 0; r < starts && !(found !== undefined && found.loss <= target); r++) {
      const start = randomEnsemble(layout, seed + r);
      const next = minimiseSquares({ map, targets, start, target });
      if (found === undefined || next.loss < found.loss) found = next;
      if (layers === 1) break;
    }
    const { loss, iterations, status } = found as LeastSquaresResult;
    return { loss, iterations, status };
  };
  return {
    floor,
    floorUncertainty: floorRounding({ floor, unmoved, tokens, targets, rank, singularValues }),
    unmoved,
    distinct: seen.every((law, i) =>
      seen
        .slice(0, i)
        .every((other, j) => !sameLaw(law, other) || !sameToken(tokens[i], tokens[j])),
    ),
    dependencies,
    singularValues,
    solutions: depths.map((layers) => backend.scoped(() => best(layers))),
  };
}

/** The sweeps of several instances, taken together. */
export function sweepsTogether(measured: readonly DepthSweep[]) {
  const losses = measured.map(({ solutions }) => solutions.map(({ loss }) => loss));
  const deep = losses.map((row) => Math.min(...row.slice(1)));
  return {
    losses,
    floors: measured.map(({ floor }) => floor),
    distinct: measured.every((one) => one.distinct),
    /** Of the dependencies, the least. */
    rank: Math.min(...measured.map(({ dependencies }) => dependencies.rows)),
    /** Whether every floor stands clear of rounding. */
    obstructed: measured.every(({ floor, floorUncertainty }) => floor > floorUncertainty),
    /** Whether every search with one layer came to an end. */
    ended: measured.every(({ solutions: [one] }) => one.status !== 'iteration-limit'),
    /** The least loss of one layer against its floor. */
    oneLayer: measured.map(({ floor, floorUncertainty, unmoved, solutions }) => ({
      difference: Math.abs(solutions[0].loss - floor),
      uncertainty: floorUncertainty,
      scale: unmoved,
    })),
    /** The least losses beyond one layer, and the largest of them over that of unmoved tokens. */
    deep,
    deepest: Math.max(...deep.map((loss, i) => (loss > 0 ? loss / measured[i].unmoved : 0))),
  };
}

/** Ulps that a sum of a dozen products loses. */
const ulps = 8;

/**
 * What rounding makes of a floor and of a loss at it. Final tokens and targets r apart are known to a few ulps u of their size s,
 * so that |r|²/2 changes by u|r|s; the dependency is known to u σ_1/σ_rank, by which the floor changes twice times the loss of
 * unmoved tokens.
 */
function floorRounding(of: {
  readonly floor: number;
  readonly unmoved: number;
  readonly tokens: readonly Float64Array[];
  readonly targets: readonly Float64Array[];
  readonly rank: number;
  readonly singularValues: Float64Array;
}): number {
  const { floor, unmoved, tokens, targets, rank, singularValues } = of;
  const size = Math.hypot(...tokens.flatMap((x, i) => [...x, ...targets[i]]));
  const condition = rank > 0 ? singularValues[0] / singularValues[rank - 1] : 1;
  const distance = Math.sqrt((2 * floor) / targets.length);
  return ulps * Number.EPSILON * (distance * size + 2 * unmoved * condition);
}

function sameLaw(one: Law, other: Law): boolean {
  const numbers = (law: Law) =>
    law.kind === 'gaussian'
      ? [...law.mean, ...law.covariance.data]
      : law.kind === 'particles'
        ? [...law.points.data, ...law.weights]
        : [];
  const [left, right] = [numbers(one), numbers(other)];
  return left.length === right.length && left.every((entry, i) => entry === right[i]);
}

function sameToken(one: Float64Array, other: Float64Array): boolean {
  return one.every((entry, a) => entry === other[a]);
}
