import { createFlow } from '../../flow/flow.ts';
import {
  type DepthProfile,
  givenGrid,
  gradedGrid,
  horizonOf,
  layerCount,
  refineGrid,
  uniformGrid,
} from '../../flow/grid.ts';
import { euler, rk4 } from '../../flow/scheme.ts';
import type { DepthGrid } from '../../flow/types.ts';
import type { Backend } from '../../kernels/backend.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { judgeOrder, type OrderAnswer, rowsOrRow } from '../judge-order.ts';
import {
  type Assumption,
  type ClaimContext,
  type Evidence,
  type Finding,
  legacy,
} from '../legacy.ts';
import {
  type DepthExperiment,
  explicitExperiment,
  largestDistance,
  randomExperiment,
} from './depth-experiment.ts';
import { type DepthInstance, depthInstance } from './depth-instance.ts';
import { equidistributedTimes } from './equidistribution.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';

const quickDepths = [8, 16, 32, 64];
const fullDepths = [8, 16, 32, 64, 128, 256, 512];

/** ζ that is ten times as large near depth 0 as near T. */
const peaked: DepthProfile = (t) => 0.4 + 4 * Math.exp(-12 * t);

/** A family of grids with their profile. */
interface GridFamily {
  readonly name: string;
  readonly grid: (horizon: number, layers: number) => DepthGrid;
}

const families: readonly GridFamily[] = [
  { name: 'ζ = 1, uniform', grid: uniformGrid },
  {
    name: 'ζ = 1 + sin(2πt)/2, uniform',
    grid: (T, L) => uniformGrid(T, L, (t) => 1 + 0.5 * Math.sin(2 * Math.PI * t)),
  },
  { name: 'ζ peaked, uniform', grid: (T, L) => uniformGrid(T, L, peaked) },
  { name: 'ζ = 1, graded γ = 2', grid: (T, L) => gradedGrid(T, L, 2) },
  { name: 'ζ peaked, graded γ = 1.5', grid: (T, L) => gradedGrid(T, L, 1.5, peaked) },
];

/** Errors of one experiment, by family and depth; and of the peaked profile on the grid that the program chooses. */
export interface ProfileErrors {
  readonly errors: readonly (readonly number[])[];
  readonly chosen: readonly number[];
  /** Of the same profile on uniform grids. */
  readonly uniform: readonly number[];
  /** The depths of the chosen grid with the fewest layers. */
  readonly chosenTimes: readonly number[];
  readonly referenceError: number;
}

/** Steps that a reference takes at the least. */
const referenceSteps = 256;

/** Measures Euler's error on every family of grids, each against its own time-changed flow. */
export function measureProfiles(
  backend: Backend,
  experiment: DepthExperiment,
  depths: readonly number[],
): ProfileErrors {
  const T = horizonOf(experiment.grid(1));
  const shape = {
    field: experiment.field,
    tokens: experiment.tokens,
    samples: experiment.samples,
  };
  const recursion = createFlow(backend, { ...shape, scheme: euler });
  const exact = createFlow(backend, { ...shape, scheme: rk4 });
  const { controls, initial } = experiment;

  /** `sup_k |h_k − h(t_k)|` on a grid, and the distance of two references. */
  function errorOn(grid: DepthGrid, check = false): { error: number; reference: number } {
    return backend.scoped(() => {
      const factor = Math.max(4, Math.ceil(referenceSteps / layerCount(grid)));
      const flowOn = (scheme: typeof exact, g: DepthGrid) =>
        scheme.forward({ grid: g, controls, initial });
      const layers = flowOn(recursion, grid);
      const reference = flowOn(exact, refineGrid(grid, factor));
      const completed = [layers, reference].every(({ status }) => status.kind === 'completed');
      if (!completed) return { error: Number.POSITIVE_INFINITY, reference: Number.NaN };
      let error = 0;
      for (let k = 1; k <= layers.steps; k++) {
        const there = reference.state(k * factor);
        error = Math.max(error, largestDistance(layers.state(k), there, experiment));
      }
      if (!check) return { error, reference: Number.NaN };
      const finer = flowOn(exact, refineGrid(grid, 2 * factor));
      return { error, reference: largestDistance(reference.last, finer.last, experiment) };
    });
  }

  const weights = localWeights(backend, experiment, uniformGrid(T, 128, peaked));
  const chosenGrids = depths.map((L) =>
    givenGrid(equidistributedTimes(weights.times, weights.values, L), peaked),
  );
  const errors = families.map(({ grid }) => depths.map((L) => errorOn(grid(T, L)).error));
  const finest = depths[depths.length - 1];
  return {
    errors,
    chosen: chosenGrids.map((grid) => errorOn(grid).error),
    uniform: errors[2],
    chosenTimes: Array.from(chosenGrids[0].times),
    referenceError: Math.max(
      ...families.map(({ grid }) => errorOn(grid(T, finest), true).reference),
    ),
  };
}

/**
 * `w(t) = |ḧ_t|` on the cells of a grid: Euler's local error on a step ε at t is `ε²|ḧ|/2`. By differences of the states of a
 * high-order flow.
 */
