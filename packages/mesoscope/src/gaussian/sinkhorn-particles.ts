import { type Matrix, multiply, transpose, zeros } from '../numeric/matrix.ts';
import type { GaussianLayer } from './layer.ts';

/** The velocities of tokens under sinkhorn attention, and how well the scaling converged. */
export interface SinkhornVelocity {
  /** n × d. */
  readonly velocity: Matrix;
  /** `max_i |Σ_j π_ij − 1/n|·n` over all heads. */
  readonly marginalError: number;
  readonly status: 'converged' | 'iteration-limit';
  readonly iterations: number;
}

export interface SinkhornVelocityOptions {
  /** Of the marginal, relative; default 1e-9. */
  readonly tolerance?: number;
  /** Default 1000. */
  readonly iterationLimit?: number;
}

/**
 * `ẋ_i = Σ_h V_h n Σ_j π^h_ij x_j + Wx_i + b`, π the coupling of the n tokens with themselves of density
 * `∝ e^{φ_i+⟨Bx_i,x_j⟩+ψ_j}` with both marginals uniform, by alternating scaling in the log domain. Keeps an n × n matrix.
 *
 * Source: arXiv 2110.11773 (doubly stochastic attention).
 *
 * @param points - n × d, one token a row
 */
export function sinkhornVelocity(
  layer: GaussianLayer,
  points: Matrix,
  { tolerance = 1e-9, iterationLimit = 1000 }: SinkhornVelocityOptions = {},
): SinkhornVelocity {
  const [n, d] = [points.rows, points.columns];
  const velocity = zeros(n, d);
  const linear = multiply(points, transpose(layer.W));
  for (let k = 0; k < velocity.data.length; k++) velocity.data[k] = linear.data[k] + layer.b[k % d];
  let marginalError = 0;
  let iterations = 0;
  for (const { V, B } of layer.heads) {
    const score = multiply(multiply(points, transpose(B)), transpose(points));
    const plan = scaleToUniform(score, tolerance, iterationLimit);
    marginalError = Math.max(marginalError, plan.marginalError);
    iterations = Math.max(iterations, plan.iterations);
    const values = multiply(multiply(plan.weights, points), transpose(V));
    for (let k = 0; k < velocity.data.length; k++) velocity.data[k] += values.data[k];
  }
  const status = marginalError <= tolerance ? 'converged' : 'iteration-limit';
  return { velocity, marginalError, status, iterations };
}

/** Scalings of a plan's rows or columns up to which products with it lose nothing to underflow. */
const absorbed = 1e30;

/**
 * Weights `e^{φ_i+s_ij+ψ_j}` whose rows sum to 1, and whose columns do within the tolerance. A sweep in the log domain makes a
 * plan; further sweeps are products with it, until its scalings grow so large that they are absorbed into φ and ψ
 * (Schmitzer, SIAM J. Sci. Comput. 41, 2019).
 */
function scaleToUniform(score: Matrix, tolerance: number, iterationLimit: number) {
  const n = score.rows;
  const phi = new Float64Array(n);
  const psi = new Float64Array(n);
  let iterations = 0;
  for (;;) {
    let marginalError = renewPotentials(score, phi, psi);
    iterations++;
    const weights = zeros(n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        weights.data[i * n + j] = Math.exp(phi[i] + score.data[i * n + j] + psi[j]);
      }
    }
    const [u, v] = [new Float64Array(n).fill(1), new Float64Array(n).fill(1)];
    const small = (x: number) => x * absorbed > 1 && x < absorbed;
    while (marginalError > tolerance && iterations < iterationLimit) {
      marginalError = rescale(weights, u, v);
      iterations++;
      if (!(u.every(small) && v.every(small))) break;
    }
    if (!(marginalError > tolerance && iterations < iterationLimit)) {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) weights.data[i * n + j] *= u[i] * v[j];
      }
      return { weights, marginalError, iterations };
    }
    for (let i = 0; i < n; i++) {
      phi[i] += Math.log(u[i]);
      psi[i] += Math.log(v[i]);
    }
  }
}

/** A sweep in the log domain: ψ, then φ; returns the largest error of a row's sum before φ is renewed. */
function renewPotentials({ data: s }: Matrix, phi: Float64Array, psi: Float64Array): number {
  const n = phi.length;
  const update = (row: number, column: number, other: Float64Array, own: Float64Array) => {
    let change = 0;
    for (let i = 0; i < n; i++) {
      let largest = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < n; j++) largest = Math.max(largest, s[i * row + j * column] + other[j]);
      let sum = 0;
      for (let j = 0; j < n; j++) sum += Math.exp(s[i * row + j * column] + other[j] - largest);
      const next = -largest - Math.log(sum);
      change = Math.max(change, Math.abs(Math.expm1(own[i] - next)));
      own[i] = next;
    }
    return change;
  };
  update(1, n, phi, psi);
  return update(n, 1, psi, phi);
}

/** The same sweep for `u_i w_ij v_j`. */
function rescale({ data: w }: Matrix, u: Float64Array, v: Float64Array): number {
  const n = u.length;
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) sums[j] += u[i] * w[i * n + j];
  }
  for (let j = 0; j < n; j++) v[j] = 1 / sums[j];
  let change = 0;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += w[i * n + j] * v[j];
    change = Math.max(change, Math.abs(u[i] * sum - 1));
    u[i] = 1 / sum;
  }
  return change;
}
