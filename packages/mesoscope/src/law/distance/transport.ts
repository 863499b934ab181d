import { MesoscopeError } from '../../errors.ts';
import { requireShape, requireThat } from '../../numeric/checks.ts';
import type { ParticleLaw } from '../law.ts';
import type { Distance } from './distance.ts';
import { solveTransport } from './network-simplex.ts';
import { polishFlow, type SparseFlow } from './plan-polish.ts';
import { inOwnUnit } from './unit.ts';

export interface TransportOptions {
  /** p of `W_p`: cost |x − y|^p. Default 2. */
  readonly order?: 1 | 2;
}

/** A coupling of two particle laws: `mass[k]` goes from point `from[k]` to point `to[k]`. */
export interface TransportPlan {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly mass: Float64Array;
}

/** A Wasserstein distance with the plan that attains it. */
export interface TransportDistance extends Distance {
  /** For two laws of n equal weights: an assignment, every point once. */
  readonly plan: TransportPlan;
  /** Kantorovich potentials u, v with `u_i + v_j ≤ |x_i − y_j|^p`, equal where the plan moves mass. */
  readonly potentials: { readonly from: Float64Array; readonly to: Float64Array };
}

/** More pairs than this do not fit a laptop's memory comfortably (400 MB). */
const largestPairCount = 50_000_000;

/** Relative gap between primal and dual up to which the cost counts as exact. */
const provenGap = 1e-11;

/** Up to so many pairs a plan whose gap is open is polished. */
const mostPolishedPairs = 1_000_000;

/**
 * The exact Wasserstein distance `W_p` of two particle laws in any dimension, meant for up to about 2,000 points on
 * each side (memory n·m numbers; a few seconds at 2,000), by the network simplex method. `primal` and `dual` of the
 * certificate are of `W_p^p`; the dual value comes from potentials made feasible against every pair. Where rounding leaves
 * them apart (one point far from all others), the plan is polished (`polishFlow`); `exact` is said only where they agree
 * to 1e-11, else `bounded`.
 *
 * @throws MesoscopeError `shape-mismatch` if dimensions differ, `invalid-value` for another order, `unsupported` for more than
 *   50 million pairs
 */
export function wassersteinDistance(
  first: ParticleLaw,
  second: ParticleLaw,
  { order = 2 }: TransportOptions = {},
): TransportDistance {
  requireShape('ν', [second.dimension], [first.dimension]);
  requireOrder(order);
  const {
    laws: [mu, nu],
    unit,
  } = inOwnUnit([first, second]);
  const rows = support(mu.weights);
  const columns = support(nu.weights);
  if (rows.length * columns.length > largestPairCount) {
    throw new MesoscopeError({
      code: 'unsupported',
      what: `exact transport between ${rows.length} and ${columns.length} points`,
      by: 'wassersteinDistance',
      wayOut: 'Use sinkhornDivergence or slicedWasserstein, or take fewer points.',
    });
  }
  const pairCost = pairCosts(mu, nu, order);
  const [n, m] = [rows.length, columns.length];
  const cost = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) cost[i * m + j] = pairCost(rows[i], columns[j]);
  }
  const { a, b, share } = integerMasses(mu, nu, rows, columns);
  const judge = (flow: SparseFlow, v: Float64Array) => {
    const plan = {
      from: flow.from.map((i) => rows[i]),
      to: flow.to.map((j) => columns[j]),
      mass: flow.mass.map((mass) => mass * share),
    };
    const potentials = feasiblePotentials(mu, nu, columns, v, pairCost);
    const primal = total(plan.mass, (mass, k) => mass * cost[flow.from[k] * m + flow.to[k]]);
    const dual =
      total(mu.weights, (weight, i) => weight * potentials.from[i]) +
      total(nu.weights, (weight, j) => weight * potentials.to[j]);
    // No cost is negative.
    const relativeGap = primal === 0 ? 0 : (primal - Math.max(0, dual)) / primal;
    return { plan, potentials, primal, dual, relativeGap };
  };
  const solution = solveTransport(cost, a, b);
  let best = judge(solution, solution.v);
  if (Math.abs(best.relativeGap) > provenGap && n * m <= mostPolishedPairs) {
    const polished = polishFlow(cost, n, m, solution);
    const judged = polished && judge(polished, polished.v);
    if (judged && judged.primal <= best.primal) best = judged;
  }
  const { plan, potentials, primal, dual, relativeGap } = best;
  const costUnit = unit ** order;
  return {
    value: unit * (order === 1 ? primal : Math.sqrt(primal)),
    certificate: {
      kind: 'duality',
      primal: primal * costUnit,
      dual: dual * costUnit,
      gap: (primal - dual) * costUnit,
      marginalError:
        marginalError(mu.weights, plan.from, plan.mass) +
        marginalError(nu.weights, plan.to, plan.mass),
    },
    status:
      Math.abs(relativeGap) <= provenGap ? { kind: 'exact' } : { kind: 'bounded', relativeGap },
    plan,
    potentials: {
      from: potentials.from.map((u) => u * costUnit),
      to: potentials.to.map((v) => v * costUnit),
    },
  };
}

