import { type GridLaw, gridLaw } from '../../law/law.ts';
import { normalUpperTail } from '../../numeric/distributions.ts';
import type { RandomStream } from '../../numeric/random.ts';
import { attentionVelocity, type PointCloud, type TokenVelocity } from './velocity.ts';

/** One token's layer in R or R², attending to its own law or to given points, and a Gaussian law that it moves. */
export interface TransportInstance {
  /** d × d, d = 1 or 2: scores ⟨Bx, y⟩. */
  readonly B: readonly (readonly number[])[];
  /** d × d. */
  readonly V: readonly (readonly number[])[];
  /** `W2 tanh(W1 x + b1)` is added: m × d, m, d × m; all or none. */
  readonly W1?: readonly (readonly number[])[] | undefined;
  readonly b1?: readonly number[] | undefined;
  readonly W2?: readonly (readonly number[])[] | undefined;
  /** Points that tokens attend to; default their own evolving law. */
  readonly context?: readonly (readonly number[])[] | undefined;
  /** Of the law at depth 0, d numbers. */
  readonly mean: readonly number[];
  /** Of each coordinate at depth 0. */
  readonly deviation: number;
  /** T. */
  readonly horizon: number;
  /** The grid is [−w, w] in each coordinate. */
  readonly halfWidth: number;
  /** Cells an axis, increasing. */
  readonly cells: readonly number[];
}

/** A random layer on the line attending to its own law, or one in the plane attending to three given points. */
export function randomTransport(
  random: RandomStream,
  d: 1 | 2,
  grid: Pick<TransportInstance, 'horizon' | 'halfWidth' | 'cells'>,
): TransportInstance {
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
    context: d === 2 ? normals(3, 2, 1) : undefined,
    mean: normals(1, d, 0.3)[0],
    deviation: 0.7,
    ...grid,
  };
}

/** The velocity of an instance's tokens. */
export function velocityOf({ B, V, W1, b1, W2, context }: TransportInstance): TokenVelocity {
  return attentionVelocity({
    dimension: B.length === 1 ? 1 : 2,
    B: B.flat(),
    V: V.flat(),
    ...(W1 && b1 && W2 ? { feedForward: { W1: W1.flat(), b1, W2: W2.flat() } } : {}),
    ...(context === undefined
      ? {}
      : { context: equalWeights(Float64Array.from(context.flat()), context.length) }),
  });
}

/** Points of equal weight. */
export function equalWeights(points: Float64Array, count: number): PointCloud {
  return { points, weights: new Float64Array(count).fill(1 / count) };
}

/** The Gaussian law's masses on a grid, exact up to what lies outside. */
export function gaussianGrid(
  { mean, deviation, halfWidth }: TransportInstance,
  cells: number,
): GridLaw {
  const h = (2 * halfWidth) / cells;
  const along = mean.map((m) => {
    const above = (k: number) => normalUpperTail((-halfWidth + k * h - m) / deviation);
    return Array.from({ length: cells }, (_, k) => above(k) - above(k + 1));
  });
  const masses =
    along.length === 1 ? along[0] : along[0].flatMap((p) => along[1].map((q) => p * q));
  const total = masses.reduce((a, b) => a + b, 0);
  const axis = { low: -halfWidth, high: halfWidth, cells };
  return gridLaw(
    mean.map(() => axis),
    masses.map((mass) => mass / total),
  );
}

/** Cells an axis up to which a law in the plane may attend to itself: the work grows like their fifth power. */
const mostOwnCells = 64;

/** What is wrong with a layer's matrices, context, law and grid beside each other, by path. */
export function transportComplaints({
  B,
  V,
  W1,
  b1,
  W2,
  context,
  mean,
  halfWidth,
  cells,
}: TransportInstance): { path: string; message: string }[] {
  const d = mean.length;
  const wide = (rows: readonly (readonly number[])[] | undefined, columns: number) =>
    rows === undefined || rows.every((row) => row.length === columns);
  const finest = cells[cells.length - 1];
  const parts = [W1, b1, W2].filter((part) => part !== undefined).length;
  const rules = [
    { path: 'mean', met: d === 1 || d === 2, message: 'must have 1 or 2 numbers' },
    {
      path: 'mean',
      met: mean.every((m) => Math.abs(m) <= halfWidth),
      message: 'must lie in the grid, [−halfWidth, halfWidth] in each coordinate',
    },
    {
      path: 'cells',
      met: d === 1 || context !== undefined || finest <= mostOwnCells,
      message: `must be at most ${mostOwnCells} an axis where a law in the plane attends to itself (received ${finest}), which would take many minutes; or give the context that tokens attend to`,
    },
    { path: 'B', met: B.length === d && wide(B, d), message: `must be ${d} × ${d}, as mean says` },
    { path: 'V', met: V.length === d && wide(V, d), message: `must be ${d} × ${d}, as mean says` },
    { path: 'context', met: wide(context, d), message: `must have points of ${d} numbers` },
    { path: 'W1', met: parts === 0 || parts === 3, message: 'goes with b1 and W2: all or none' },
    { path: 'W1', met: wide(W1, d), message: `must have ${d} columns` },
    {
      path: 'b1',
      met: b1 === undefined || b1.length === W1?.length,
      message: 'must be as long as W1',
    },
    {
      path: 'W2',
      met: W2 === undefined || (W2.length === d && wide(W2, b1?.length ?? 0)),
      message: `must have ${d} rows, as long as b1`,
    },
  ];
  return rules.filter(({ met }) => !met).map(({ path, message }) => ({ path, message }));
}
