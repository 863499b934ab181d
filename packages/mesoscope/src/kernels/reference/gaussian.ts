import { at, type Frame, type Matrix, type Of, set, sum } from './matrix.ts';

/** Mean (d) and covariance (d·d, row-major) one after the other. */
type Moments = Float64Array<ArrayBuffer>;

/** `steps` classical Runge–Kutta steps of `Σ̇ = UΣ + ΣUᵀ`, `ṁ = (U + Σ_h V_h) m + b`, for every column. */
export function gaussianMoments(instruction: Of<'gaussianMoments'>, frame: Frame): void {
  const mean = frame.matrix(instruction.mean);
  const covariance = frame.matrix(instruction.covariance);
  const tau = frame.scalar(instruction.tau);
  const d = instruction.dimension;
  for (let point = 0; point < mean.columns; point++) {
    const derivative = momentDerivative(instruction, frame, point);
    let y = Float64Array.from([...column(mean, point), ...column(covariance, point)]);
    for (let step = 0; step < instruction.steps; step++) y = rungeKuttaStep(derivative, y, tau);
    for (let i = 0; i < d; i++) set(mean, i, point, y[i]);
    for (let i = 0; i < d * d; i++) set(covariance, i, point, y[d + i]);
  }
}

/** The right-hand side at one parameter point. */
function momentDerivative(
  { dimension: d, heads, ...refs }: Of<'gaussianMoments'>,
  frame: Frame,
  point: number,
): (y: Moments) => Moments {
  const V = column(frame.matrix(refs.V), point);
  const B = column(frame.matrix(refs.B), point);
  const W = column(frame.matrix(refs.W), point);
  const b = column(frame.matrix(refs.b), point);
  return (y) => {
    const m = y.subarray(0, d);
    const S = y.subarray(d);
    const U = Float64Array.from(W);
    const total = new Float64Array(d * d);
    for (let head = 0; head < heads; head++) {
      const Vh = V.subarray(head * d * d, (head + 1) * d * d);
      const Bh = B.subarray(head * d * d, (head + 1) * d * d);
      const VSB = multiply(Vh, multiply(S, Bh, d), d);
      for (let i = 0; i < d * d; i++) {
        U[i] += VSB[i];
        total[i] += Vh[i];
      }
    }
    // Σ is symmetric, so that ΣUᵀ = (UΣ)ᵀ.
    const US = multiply(U, S, d);
    const derivative = new Float64Array(d + d * d);
    for (let i = 0; i < d; i++) {
      derivative[i] = b[i] + sum(d, (j) => (U[i * d + j] + total[i * d + j]) * m[j]);
      for (let j = 0; j < d; j++) derivative[d + i * d + j] = US[i * d + j] + US[j * d + i];
    }
    return derivative;
  };
}

/** `y + τ/6 (k₁ + 2k₂ + 2k₃ + k₄)`. */
function rungeKuttaStep(f: (y: Moments) => Moments, y: Moments, tau: number): Moments {
  const k1 = f(y);
  const k2 = f(y.map((value, i) => value + 0.5 * tau * k1[i]));
  const k3 = f(y.map((value, i) => value + 0.5 * tau * k2[i]));
  const k4 = f(y.map((value, i) => value + tau * k3[i]));
  return y.map((value, i) => value + (tau / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]));
}

/** `A B` for row-major d × d matrices. */
function multiply(A: Float64Array, B: Float64Array, d: number): Float64Array {
  const C = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) C[i * d + j] = sum(d, (k) => A[i * d + k] * B[k * d + j]);
  }
  return C;
}

function column(A: Matrix, j: number): Float64Array {
  return Float64Array.from({ length: A.rows }, (_, i) => at(A, i, j));
}