/** @throws MesoscopeError `invalid-value` for an order other than 1 and 2 */
export function requireOrder(order: number): void {
  requireThat(order === 1 || order === 2, 'order', order, 'p = 1 or p = 2');
}

type PairCost = (i: number, j: number) => number;

function pairCosts(mu: ParticleLaw, nu: ParticleLaw, order: 1 | 2): PairCost {
  const d = mu.dimension;
  const [x, y] = [mu.points.data, nu.points.data];
  return (i, j) => {
    let square = 0;
    for (let a = 0; a < d; a++) {
      const difference = x[i * d + a] - y[j * d + a];
      square += difference * difference;
    }
    return order === 2 ? square : Math.sqrt(square);
  };
}

/** Indices of the points with positive weight. */
function support(weights: Float64Array): Int32Array {
  return Int32Array.from(weights.keys()).filter((i) => weights[i] > 0);
}

/** The masses of both sides; as whole numbers, on which sums are exact, where all weights of each side are equal. */
function integerMasses(mu: ParticleLaw, nu: ParticleLaw, rows: Int32Array, columns: Int32Array) {
  const a = Float64Array.from(rows, (i) => mu.weights[i]);
  const b = Float64Array.from(columns, (j) => nu.weights[j]);
  if (a.some((mass) => mass !== a[0]) || b.some((mass) => mass !== b[0])) return { a, b, share: 1 };
  const [n, m] = [a.length, b.length];
  const square = n === m;
  return {
    a: a.fill(square ? 1 : m),
    b: b.fill(square ? 1 : n),
    share: square ? 1 / n : 1 / (n * m),
  };
}

/** Potentials with `u_i + v_j ≤ c_ij` for all pairs, from v on the support of ν: u as large as possible, then v. */
function feasiblePotentials(
  mu: ParticleLaw,
  nu: ParticleLaw,
  columns: Int32Array,
  v: Float64Array,
  pairCost: PairCost,
) {
  const from = new Float64Array(mu.weights.length).fill(Number.POSITIVE_INFINITY);
  const to = new Float64Array(nu.weights.length).fill(Number.POSITIVE_INFINITY);
  from.forEach((_, i) => {
    columns.forEach((j, k) => {
      from[i] = Math.min(from[i], pairCost(i, j) - v[k]);
    });
  });
  columns.forEach((j, k) => {
    to[j] = v[k];
  });
  to.forEach((potential, j) => {
    if (potential !== Number.POSITIVE_INFINITY) return;
    from.forEach((u, i) => {
      to[j] = Math.min(to[j], pairCost(i, j) - u);
    });
  });
  return { from, to };
}

function marginalError(weights: Float64Array, ends: Int32Array, mass: Float64Array): number {
  const rest = weights.slice();
  ends.forEach((end, k) => {
    rest[end] -= mass[k];
  });
  return total(rest, Math.abs);
}

function total(values: Float64Array, term: (value: number, index: number) => number): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += term(values[k], k);
  return sum;
}
