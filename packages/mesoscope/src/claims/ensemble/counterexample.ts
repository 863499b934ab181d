import {
  type DepthSweep,
  randomTriple,
  solved,
  sweepDepths,
  sweepsTogether,
} from '../../ensemble/depth-sweep.ts';
import { toRows } from '../../numeric/matrix.ts';
import { atMost, bound, identical } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, increasing } from '../fields.ts';
import type { Mark } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import {
  experimentOf,
  experimentSeed,
  headCount,
  inputFields,
  keyDimension,
  requireInputs,
  targetRows,
} from './instance.ts';

const given = experiments({
  label: 'depth sweeps',
  shared: {
    depths: increasing([2, 3, 4, 8], 1, 'numbers of layers L beside one'),
    heads: headCount(4),
    keyDimension,
  },
  own: { triples: experimentCount(5, 'random dependent triples of Gaussian contexts') },
  data: { ...inputFields, targets: targetRows },
  full: { triples: 20 },
  check: requireInputs,
  pieces: (instance) => (instance.explicit ? 1 : instance.triples),
});

export type Triples = ReturnType<typeof given.parse>;

/** One layer, then the others that were asked for. */
const depthsOf = ({ depths }: Pick<Triples, 'depths'>) => [1, ...depths.filter((L) => L > 1)];

export function counterexampleConclusion(
  measured: readonly DepthSweep[],
  instance: Triples,
): Conclusion {
  const depths = depthsOf(instance);
  const { losses, floors, distinct, rank, obstructed, ended, oneLayer, deep, deepest } =
    sweepsTogether(measured);
  const tokens = instance.explicit ? instance.tokens : [[1]];
  const sameToken = tokens.every((x) => x.every((entry, a) => entry === tokens[0][a]));
  const moving = tokens[0].some((entry) => entry !== 0);
  const deeper = atMost({
    name: 'least loss found with more layers, over that of unmoved tokens',
    failsIf: 'it cannot: the true minimum lies between 0 and the least loss found',
    measured: deepest,
    interval: [0, deepest],
    intervalFrom: 'numerics',
    expected: solved,
  });
  const drawn = (row: readonly number[]) => row.map((loss) => Math.max(loss, 1e-20));
  const lines = (kind: 'line' | 'dots') =>
    losses.map((row, i): Mark => ({ kind, series: `instance ${i + 1}`, x: depths, y: drawn(row) }));
  return {
    hypotheses: [
      {
        name: 'all inputs have the same token, not 0',
        holds: sameToken && moving,
        value: sameToken ? (moving ? 'one token' : 'token 0') : 'different tokens',
      },
      {
        name: 'no two inputs are the same',
        holds: distinct,
        value: distinct
          ? 'all differ'
          : 'two have the same context and token: no network tells them apart',
      },
      { name: 'the contexts are dependent modulo constants', holds: rank > 0, value: rank },
    ],
    resolution: [
      notTrivial(
        rank === 0 || obstructed
          ? undefined
          : 'the targets obey the dependency, so that nothing obstructs one layer',
      ),
      {
        name: 'the search with one layer came to an end',
        holds: ended,
        value: ended ? 'yes' : 'no',
      },
      {
        name: 'some network is deeper than one layer',
        holds: depths.length > 1,
        value: depths[depths.length - 1],
      },
    ],
    checks: [
      identical({
        name: 'least loss of one layer and its floor',
        failsIf: 'one layer comes below |Σ c_i(y_i − x)|²/2N, or stalls above it',
        of: oneLayer,
      }),
      bound({
        name: 'floor over the least loss of one layer',
        failsIf: 'one layer comes below its floor',
        pairs: measured.map(({ floor, floorUncertainty, solutions }) => ({
          value: floor,
          bound: solutions[0].loss + floorUncertainty,
        })),
      }),
      ...(depths.length > 1 ? [deeper] : []),
    ],
    evidence: {
      depths,
      'loss.final': losses,
      'loss.predictedFloor': floors,
      'loss.distanceToFloor': oneLayer.map(({ difference }) => difference),
      ...(depths.length > 1 ? { 'loss.smallestBeyondOneLayer': deep } : {}),
      'design.singularValues': measured.map(({ singularValues }) => Array.from(singularValues)),
      dependency: toRows(measured[0].dependencies),
      iterations: measured.map(({ solutions }) => solutions.map((one) => one.iterations)),
      'status.oneLayer': measured.map(({ solutions }) => solutions[0].status).join(', '),
    },
    summary: `One layer stalls within ${Math.max(...oneLayer.map(({ difference }) => difference)).toExponential(1)} of the predicted floor${depths.length > 1 ? `; the least loss found with more layers is ${deepest.toExponential(1)} of that of unmoved tokens, or less` : ''}.`,
    figures: [
      {
        id: 'D.counterexample',
        title: 'Dependent contexts obstruct one layer, not two',
        caption:
          'Lowest square loss found over depth for dependent contexts and one token (values below 1e-20 drawn there); dashed: the predicted floor |Σ c_i(y_i − x)|²/2N of one layer, |y₁+y₂−2y₃|²/36 for three centred Gaussian contexts with Σ₃ = (Σ₁+Σ₂)/2.',
        x: { label: 'layers L', scale: 'log', base: 2 },
        y: { label: 'final loss', scale: 'log' },
        marks: [
          ...lines('line'),
          ...lines('dots'),
          ...(floors[0] > 0
            ? [{ kind: 'rule', axis: 'y', at: floors[0], label: 'floor of instance 1' } as const]
            : []),
        ],
      },
    ],
  };
}

/** Dependent contexts obstruct a single layer and not a deep network (arXiv 2605.17660). */
export const counterexample = claim<Triples, DepthSweep>({
  id: 'D.counterexample',
  title: 'Dependent contexts and one layer',
  statement:
    'Three centred Gaussian contexts with $\\Sigma_3 = (\\Sigma_1+\\Sigma_2)/2$ and the same token stall at $|y_1+y_2-2y_3|^2/36$ for $L = 1$ (half the mean square loss), and reach 0 for some $L \\ge 2$.',
  trust: { statement: 'P', floor: 'D' },
  given,
  measure({ backend, given: instance, seed, index }) {
    const experiment = instance.explicit
      ? {
          ...experimentOf(instance, seed, index),
          targets: instance.targets.map((y) => Float64Array.from(y)),
        }
      : randomTriple(experimentSeed(seed, index), instance.keyDimension ?? 2);
    return sweepDepths(backend, experiment, { depths: depthsOf(instance), heads: instance.heads });
  },
  conclude: (measured, { given: instance }) => counterexampleConclusion(measured, instance),
});
