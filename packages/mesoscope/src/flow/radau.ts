import { luFactors } from '../numeric/decompositions.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import { addScaled } from '../numeric/vector.ts';
import { denseStep } from './dense-output.ts';
import type { AdaptiveStepper } from './embedded-integration.ts';
import { scaledNorm } from './step-control.ts';
import type { OdeFunction } from './types.ts';

/** Roots of `d⁴/dx⁴ (x⁴(x − 1)⁵)`. */
const nodes = [0.05710419611451768, 0.2768430136381238, 0.5835904323689168, 0.8602401356562195, 1];
const stages = nodes.length;

/** Coefficients of `∏_{k≠j}(x − x_k)/(x_j − x_k)`, lowest power first. */
function lagrange(points: readonly number[], j: number): number[] {
  let polynomial = [1];
  points.forEach((x, k) => {
    if (k === j) return;
    const scale = 1 / (points[j] - x);
    polynomial = Array.from(
      { length: polynomial.length + 1 },
      (_, m) => ((polynomial[m - 1] ?? 0) - x * (polynomial[m] ?? 0)) * scale,
    );
  });
  return polynomial;
}

/** `a_ij = ∫_0^{c_i} ℓ_j`: the collocation method of Radau, type IIA: order 9, stiffly accurate, L-stable. */
export const radauMatrix: readonly (readonly number[])[] = nodes.map((c) =>
  nodes.map((_, j) =>
    lagrange(nodes, j).reduceRight((sum, coefficient, m) => c * (sum + coefficient / (m + 1)), 0),
  ),
);
export const radauNodes: readonly number[] = nodes;

/** Polynomials through the beginning of the step and its stages: those of the stages, from the power 1 on. */
const dense = nodes.map((_, j) => lagrange([0, ...nodes], j + 1).slice(1));

/** `max |x ∏_i(x − c_i)|` on [0, 1]: how large the interpolant's own error is beside its leading coefficient. */
const denseFactor = 1.2e-3;

/** The filter of the error estimate; near the real eigenvalue of the scheme's matrix. */
const filter = 0.16;

const mostIterations = 10;
/** Newton's method stops where its own error is this part of what a step may err. */
const newtonShare = 1e-2;

/**
 * Steps of Radau's scheme IIA with five stages, for stiff equations of few unknowns: the stages `z_i = h Σ_j a_ij f(y + z_j)` by
 * simplified Newton iterations with a Jacobian from differences, a dense system of 5n unknowns. The error estimate is
 * what the collocation polynomial u misses at the beginning, `(I − γhJ)^{-1} γh(f(y) − u̇)`, of order 6, or what its leading
 * coefficient says about it inside the step, of order 5, whichever is larger; u is the interpolant (Hairer & Wanner, Solving Ordinary Differential Equations II, IV.5 and IV.8).
 */
