import { plainStages } from '../flow/runge-kutta.ts';
import { rk4 } from '../flow/scheme.ts';
import type { ParticleLaw } from '../law/law.ts';
import { multiplyVector, transpose } from '../numeric/matrix.ts';
import { addScaled, dot } from '../numeric/vector.ts';
import { requireWhole } from './checks.ts';
import { type EnsembleHead, headScoreMatrix } from './parameters.ts';

/** One pair (context, token) in continuous depth, moved by a law of heads. */
export interface MeanFieldProblem {
  /** μ_0, discrete. */
  readonly context: ParticleLaw;
  /** x_0. */
  readonly token: ArrayLike<number>;
  /** The equal particles of ν_s at depth s in [0, 1]. */
  readonly heads: (s: number) => readonly EnsembleHead[];
  /** M, steps of Runge–Kutta 4 backward; twice as many forward. */
  readonly steps: number;
}

/** Token, context points and their costates at one depth: the last column is the token. */
export interface MeanFieldPair {
  /** z_1, …, z_n, x. */
  readonly columns: readonly Float64Array[];
  /** q(z_1), …, q(z_n), p. */
  readonly costates: readonly Float64Array[];
}

/** One solution of forward and costate equations. */
export interface MeanFieldSolution {
  /** x_1. */
  readonly final: Float64Array;
  /** Weights of the context's points. */
  readonly masses: Float64Array;
  /** At depths m/M. */
  at(m: number): MeanFieldPair;
}

type Columns = Float64Array[];

/** A law tilted by `e^{⟨ξ,·⟩}`: densities w(z_j), mean ȳ, and the action of the covariance C. */
interface Tilted {
  readonly densities: Float64Array;
  readonly mean: Float64Array;
  readonly covariance: (v: Float64Array) => Float64Array;
}

/**
 * Solves the mean-field equations in continuous depth for one pair: the forward flow
 * `ẋ = ∫ Att_θ[μ](x) dν_s(θ)`, which also moves the context, and backward from `p_1 = costate(x_1)`, `q_1 = 0`
 * `−ṗ = ∫ BᵀC_xVᵀp dν`,
 * `−q̇(z) = ∫ {BᵀC_zVᵀq(z) + w_x(z)[Vᵀp + Bx⟨z − ȳ_x, Vᵀp⟩] + ∫ w_{z'}(z)[Vᵀq(z') + Bz'⟨z − ȳ_{z'}, Vᵀq(z')⟩] dμ(z')} dν`.
 * Written out term by term, without kernels: a second implementation to judge the discrete adjoint by. For weighted
 * points `∂L/∂z_j = w_j q(z_j)`.
 *
 * @throws MesoscopeError `invalid-value`
 */
export function solveMeanField(
  problem: MeanFieldProblem,
  costate: (final: Float64Array) => Float64Array,
): MeanFieldSolution {
  const { context, token, heads, steps } = problem;
  requireWhole('steps', steps);
  const d = context.dimension;
  const n = context.points.rows;
  const masses = context.weights;
  const start: Columns = [
    ...Array.from({ length: n }, (_, j) => context.points.data.slice(j * d, (j + 1) * d)),
    Float64Array.from(token),
  ];
  const h = 1 / (2 * steps);
  const states: Columns[] = [start];
  for (let m = 0; m < 2 * steps; m++) {
    states.push(
      rungeKutta(states[m], h, (c, columns) => velocity(heads((m + c) * h), columns, masses)),
    );
  }
  const final = states[2 * steps][n];
  const costates: Columns[] = new Array(steps + 1);
  costates[steps] = [...start.slice(0, n).map(() => new Float64Array(d)), costate(final)];
  for (let m = steps; m > 0; m--) {
    costates[m - 1] = rungeKutta(costates[m], 1 / steps, (c, p) => {
      const half = 2 * m - 2 * c;
      return costateRate(heads(half * h), states[half], p, masses);
    });
  }
  return { final, masses, at: (m) => ({ columns: states[2 * m], costates: costates[m] }) };
}

/**
 * `∇_θ δL/δν(s, θ)`, one pair's share: the gradient in (Q, K, V) of `⟨p, Att_θ[μ](x)⟩ + ∫⟨q, Att_θ[μ]⟩dμ`:
 * `∇_V⟨p,Att⟩ = p ȳᵀ`, `∇_Q = K C Vᵀp xᵀ/√k`, `∇_K = Qx (C Vᵀp)ᵀ/√k`. Q, K, V row by row, one after the other.
 */
