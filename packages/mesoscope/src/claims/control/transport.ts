import * as z from 'zod';
import {
  type GridRecord,
  measureRandomTransport,
  measureTransport,
  particleCounts,
  type TransportRecord,
} from '../../control/transport/transport-errors.ts';
import { transportComplaints } from '../../control/transport/transport-instance.ts';
import { atMost } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing, matrix, vector } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder, sampledOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { horizonField } from './depth-instance.ts';

const given = experiments({
  label: 'layers',
  shared: {
    horizon: horizonField,
    halfWidth: z.number().positive().default(8).describe('the grid is [−w, w] in each coordinate'),
    cells: increasing([32, 64, 128, 256], 4, 'cells an axis'),
  },
  own: {
    layers: experimentCount(
      4,
      'random layers on the line, attending to their own law, and in the plane, attending to three points',
    ),
    planeCells: increasing([16, 32, 64, 128], 4, 'cells an axis in the plane'),
  },
  data: {
    B: matrix.describe('d × d, d = 1 or 2: scores ⟨Bx, y⟩'),
    V: matrix.describe('d × d'),
    W1: matrix.optional().describe('m × d; goes with b1 and W2: W2 tanh(W1 x + b1) is added'),
    b1: vector.optional().describe('m numbers'),
    W2: matrix.optional().describe('d × m'),
    context: matrix.optional().describe('points that tokens attend to; default their own law'),
    mean: vector.describe('of the Gaussian law at depth 0, d numbers'),
    deviation: z.number().positive().describe('of each coordinate at depth 0'),
  },
  full: { layers: 16, cells: [32, 64, 128, 256, 512], planeCells: [16, 32, 64, 128, 256] },
  check: (instance) => (instance.explicit ? transportComplaints(instance) : []),
  pieces: (instance) => (instance.explicit ? 1 : instance.layers),
});

type Given = ReturnType<typeof given.parse>;

/** What the errors of grids and particles say about their orders. */
export function transportConclusion(
  {
    cells,
    planeCells,
  }: { readonly cells: readonly number[]; readonly planeCells: readonly number[] },
  measured: readonly TransportRecord[],
): Conclusion {
  const lines = measured.map(({ grid }) => grid);
  const own = measured.flatMap((one) => one.own ?? []);
  const planes = own.map(({ plane }) => plane);
  const particles = own.map((one) => one.particles);
  const grids = [...lines, ...planes];
  const largest = (read: (grid: GridRecord) => number) => Math.max(...grids.map(read));
  const gridOrder = (name: string, scales: readonly number[], of: readonly GridRecord[]) =>
    deterministicOrder({
      name,
      failsIf: 'the conservative grid solver does not approach the transported law like 1/cells',
      scales,
      rows: of.map(({ errors }) => errors),
      accuracy: of.map(({ accuracy }) => accuracy),
      order: -1,
      side: 'at least as fast',
    });
  const line = gridOrder('order of the grid’s distance in cells', cells, lines);
  const plane = gridOrder(
    'order of the grid’s distance in cells, in the plane',
    planeCells,
    planes,
  );
  const random = sampledOrder({
    name: 'order of the distance of N random particles in N',
    failsIf: 'interacting particles do not approach the transported law like N^{-1/2}',
    scales: particleCounts,
    rows: particles,
    order: -0.5,
    side: 'exactly',
    rivals: [-1, 0],
  });
  const mass = atMost({
    name: 'change of the grid’s total mass',
    failsIf: 'the grid solver does not conserve mass',
    measured: largest(({ massError }) => massError),
    expected: 1e-12,
  });
  const boundary = largest(({ boundaryMass }) => boundaryMass);
  const resolved = Math.min(...grids.map(({ cellsOfDeviation }) => cellsOfDeviation));
  const completed = grids.every((grid) => grid.completed);
  const exists = grids.every(({ accuracy }) => Number.isFinite(accuracy));
  const still = largest(({ moved }) => moved) <= 1e-12;
  return {
    hypotheses: [
      { name: 'the law exists up to T', holds: exists, value: exists ? 'moved to T' : 'diverged' },
    ],
    resolution: [
      notTrivial(still ? 'the velocity is 0: the law stays where it is' : undefined),
      {
        name: 'the grid solver reached T',
        holds: completed,
        value: completed ? 'completed' : 'step limit',
      },
      {
        name: 'the law stays inside the grid: mass in boundary cells at most 1e-6',
        holds: boundary <= 1e-6,
        value: boundary,
      },
      {
        name: 'the deviation of the law is at least two of the finest cells at depths 0 and T',
        holds: resolved >= 2,
        value: resolved,
      },
    ],
    checks: own.length > 0 ? [line, plane, random, mass] : [line, mass],
    evidence: {
      cells,
      errors: lines.map(({ errors }) => errors),
      'reference.accuracy': grids.map(({ accuracy }) => accuracy),
      'plane.cells': planeCells,
      'plane.errors': planes.map(({ errors }) => errors),
      'particles.counts': particleCounts,
      'particles.errors': particles,
    },
    summary: `The grid solver approaches the transported law ${decayInWords('cells', line)}${own.length > 0 ? `, in the plane ${decayInWords('cells', plane)}; N random particles ${decayInWords('N', random)}` : ''}.`,
    figures: [
      convergenceFigure({
        id: 'A.transport',
        title: 'The law of hidden states, by grid and by particles',
        caption:
          'Distance to the transported law of the conservative grid solver (W1 on the line, sliced W2 in the plane) and of N random interacting particles (W1). Band: range over layers. Expected: order 1 in the cells, ½ in the particles.',
        scale: 'cells an axis, or particles N',
        quantity: 'Wasserstein distance at T',
        curves: [
          { series: 'grid', scales: cells, rows: lines.map((g) => g.errors), slope: -1 },
          ...(own.length > 0
            ? [
                { series: 'grid, plane', scales: planeCells, rows: planes.map((g) => g.errors) },
                { series: 'particles', scales: particleCounts, rows: particles, slope: -0.5 },
              ]
            : []),
        ],
      }),
    ],
  };
}

/** The law of one token's hidden state solves the transport equation (arXiv 2606.23235). */
export const transport = claim<Given, TransportRecord>({
  id: 'A.transport',
  title: 'The law of hidden states is transported',
  statement:
    '$m_t = \\mathrm{Law}(h_t)$ solves $\\partial_t m + \\mathrm{div}_h(m\\,f(h, m, \\theta_t)) = 0$: a conservative grid solver and interacting particles meet.',
  trust: { statement: 'P' },
  given,
  measure: ({ given, seed, index }) =>
    given.explicit ? measureTransport(given) : measureRandomTransport({ ...given, seed, index }),
  conclude: (measured, { given }) =>
    transportConclusion(
      { cells: given.cells, planeCells: given.explicit ? [] : given.planeCells },
      measured,
    ),
});
