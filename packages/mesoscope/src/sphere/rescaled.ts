import { solveOde } from '../flow/ode.ts';
import { type Matrix, multiplyVector } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { dot, norm } from '../numeric/vector.ts';
import { hardmaxTargets } from './hardmax.ts';
import type { Tokens } from './tokens.ts';

/**
 * `ż_i = Σ_j P_ij(t)(z_j − z_i)`, `P_ij(t) ∝ e^{e^{2t}⟨Az_i, z_j⟩}`: attention with V = I, without norm, in the coordinates
 * `z = e^{−t}x` (arXiv 2305.05465). Exponents are shifted by their largest.
 */
export function rescaledVelocity(
  A: Matrix,
  n: number,
  t: number,
  z: ArrayLike<number>,
  out: Float64Array,
): void {
  const d = A.rows;
  const sharpness = Math.exp(2 * t);
  const at = (i: number) => Array.from({ length: d }, (_, a) => z[i * d + a]);
  const tokens = Array.from({ length: n }, (_, i) => at(i));
  tokens.forEach((x, i) => {
    const Ax = multiplyVector(A, x);
    const scores = tokens.map((y) => dot(Ax, y));
    const most = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(sharpness * (score - most)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let a = 0; a < d; a++) {
      const mean = tokens.reduce((sum, y, j) => sum + weights[j] * y[a], 0) / total;
      out[i * d + a] = mean - x[a];
    }
  });
}

/** Where rescaled tokens end. */
export interface PolytopeRecord {
  readonly tokens: number;
  /** Directions and times at which the hull's support has grown by more than the solver leaves open. */
  readonly growths: number;
  /** Tokens that lead at the end: vertices of the limit, each the best for itself. */
  readonly vertices: readonly number[];
  /** Tokens that follow no vertex at the end. */
  readonly astray: number;
  readonly times: readonly number[];
  /** Largest distance of a token to the vertex that it ends at, at these times. */
  readonly distances: readonly number[];
  /** `−d log distance/dt` over the last quarter of the time, and how far it moves, with what the solver leaves open; null at 0. */
  readonly rate: { readonly measured: number; readonly open: number } | null;
  readonly states: readonly Tokens[];
  readonly completed: boolean;
}

/** Directions in which the hull is looked at, for each dimension. */
const directionsPerDimension = 16;

/** Follows tokens up to `horizon`, where weights have long been those of hardmax. */
export function measurePolytope(
  A: Matrix,
  start: Tokens,
  horizon: number,
  stream: RandomStream,
  velocity = rescaledVelocity,
): PolytopeRecord {
  const [n, d] = [start.length, A.rows];
  const run = (relativeTolerance: number) =>
    solveOde((t, y, out) => velocity(A, n, t, y, out), {
      ...{ initial: start.flat(), to: horizon, relativeTolerance },
      absoluteTolerance: 1e-3 * relativeTolerance,
    });
  const [fine, rough] = [run(1e-9), run(1e-7)];
  const completed = fine.status.kind === 'completed' && rough.status.kind === 'completed';
  const times = Array.from({ length: 33 }, (_, k) => (k * horizon) / 32);
  const stateAt = (flow: typeof fine) => (t: number) => {
    const y = flow.at(t);
    return start.map((_, i) => Array.from(y.subarray(i * d, (i + 1) * d)));
  };
  const states = completed ? times.map(stateAt(fine)) : [start];
  const end = states[states.length - 1];
  const targets = hardmaxTargets(A, end);
  const vertices = targets.flatMap((j, i) => (i === j ? [i] : []));
  const goal = targets.map((j) => end[vertices.includes(j) ? j : 0]);
  const roughStates = completed ? times.map(stateAt(rough)) : [start];
  const accuracy = Math.max(
    ...states.flatMap((x, k) =>
      x.map((one, i) => norm(one.map((entry, a) => entry - roughStates[k][i][a]))),
    ),
  );
  const support = (u: readonly number[], x: Tokens) => Math.max(...x.map((one) => dot(u, one)));
  let growths = 0;
  for (let k = 0; k < directionsPerDimension * d; k++) {
    const u = Array.from(stream.normals(new Float64Array(d)));
    const supports = states.map((x) => support(u, x));
    const open = 2 * accuracy * norm(u);
    growths += supports.filter((one, m) => m > 0 && one > supports[m - 1] + open).length;
  }
  const distance = (x: Tokens) =>
    Math.max(...x.map((one, i) => norm(one.map((entry, a) => entry - goal[i][a]))));
  const distances = states.map(distance);
  return {
    tokens: n,
    growths,
    vertices,
    astray: targets.filter((j) => !vertices.includes(j)).length,
    times: completed ? times : [0],
    distances,
    rate: completed ? rateOf(times, distances, accuracy) : null,
    states,
    completed,
  };
}

function rateOf(
  times: readonly number[],
  distances: readonly number[],
  accuracy: number,
): PolytopeRecord['rate'] {
  const last = times.length - 1;
  const quarter = last >> 2;
  if (!(distances[last] > 0)) return null;
  const slope = (from: number, to: number) =>
    Math.log(distances[from] / distances[to]) / (times[to] - times[from]);
  const measured = slope(last - quarter, last);
  const moved = 2 * Math.abs(measured - slope(last - 2 * quarter, last - quarter));
  const solver = (2 * accuracy) / distances[last] / (times[last] - times[last - quarter]);
  return { measured, open: moved + solver };
}