export function radauStepper(
  f: OdeFunction,
  state: Float64Array,
  tolerances: { readonly absolute: number; readonly relative: number },
): AdaptiveStepper {
  const n = state.length;
  const layout = { samples: 1, rows: 1, columns: n, stride: n };
  const next = new Float64Array(n);
  const slope = new Float64Array(n);
  const endSlope = new Float64Array(n);
  const scratch = new Float64Array(n);
  const argument = new Float64Array(n);
  const rates = nodes.map(() => new Float64Array(n));
  const z = nodes.map(() => new Float64Array(n));
  const error = new Float64Array(n);
  const jacobian = zeros(n, n);
  let hasJacobian = false;

  function differentiate(from: number, to: number): void {
    for (let j = 0; j < n; j++) {
      argument.set(state);
      const size = Math.max(Math.abs(state[j]), tolerances.absolute / tolerances.relative);
      argument[j] += Math.sqrt(Number.EPSILON) * size;
      const shift = argument[j] - state[j];
      f(from, argument, scratch, from, to);
      for (let i = 0; i < n; i++) jacobian.data[i * n + j] = (scratch[i] - slope[i]) / shift;
    }
    hasJacobian = true;
  }

  /** Newton's iterations for the stages; whether they converged. */
  function solveStages(from: number, to: number): boolean {
    const h = to - from;
    const correct = luFactors(stageMatrix(jacobian, h));
    if (correct === undefined) return false;
    for (const stage of z) stage.fill(0);
    let before = Number.POSITIVE_INFINITY;
    for (let iteration = 0; iteration < mostIterations; iteration++) {
      z.forEach((stage, i) => {
        argument.set(state);
        addScaled(argument, 1, stage);
        f(i === stages - 1 ? to : from + nodes[i] * h, argument, rates[i], from, to);
      });
      const residual = new Float64Array(stages * n);
      radauMatrix.forEach((row, i) => {
        const own = residual.subarray(i * n, (i + 1) * n);
        row.forEach((weight, j) => {
          addScaled(own, h * weight, rates[j]);
        });
        addScaled(own, -1, z[i]);
      });
      if (!residual.every(Number.isFinite)) return false;
      const step = correct(residual);
      z.forEach((stage, i) => {
        addScaled(stage, 1, step.subarray(i * n, (i + 1) * n));
      });
      const size = Math.max(
        ...z.map((_, i) =>
          scaledNorm(
            (k) => step[i * n + k],
            state,
            state,
            layout,
            tolerances.absolute,
            tolerances.relative,
          ),
        ),
      );
      const rate = size / before;
      const isLater = before < Number.POSITIVE_INFINITY;
      if (size <= 1e-3 * newtonShare) return true;
      if (isLater && rate < 1 && (size * rate) / (1 - rate) <= newtonShare) return true;
      if (isLater && !(rate < 1)) return false;
      before = size;
    }
    return false;
  }

  function estimate(h: number): void {
    const right = slope.map((entry) => filter * h * entry);
    dense.forEach(([first], j) => {
      addScaled(right, -filter * first, z[j]);
    });
    const smooth = luFactors(shifted(jacobian, filter * h));
    error.set(smooth === undefined ? right.fill(Number.NaN) : smooth(right));
    const leading = new Float64Array(n);
    dense.forEach((row, j) => {
      addScaled(leading, denseFactor * row[stages - 1], z[j]);
    });
    leading.forEach((entry, i) => {
      error[i] = Math.max(Math.abs(error[i]), Math.abs(entry));
    });
  }

  return {
    layout,
    state,
    next,
    slope,
    errorOrder: stages,
    start(from, to) {
      f(from, state, slope, from, to);
      hasJacobian = false;
    },
    attempt(from, to) {
      if (!hasJacobian) differentiate(from, to);
      if (!jacobian.data.every(Number.isFinite) || !solveStages(from, to)) {
        next.set(state);
        error.fill(Number.NaN);
        return;
      }
      next.set(state);
      addScaled(next, 1, z[stages - 1]);
      f(to, next, endSlope, from, to);
      estimate(to - from);
    },
    error: (i) => error[i],
    interpolant: (from, to) => denseStep(dense, { from, to }, state, z, 1),
    accept() {
      state.set(next);
      slope.set(endSlope);
      hasJacobian = false;
    },
  };
}

/** `I − hA ⊗ J`. */
function stageMatrix({ rows: n, data }: Matrix, h: number): Matrix {
  const size = stages * n;
  const result = zeros(size, size);
  radauMatrix.forEach((row, p) => {
    row.forEach((weight, q) => {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const unit = p === q && i === j ? 1 : 0;
          result.data[(p * n + i) * size + q * n + j] = unit - h * weight * data[i * n + j];
        }
      }
    });
  });
  return result;
}

/** `I − aJ`. */
function shifted(jacobian: Matrix, a: number): Matrix {
  const n = jacobian.rows;
  const data = jacobian.data.map((entry) => -a * entry);
  for (let i = 0; i < n; i++) data[i * n + i] += 1;
  return { rows: n, columns: n, data };
}
