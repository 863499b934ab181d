import { type Matrix, multiply, multiplyVector, transpose, zeros } from '../numeric/matrix.ts';
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
    for (let i = 0; i < n; i++) {
      const mean = new Float64Array(d);
      for (let j = 0; j < n; j++) {
        const weight = Math.exp(plan.phi[i] + score.data[i * n + j] + plan.psi[j]);
        for (let a = 0; a < d; a++) mean[a] += weight * points.data[j * d + a];
      }
      multiplyVector(V, mean).forEach((entry, a) => {
        velocity.data[i * d + a] += entry;
      });
    }
  }
  const status = marginalError <= tolerance ? 'converged' : 'iteration-limit';
  return { velocity, marginalError, status, iterations };
}

/** φ, ψ with `Σ_j e^{φ_i+s_ij+ψ_j} = 1` for every i, and for every j within the tolerance. */
function scaleToUniform(score: Matrix, tolerance: number, iterationLimit: number) {
  const n = score.rows;
  const phi = new Float64Array(n);
  const psi = new Float64Array(n);
  const columns = transpose(score);
  const update = (s: Matrix, other: Float64Array, own: Float64Array) => {
    let change = 0;
    for (let i = 0; i < n; i++) {
      let largest = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < n; j++) largest = Math.max(largest, s.data[i * n + j] + other[j]);
      let sum = 0;
      for (let j = 0; j < n; j++) sum += Math.exp(s.data[i * n + j] + other[j] - largest);
      const next = -largest - Math.log(sum);
      change = Math.max(change, Math.abs(Math.expm1(own[i] - next)));
      own[i] = next;
    }
    return change;
  };
  let marginalError = Number.POSITIVE_INFINITY;
  let iterations = 0;
  while (marginalError > tolerance && iterations < iterationLimit) {
    update(columns, phi, psi);
    // Before φ is renewed, row i of the plan sums to e^{φ_i − φ_i'}.
    marginalError = update(score, psi, phi);
    iterations++;
  }
  return { phi, psi, marginalError, iterations };
}