function localWeights(backend: Backend, experiment: DepthExperiment, grid: DepthGrid) {
  return backend.scoped(() => {
    const { field, tokens, samples, controls, initial } = experiment;
    const flow = createFlow(backend, { field, tokens, samples, scheme: rk4 });
    const trajectory = flow.forward({ grid, controls, initial });
    const cells = layerCount(grid);
    const step = horizonOf(grid) / cells;
    const second = backend.allocate(initial.length);
    const zero = new Float64Array(initial.length);
    const bends = Array.from({ length: cells - 1 }, (_, i) => {
      const [before, here, after] = [i, i + 1, i + 2].map((k) => trajectory.state(k));
      for (let e = 0; e < second.length; e++) {
        second[e] = (before[e] - 2 * here[e] + after[e]) / step ** 2;
      }
      return largestDistance(second, zero, experiment);
    });
    const values = Array.from(
      { length: cells },
      (_, k) => bends[Math.min(Math.max(k - 1, 0), cells - 2)],
    );
    return { times: grid.times, values };
  });
}

/** The finding from one record for each experiment. */
export function depthProfileFinding(
  depths: readonly number[],
  measured: readonly ProfileErrors[],
): Finding {
  const curves = [
    ...families.map(({ name }, f) => ({ name, errors: measured.map((m) => m.errors[f]) })),
    { name: 'ζ peaked, equidistributed', errors: measured.map((m) => m.chosen) },
  ];
  const referenceError = Math.max(...measured.map((m) => m.referenceError));
  const smallest = Math.min(...curves.flatMap(({ errors }) => errors.flat()));
  const assumptions: Assumption[] = [
    {
      name: 'reference solutions at least 100 times closer than the smallest error',
      holds: referenceError <= 1e-2 * smallest,
      value: referenceError / smallest,
    },
  ];
  const answers = curves.map(({ errors }) =>
    judgeOrder({ x: depths, y: errors, order: -1, assumptions }),
  );
  // The family that is farthest from its expected order decides.
  const worst = answers.reduce((a, b) => (distanceOf(b) > distanceOf(a) ? b : a));
  const ratios = measured.map(
    (m) => meanInterval(m.uniform.map((error, i) => Math.log(error / m.chosen[i]))).mean,
  );
  const gain = meanInterval(ratios);
  const [low, high] = (gain.interval ?? [gain.mean, gain.mean]).map(Math.exp);
  const evidence: Record<string, Evidence> = { depths };
  curves.forEach(({ name, errors }, i) => {
    evidence[`${name}.slope`] = answers[i].measured;
    evidence[`${name}.interval`] = answers[i].interval ?? [];
    evidence[`${name}.constant`] = answers[i].evidence['slope.constant'] ?? Number.NaN;
    evidence[`${name}.errors`] = rowsOrRow(errors);
  });
  const holds = answers.every((answer) => answer.verdict === 'holds');
  const verdict = answers.some((answer) => answer.verdict === 'outside')
    ? 'outside'
    : holds && low > 1
      ? 'holds'
      : 'fails';
  return {
    assumptions: worst.assumptions,
    evidence: {
      ...evidence,
      'equidistribution.gain': Math.exp(gain.mean),
      'equidistribution.gainInterval': [low, high],
      'equidistribution.times': measured[0].chosenTimes,
      'reference.error': referenceError,
    },
    measured: worst.measured,
    expected: { kind: 'value', value: -1 },
    interval: worst.interval,
    verdict,
    summary: `On ${curves.length} profiles and grids errors fall like L^${answers.map((a) => a.measured.toFixed(3)).join(', L^')}; a grid that equidistributes the local error is ${Math.exp(gain.mean).toFixed(2)} times closer than the uniform one at equal L [${low.toFixed(2)}, ${high.toFixed(2)}].`,
    figures: [
      orderFigure({
        id: 'A.depth-profile',
        title: 'Depth profiles and grids',
        caption:
          'Largest distance between the hidden states of L layers and the time-changed flow ḣ = ζ(t) f, for profiles ζ and grids; the equidistributed grid was chosen by the program. Bands: range over experiments. Expected: order 1.',
        quantity: 'sup_k |h_k − h(t_k)|',
        curves: curves.map(({ name, errors }) => ({ series: name, layers: depths, errors })),
        expected: [{ slope: -1, curve: 2 }],
      }),
    ],
  };
}

function distanceOf({ measured, interval }: OrderAnswer): number {
  const [low, high] = interval ?? [measured, measured];
  return Math.max(0, low + 1, -1 - high, 1e-3 * Math.abs(measured + 1));
}

async function run(context: ClaimContext<DepthInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) {
    const measured = measureProfiles(
      backend,
      explicitExperiment(backend, instance),
      instance.depths,
    );
    return depthProfileFinding(instance.depths, [measured]);
  }
  const depths = setting === 'full' ? fullDepths : quickDepths;
  const measured = await overExperiments(
    context,
    setting === 'full' ? 16 : 4,
    'random flows',
    (index) => measureProfiles(backend, randomExperiment(backend, seed, index), depths),
  );
  return depthProfileFinding(depths, measured);
}

/** Depth profiles are time changes; non-uniform grids keep the order (open in arXiv 2606.23235). */
export const depthProfile = legacy<DepthInstance>({
  id: 'A.depth-profile',
  paper: 'A',
  title: 'Profiles over depth and unequal layers',
  statement:
    'For $h_{k+1} = h_k + \\varepsilon_k\\,\\zeta(t_k)\\,f(h_k,\\theta_k)$ and $\\dot h = \\zeta(t)\\,f(h,\\theta_t)$, $\\sup_k|h_k - h(t_k)| = O(1/L)$ for every positive profile $\\zeta$ and every grid with $\\max_k\\varepsilon_k = O(1/L)$; equidistributing the local error lowers the constant.',
  trust: 'P: open question',
  quantity: 'log–log slope farthest from −1',
  instance: depthInstance,
  run,
});
