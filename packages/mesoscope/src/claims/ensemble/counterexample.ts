import { createGaussianMap } from '../../ensemble/gaussian-map.ts';
import { singleLayerFloor, testInjectivity } from '../../ensemble/injectivity.ts';
import { ensembleInputs } from '../../ensemble/inputs.ts';
import { type LeastSquaresResult, minimiseSquares } from '../../ensemble/least-squares.ts';
import { ensembleLayout, randomEnsemble } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { MesoscopeError } from '../../errors.ts';
import type { Backend } from '../../kernels/backend.ts';
import { toRows } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { gaussianTriple } from './context-families.ts';
import {
  type EnsembleInstance,
  type EnsembleProblem,
  ensembleInstance,
  explicitProblem,
} from './instance.ts';

const ownDepths = [1, 2, 3, 4, 8];
/** What counts as reaching a global minimum, and how close to its floor one layer must come. */
const solved = 1e-16;
const floorTolerance = 1e-12;

interface DepthSweep {
  readonly floor: number;
  readonly solutions: readonly LeastSquaresResult[];
  readonly dependency: readonly (readonly number[])[];
  readonly singularValues: readonly number[];
}

type WithTargets = EnsembleProblem & { readonly targets: readonly Float64Array[] };

/** A dependent Gaussian triple, one normal token, targets at a normal distance from it. */
function randomTriple(seed: number, index: number): WithTargets {
  const stream = randomStream(seed, 'dependent triple', index);
  const token = stream.normals(new Float64Array(2));
  const inputs = ensembleInputs(gaussianTriple(stream), [token, token, token]);
  return {
    inputs,
    discrete: { ...inputs, contexts: [] },
    targets: inputs.tokens.map((x) => x.map((entry) => entry + stream.normal())),
    heads: 4,
    keyDimension: 2,
    seed: seed + 1000 * index,
  };
}

function sweep(backend: Backend, problem: WithTargets, depths: readonly number[]): DepthSweep {
  const { inputs, discrete, targets, heads, keyDimension, seed } = problem;
  const { dimension, contexts, tokens } = inputs;
  const exact = contexts.every((law) => law.kind === 'gaussian');
  const seen = exact ? inputs : discrete;
  const { dependencies, singularValues } = testInjectivity(seen.contexts, {
    modulo: 'constant',
    seed,
  });
  return {
    floor: singleLayerFloor(dependencies, tokens[0], targets),
    dependency: toRows(dependencies),
    singularValues: Array.from(singularValues),
    solutions: depths.map((layers) =>
      backend.scoped(() => {
        const layout = ensembleLayout({ dimension, keyDimension, layers, heads });
        const map = exact
          ? createGaussianMap({ layout, inputs })
          : createParticleMap(backend, { layout, inputs: discrete });
        const start = randomEnsemble(layout, seed);
        return minimiseSquares({ map, targets, start, target: solved / 100 });
      }),
    ),
  };
}

async function run(context: ClaimContext<EnsembleInstance>): Promise<Finding> {
  const { instance, seed, setting, backend } = context;
  const depths =
    instance === undefined
      ? ownDepths
      : [...new Set([1, ...instance.depths])].sort((a, b) => a - b);
  const count = setting === 'full' ? 20 : 5;
  const measured = await overExperiments(context, count, 'depth sweeps', (index) => {
    if (instance === undefined) return sweep(backend, randomTriple(seed, index), depths);
    const problem = explicitProblem(instance, index);
    if (problem.targets === undefined) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path: 'targets',
        received: undefined,
        expected: 'a target for each token',
      });
    }
    return sweep(backend, { ...problem, targets: problem.targets }, depths);
  });
  const losses = measured.map(({ solutions }) => solutions.map((s) => s.loss));
  const floors = measured.map((m) => m.floor);
  const differences = losses.map((row, i) => Math.abs(row[0] - floors[i]));
  const deep = losses.map((row) => Math.min(...row.slice(1)));
  const largest = Math.max(...differences);
  const deepest = Math.max(...deep);
  const tokens = instance?.tokens;
  const sameToken =
    tokens === undefined || tokens.every((x) => x.every((entry, a) => entry === tokens[0][a]));
  const assumptions = [
    {
      name: 'all inputs have the same token',
      holds: sameToken,
      value: sameToken ? 'one token' : 'different tokens',
    },
    {
      name: 'contexts are dependent: one layer has a floor above 0',
      holds: Math.min(...floors) > floorTolerance,
      value: Math.min(...floors),
    },
    {
      name: 'arithmetic in double precision',
      holds: backend.precision === 'f64',
      value: backend.precision,
    },
  ];
  const expected = { kind: 'at-most', value: floorTolerance } as const;
  const verdict = judge(assumptions, largest, null, expected);
  const reaches = depths.length > 1 && deepest < solved;
  const drawn = (row: readonly number[]) => row.map((loss) => Math.max(loss, 1e-20));
  return {
    assumptions,
    evidence: {
      depths,
      'loss.final': rowsOrRow(losses),
      'loss.predictedFloor': floors.length === 1 ? floors[0] : floors,
      'loss.distanceToFloor': differences,
      'loss.smallestBeyondOneLayer': deep,
      'design.singularValues': measured.map((m) => m.singularValues),
      dependency: measured[0].dependency,
      iterations: measured.map(({ solutions }) => solutions.map((s) => s.iterations)),
      'status.oneLayer': measured.map(({ solutions }) => solutions[0].status).join(', '),
    },
    measured: largest,
    expected,
    interval: null,
    verdict: verdict === 'holds' && !reaches ? 'fails' : verdict,
    summary: `One layer stalls within ${largest.toExponential(1)} of the predicted floor; ${reaches ? `some deeper network comes below ${deepest.toExponential(1)} in every case` : `deeper networks came no lower than ${deepest.toExponential(1)}`}.`,
    figures: [
      {
        id: 'D.counterexample',
        title: 'Dependent contexts obstruct one layer, not two',
        caption:
          'Lowest square loss found over depth for three centred Gaussian contexts with Σ₃ = (Σ₁+Σ₂)/2 and one token (values below 1e-20 drawn there); dashed: the predicted floor |y₁+y₂−2y₃|²/36 of one layer.',
        x: { label: 'layers L', scale: 'log', base: 2 },
        y: { label: 'final loss', scale: 'log' },
        marks: [
          ...losses.map(
            (row, i) =>
              ({ kind: 'line', series: `instance ${i + 1}`, x: depths, y: drawn(row) }) as const,
          ),
          ...losses.map(
            (row, i) =>
              ({ kind: 'dots', series: `instance ${i + 1}`, x: depths, y: drawn(row) }) as const,
          ),
          { kind: 'rule', axis: 'y', at: floors[0], label: 'floor of instance 1' },
        ],
      },
    ],
  };
}

/** Dependent contexts obstruct a single layer and not a deep network (arXiv 2605.17660). */
export const counterexample = legacy<EnsembleInstance>({
  id: 'D.counterexample',
  paper: 'D',
  title: 'Dependent contexts and one layer',
  statement:
    'Three centred Gaussian contexts with $\\Sigma_3 = (\\Sigma_1+\\Sigma_2)/2$ and the same token stall at $|y_1+y_2-2y_3|^2/36$ for $L = 1$ (half the mean square loss), and reach 0 for some $L \\ge 2$.',
  trust: 'P; D',
  quantity: 'largest distance of the one-layer loss to its floor',
  instance: ensembleInstance,
  run,
});