export function firstVariationGradient(
  head: EnsembleHead,
  { columns, costates }: MeanFieldPair,
  masses: ArrayLike<number>,
): Float64Array {
  const { Q, K, V } = head;
  const d = V.columns;
  const k = Q.rows;
  const beta = 1 / Math.sqrt(k);
  const B = headScoreMatrix(head);
  const out = new Float64Array(2 * k * d + d * d);
  const n = columns.length - 1;
  columns.forEach((x, c) => {
    const mass = c === n ? 1 : masses[c];
    const { mean, covariance } = tilt(columns, masses, multiplyVector(B, x));
    const p = costates[c];
    const u = covariance(multiplyVector(transpose(V), p));
    const Ku = multiplyVector(K, u);
    const Qx = multiplyVector(Q, x);
    for (let i = 0; i < k; i++) {
      for (let a = 0; a < d; a++) {
        out[i * d + a] += mass * beta * Ku[i] * x[a];
        out[(k + i) * d + a] += mass * beta * Qx[i] * u[a];
      }
    }
    for (let a = 0; a < d; a++) {
      for (let b = 0; b < d; b++) out[(2 * k + a) * d + b] += mass * p[a] * mean[b];
    }
  });
  return out;
}

function tilt(
  columns: Columns | readonly Float64Array[],
  masses: ArrayLike<number>,
  xi: Float64Array,
): Tilted {
  const n = masses.length;
  const densities = new Float64Array(n);
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < n; j++) {
    densities[j] = dot(xi, columns[j]);
    if (masses[j] > 0) largest = Math.max(largest, densities[j]);
  }
  let total = 0;
  for (let j = 0; j < n; j++) {
    densities[j] = Math.exp(densities[j] - largest);
    total += masses[j] * densities[j];
  }
  const mean = new Float64Array(xi.length);
  for (let j = 0; j < n; j++) {
    densities[j] /= total;
    addScaled(mean, masses[j] * densities[j], columns[j]);
  }
  const covariance = (v: Float64Array) => {
    const out = new Float64Array(xi.length);
    for (let j = 0; j < n; j++) {
      const factor = masses[j] * densities[j] * (dot(columns[j], v) - dot(mean, v));
      for (let a = 0; a < out.length; a++) out[a] += factor * (columns[j][a] - mean[a]);
    }
    return out;
  };
  return { densities, mean, covariance };
}

function velocity(
  heads: readonly EnsembleHead[],
  columns: Columns,
  masses: ArrayLike<number>,
): Columns {
  const out = columns.map((x) => new Float64Array(x.length));
  for (const head of heads) {
    const B = headScoreMatrix(head);
    columns.forEach((x, c) => {
      const { mean } = tilt(columns, masses, multiplyVector(B, x));
      addScaled(out[c], 1 / heads.length, multiplyVector(head.V, mean));
    });
  }
  return out;
}

function costateRate(
  heads: readonly EnsembleHead[],
  columns: Columns,
  costates: Columns,
  masses: ArrayLike<number>,
): Columns {
  const out = columns.map((x) => new Float64Array(x.length));
  const n = masses.length;
  for (const head of heads) {
    const B = headScoreMatrix(head);
    const [Bt, Vt] = [transpose(B), transpose(head.V)];
    const share = 1 / heads.length;
    columns.forEach((x, c) => {
      const xi = multiplyVector(B, x);
      const { densities, mean, covariance } = tilt(columns, masses, xi);
      const u = multiplyVector(Vt, costates[c]);
      addScaled(out[c], share, multiplyVector(Bt, covariance(u)));
      const mass = c === n ? 1 : masses[c];
      for (let j = 0; j < n; j++) {
        const factor = share * mass * densities[j];
        addScaled(out[j], factor, u);
        addScaled(out[j], factor * (dot(columns[j], u) - dot(mean, u)), xi);
      }
    });
  }
  return out;
}

/** One classical step; `rate(c, y)` is the derivative at c = 0, ½ or 1 of the step. */
function rungeKutta(y: Columns, h: number, rate: (c: number, y: Columns) => Columns): Columns {
  const d = y[0].length;
  const columnsOf = (flat: Float64Array) =>
    y.map((_, c) => flat.subarray(c * d, (c + 1) * d)) satisfies Columns;
  const flat = Float64Array.from({ length: y.length * d }, (_, i) => y[Math.floor(i / d)][i % d]);
  const stages = plainStages(rk4, flat.length);
  stages.compute(
    (share, at, slope) => {
      rate(share, columnsOf(at)).forEach((column, c) => {
        slope.set(column, c * d);
      });
    },
    flat,
    h,
  );
  stages.advance(flat, h);
  return columnsOf(flat);
}
