import type { Backend } from '../kernels/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { checkedDerivative } from './checked-derivative.ts';
import { displacedTargets, type EnsembleExperiment, flatTokens } from './experiment.ts';
import { type HeadPath, headPart } from './head-path.ts';
import {
  firstVariationGradient,
  type MeanFieldSolution,
  solveMeanField,
} from './mean-field-costate.ts';
import { ensembleLayout } from './parameters.ts';
import { createParticleMap, type ParticleMap } from './particle-map.ts';
import { squareLoss } from './token-loss.ts';

/** The equations in continuous depth that finite networks are compared with. */
export interface ContinuousAdjoint {
  readonly solve: typeof solveMeanField;
  readonly gradient: typeof firstVariationGradient;
}

const meanFieldAdjoint: ContinuousAdjoint = {
  solve: solveMeanField,
  gradient: firstVariationGradient,
};

/**
 * Differences between gradients of finite networks and those in continuous depth: root mean squares over all entries, relative to
 * that of the latter. (A largest difference over depths is no smooth function of L: where it is attained jumps.)
 */
export interface GradientErrors {
  /** `LH ∂L/∂θ_lh − ∇_θ δL/δν(t_l, θ_h)` over depths and heads, for each L. */
  readonly heads: readonly number[];
  /** The same for token and context costates at depth 0. */
  readonly costates: readonly number[];
  /** How far the solution in continuous depth is from one of half as many steps, relative to the same numbers. */
  readonly referenceErrors: { readonly heads: number; readonly costates: number };
  /** The discrete adjoint and finite differences along random directions. */
  readonly differences: readonly {
    readonly difference: number;
    readonly uncertainty: number;
    readonly scale: number;
  }[];
}

/** Directions for finite differences. */
const directions = 4;

/**
 * Gradients of L-layer networks by the discrete adjoint against the first variation from costates of token and context in
 * continuous depth, for the square loss.
 *
 * @param adjoint - default: the mean-field equations
 * @param change - of the networks' maps; default: none; others are what a comparison must notice
 */
export function measureGradientErrors(
  backend: Backend,
  experiment: Pick<EnsembleExperiment, 'discrete' | 'targets' | 'keyDimension' | 'seed'> & {
    readonly path: HeadPath;
  },
  depths: readonly number[],
  adjoint: ContinuousAdjoint = meanFieldAdjoint,
  change: (map: ParticleMap) => ParticleMap = (map) => map,
): GradientErrors {
  const { discrete: inputs, keyDimension, seed, path } = experiment;
  const { dimension, contexts, tokens } = inputs;
  const { atoms } = path;
  const targets = experiment.targets ?? displacedTargets(flatTokens(inputs), dimension, 1, seed);
  const loss = squareLoss(targets, dimension);
  const steps = leastMultiple(depths, 64);
  const continuous = (count: number) => {
    const solutions = contexts.map((context, i) =>
      adjoint.solve({ context, token: tokens[i], heads: path.heads, steps: count }, (x) =>
        x.map((entry, a) => (entry - targets[i][a]) / contexts.length),
      ),
    );
    return {
      gradient: (layers: number) =>
        Array.from({ length: layers }, (_, l) =>
          path
            .heads(l / layers)
            .map((head) => headGradient(head, solutions, (l * count) / layers, adjoint)),
        ).flat(),
      costates: solutions.flatMap((solution, i) => {
        const { costates } = solution.at(0);
        const token = costates[costates.length - 1];
        return [...Array.from(contexts[i].weights, (w, j) => costates[j].map((q) => w * q)), token];
      }),
    };
  };
  const exact = continuous(steps);
  const errors = depths.map((layers) =>
    backend.scoped(() => {
      const layout = ensembleLayout({ dimension, keyDimension, layers, heads: atoms });
      const map = change(createParticleMap(backend, { layout, inputs }));
      const theta = path.network(layout);
      const gradient = new Float64Array(layout.length);
      map.differentiate(theta, loss.costate, gradient);
      const initial = map.initialCostates(theta, loss.costate);
      const found = Array.from({ length: layers * atoms }, (_, i) =>
        headPart(layout, gradient, Math.floor(i / atoms), i % atoms).map((x) => x * layers * atoms),
      );
      const columns = initial.tokens.flatMap((token, i) => [...initial.contexts[i], token]);
      return {
        heads: relativeError(found, exact.gradient(layers)),
        costates: relativeError(columns, exact.costates),
      };
    }),
  );
  const coarse = continuous(steps / 2);
  const least = Math.min(...depths);
  return {
    heads: errors.map((error) => error.heads),
    costates: errors.map((error) => error.costates),
    referenceErrors: {
      heads: relativeError(coarse.gradient(least), exact.gradient(least)),
      costates: relativeError(coarse.costates, exact.costates),
    },
    differences: backend.scoped(() => {
      const layout = ensembleLayout({ dimension, keyDimension, layers: least, heads: atoms });
      const map = change(createParticleMap(backend, { layout, inputs }));
      const theta = path.network(layout);
      const gradient = new Float64Array(layout.length);
      map.differentiate(theta, loss.costate, gradient);
      const random = randomStream(seed, 'direction');
      const compared = Array.from({ length: directions }, () => {
        const direction = random.normals(new Float64Array(layout.length));
        const value = () => loss.value(map.forward(theta));
        const { derivative, uncertainty } = checkedDerivative(value, theta, direction, least);
        const expected = direction.reduce((sum, entry, i) => sum + entry * gradient[i], 0);
        return { difference: Math.abs(derivative - expected), uncertainty };
      });
      // A random direction has the derivative |gradient| in the root mean square.
      const scale = Math.hypot(...gradient);
      return compared.map((one) => ({ ...one, scale }));
    }),
  };
}

function headGradient(
  head: Parameters<typeof firstVariationGradient>[0],
  solutions: readonly MeanFieldSolution[],
  m: number,
  { gradient }: ContinuousAdjoint,
): Float64Array {
  return solutions
    .map((solution) => gradient(head, solution.at(m), solution.masses))
    .reduce((total, one) => total.map((x, i) => x + one[i]));
}

/** The root mean square of differences over that of the expected numbers; 0 where these vanish. */
function relativeError(
  found: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
): number {
  let [difference, size] = [0, 0];
  expected.forEach((row, r) => {
    for (let i = 0; i < row.length; i++) {
      difference += (found[r][i] - row[i]) ** 2;
      size += row[i] ** 2;
    }
  });
  return size > 0 ? Math.sqrt(difference / size) : 0;
}

/** The smallest common multiple of twice the depths that is at least `least`. */
function leastMultiple(depths: readonly number[], least: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const common = depths.reduce((a, b) => (a * b) / gcd(a, b), 1);
  return common * Math.max(2, Math.ceil(least / common));
}
