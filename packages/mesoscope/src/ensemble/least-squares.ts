import { solve } from '../numeric/decompositions.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import { squareLoss } from './token-loss.ts';
import type { TokenMap } from './token-map.ts';

export interface LeastSquaresOptions {
  readonly map: TokenMap;
  /** y^i. */
  readonly targets: readonly ArrayLike<number>[];
  /** Copied. */
  readonly start: Float64Array;
  /** The most iterations; default 200. */
  readonly iterations?: number;
  /** Stop at or below this loss; default 0. */
  readonly target?: number;
}

export interface LeastSquaresResult {
  readonly status: 'reached' | 'stationary' | 'iteration-limit' | 'diverged';
  readonly loss: number;
  readonly iterations: number;
  readonly theta: Float64Array;
  /** The loss at every iteration. */
  readonly losses: readonly number[];
}

/**
 * Minimises `(1/2N) Σ|x^i_1 − y^i|²` to rounding by Levenberg's damped Gauss–Newton method in its dual form
 * `δθ = −Jᵀ(JJᵀ + λI)⁻¹ r`: JJᵀ is the Nd × Nd tangent kernel, and the minimum is found even where it is singular
 * (Nocedal & Wright, Numerical Optimization, ch. 10). Unlike gradient flow it needs few steps where the kernel is badly
 * conditioned, so that a floor can be told from slow progress.
 */
export function minimiseSquares(options: LeastSquaresOptions): LeastSquaresResult {
  const { map, targets, iterations = 200, target = 0 } = options;
  const { samples, layout } = map;
  const d = layout.dimension;
  const size = samples * d;
  const loss = squareLoss(targets, d);
  const residualOf = (finals: Float64Array) =>
    finals.map((x, i) => x - targets[(i / d) | 0][i % d]);
  let theta = options.start.slice();
  let finals = map.forward(theta);
  let value = loss.value(finals);
  const losses = [value];
  let damping = 1e-2;
  let stalled = 0;
  const end = (status: LeastSquaresResult['status']): LeastSquaresResult => ({
    status,
    loss: value,
    iterations: losses.length - 1,
    theta,
    losses,
  });
  while (losses.length <= iterations) {
    if (!Number.isFinite(value)) return end('diverged');
    if (value <= target) return end('reached');
    const rows = jacobianRows(map, theta);
    const kernel = tangentKernel(rows);
    let scale = 0;
    for (let i = 0; i < size; i++) scale = Math.max(scale, kernel.data[i * size + i]);
    if (scale === 0) return end('stationary');
    const residual = residualOf(finals);
    let accepted = false;
    while (!accepted && damping < 1e12) {
      const damped = { ...kernel, data: kernel.data.slice() };
      for (let i = 0; i < size; i++) damped.data[i * size + i] += damping * scale;
      const dual = solve(damped, { rows: size, columns: 1, data: residual }).data;
      const trial = theta.slice();
      for (let i = 0; i < size; i++) {
        const row = rows[i];
        for (let j = 0; j < trial.length; j++) trial[j] -= dual[i] * row[j];
      }
      const trialFinals = map.forward(trial);
      const trialValue = loss.value(trialFinals);
      if (trialValue < value) {
        stalled = value - trialValue <= 1e-15 * value ? stalled + 1 : 0;
        [theta, finals, value] = [trial, trialFinals, trialValue];
        damping = Math.max(damping / 10, 1e-14);
        accepted = true;
      } else {
        damping *= 10;
      }
    }
    losses.push(value);
    if (!accepted || stalled >= 3) return end(value <= target ? 'reached' : 'stationary');
  }
  return end(value <= target ? 'reached' : 'iteration-limit');
}

/** Rows of the Jacobian `∂x_1/∂θ`, one backward pass each. */
export function jacobianRows(map: TokenMap, theta: Float64Array): Float64Array[] {
  const size = map.samples * map.layout.dimension;
  return Array.from({ length: size }, (_, i) => {
    const row = new Float64Array(theta.length);
    const p = new Float64Array(size);
    p[i] = 1;
    map.differentiate(theta, () => p, row);
    return row;
  });
}

/** The tangent kernel JJᵀ from the rows of J. */
export function tangentKernel(rows: readonly Float64Array[]): Matrix {
  const size = rows.length;
  const out = zeros(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let a = 0; a < rows[i].length; a++) sum += rows[i][a] * rows[j][a];
      out.data[i * size + j] = sum;
      out.data[j * size + i] = sum;
    }
  }
  return out;
}
