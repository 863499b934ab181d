import { fitRate } from '../../numeric/fit.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, legacy } from '../legacy.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';
import {
  type GridRecord,
  gridErrors,
  particleCounts,
  particleErrors,
  referenceLaw,
  type TransportInstance,
  transportInstance,
  velocityOf,
} from '../../control/transport/transport-errors.ts';

interface TransportRecord {
  readonly line: GridRecord;
  readonly particles?: readonly number[];
  readonly plane?: GridRecord;
}

/** A random layer on the line attending to its own law, and one in the plane attending to three given points. */
function randomInstance(random: RandomStream, d: 1 | 2, cells: number[]): TransportInstance {
  const entries = (rows: number, columns: number, draw: () => number) =>
    Array.from({ length: rows }, () => Array.from({ length: columns }, draw));
  const normals = (rows: number, columns: number, size: number) =>
    entries(rows, columns, () => size * random.normal());
  // Bounded, so that a Gaussian law under its own attention stays well before its blow-up.
  const bounded = (rows: number, columns: number, size: number) =>
    entries(rows, columns, () => size * (2 * random.uniform() - 1));
  return {
    B: bounded(d, d, 0.5 / d),
    V: bounded(d, d, 0.5 / d),
    W1: bounded(3, d, 1.5),
    b1: normals(1, 3, 1)[0],
    W2: bounded(d, 3, 0.4),
    ...(d === 2 ? { context: normals(3, 2, 1) } : {}),
    mean: normals(1, d, 0.3)[0],
    deviation: 0.7,
    horizon: 1,
    halfWidth: 7,
    cells,
  };
}

function findingOf(
  cells: readonly number[],
  planeCells: readonly number[],
  records: readonly TransportRecord[],
): Finding {
  const grids = records.flatMap(({ line, plane }) =>
    plane === undefined ? [line] : [line, plane],
  );
  const boundary = Math.max(...grids.map((grid) => grid.boundaryMass));
  const massError = Math.max(...grids.map((grid) => grid.massError));
  const assumptions = [
    {
      name: 'the law stays inside the grid: mass in boundary cells at most 1e-6',
      holds: boundary <= 1e-6,
      value: boundary,
    },
    { name: 'mass is conserved to 1e-12', holds: massError <= 1e-12, value: massError },
    {
      name: 'the grid solver reached T',
      holds: grids.every((grid) => grid.completed),
      value: grids.every((grid) => grid.completed) ? 'completed' : 'step limit',
    },
  ];
  const lineErrors = records.map(({ line }) => line.errors);
  const planeErrors = records.flatMap(({ plane }) => (plane === undefined ? [] : [plane.errors]));
  const particleRows = records.flatMap((record) =>
    record.particles === undefined ? [] : [record.particles],
  );
  const answer = judgeOrder({ x: cells, y: lineErrors, order: -1, assumptions });
  const plane =
    planeErrors.length > 0
      ? judgeOrder({ x: planeCells, y: planeErrors, order: -1, assumptions })
      : undefined;
  const rate =
    particleRows.length > 1
      ? fitRate({ x: particleCounts, y: particleRows }, { confidence: 0.999 })
      : undefined;
  const rateHolds =
    rate?.interval == null || (rate.interval[0] <= -0.5 && -0.5 <= rate.interval[1]);
  const others = rateHolds && (plane === undefined || plane.verdict === 'holds');
  return {
    assumptions: answer.assumptions,
    evidence: {
      cells,
      errors: rowsOrRow(lineErrors),
      ...answer.evidence,
      ...(plane === undefined
        ? {}
        : {
            'plane.cells': planeCells,
            'plane.errors': rowsOrRow(planeErrors),
            'plane.slope': plane.measured,
            'plane.interval': plane.interval ?? [],
          }),
      ...(rate === undefined
        ? {}
        : {
            'particles.counts': particleCounts,
            'particles.errors': rowsOrRow(particleRows),
            'particles.slope': rate.slope,
            'particles.interval99.9': rate.interval ?? [],
          }),
    },
    measured: answer.measured,
    expected: { kind: 'value', value: -1 },
    interval: answer.interval,
    verdict: answer.verdict === 'holds' && !others ? 'fails' : answer.verdict,
    summary:
      `The grid solver approaches the transported law like cells^${answer.measured.toFixed(3)}` +
      (plane === undefined ? '' : `, in the plane like cells^${plane.measured.toFixed(3)}`) +
      (rate === undefined ? '.' : `; N random particles like N^${rate.slope.toFixed(3)}.`),
    figures: [
      {
        ...orderFigure({
          id: 'A.transport',
          title: 'The law of hidden states, by grid and by particles',
          caption:
            'Distance to the transported law of the conservative grid solver (W1 on the line, sliced W2 in the plane) and of N random interacting particles (W1). Band: range over layers. Expected: order 1 in the cells, ½ in the particles.',
          quantity: 'Wasserstein distance at T',
          curves: [
            { series: 'grid, line', layers: cells, errors: lineErrors },
            ...(particleRows.length > 0
              ? [{ series: 'particles, line', layers: particleCounts, errors: particleRows }]
              : []),
            ...(planeErrors.length > 0
              ? [{ series: 'grid, plane', layers: planeCells, errors: planeErrors }]
              : []),
          ],
          expected: [
            { slope: -1, curve: 0 },
            ...(particleRows.length > 0 ? [{ slope: -0.5, curve: 1 }] : []),
          ],
        }),
        x: { label: 'cells an axis, or particles N', scale: 'log', base: 2 },
      },
    ],
  };
}

async function run(context: ClaimContext<TransportInstance>): Promise<Finding> {
  const { seed, setting, instance } = context;
  if (instance !== undefined) {
    const velocity = velocityOf(instance);
    const line = gridErrors(instance, velocity, referenceLaw(instance, velocity));
    return findingOf(instance.cells, [], [{ line }]);
  }
  const full = setting === 'full';
  const cells = full ? [32, 64, 128, 256, 512] : [32, 64, 128, 256];
  const planeCells = full ? [32, 64, 96, 128, 192, 256] : [32, 64, 96, 128];
  const records = await overExperiments(context, full ? 16 : 4, 'random layers', (index) => {
    const random = randomStream(seed, 'one-token layers', index);
    const onLine = randomInstance(random, 1, cells);
    const inPlane = randomInstance(random, 2, planeCells);
    const [velocity, planeVelocity] = [velocityOf(onLine), velocityOf(inPlane)];
    const reference = referenceLaw(onLine, velocity);
    return {
      line: gridErrors(onLine, velocity, reference),
      particles: particleErrors(onLine, velocity, reference, random),
      plane: gridErrors(inPlane, planeVelocity, referenceLaw(inPlane, planeVelocity)),
    };
  });
  return findingOf(cells, planeCells, records);
}

/** The law of one token's hidden state solves the transport equation (arXiv 2606.23235). */
export const transport = legacy<TransportInstance>({
  id: 'A.transport',
  paper: 'A',
  title: 'The law of hidden states is transported',
  statement:
    '$m_t = \\mathrm{Law}(h_t)$ solves $\\partial_t m + \\mathrm{div}_h(m\\,f(h, m, \\theta_t)) = 0$: a conservative grid solver and interacting particles meet.',
  trust: 'P',
  quantity: 'log–log slope of the grid’s W1 error in cells',
  instance: transportInstance,
  run,
});
