import { inverse, singularValueDecomposition } from '../numeric/decompositions.ts';
import {
  add,
  identity,
  type Matrix,
  multiply,
  scale,
  symmetricPart,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import { affineVelocity } from './closure.ts';
import type { GaussianHead, GaussianLayer } from './layer.ts';
import { saturated, saturation } from './moment-field.ts';
import { covarianceFactor } from './moments.ts';

/** `Σ̇ = UΣ + ΣUᵀ` at N(0, Σ): it does not depend on the mean. */
export function covarianceVelocity(layer: GaussianLayer, covariance: Matrix): Matrix {
  const mean = new Float64Array(layer.dimension);
  const { T: U } = affineVelocity(layer, { mean, factor: covarianceFactor(covariance) });
  return scale(2, symmetricPart(multiply(U, covariance)));
}

/**
 * The exact derivative of `Σ ↦ Σ̇` on symmetric d × d matrices, as a matrix in the orthonormal coordinates of
 * {@link symmetricCoordinates}; `q × q`, q = d(d+1)/2. With the cross-covariance `S_h = T_hΣ` of tilted mean and query,
 * `Σ̇ = Σ_h (V_hS_h + S_hᵀV_hᵀ) + WΣ + ΣWᵀ`, and in the direction δ
 * - softmax: `dS = δBΣ + ΣBδ`;
 * - l2: `dS = EδEᵀBΣ + EΣBδ`, `E = (I + ΣA)^{-1}`;
 * - sinkhorn (Σ ≻ 0): `S = Lf(LᵀBL)Lᵀ` with `dL = ½δL^{-T}` and the divided differences of the odd function
 *   `f = τ(l)` on singular values, `(τ_i ∓ τ_j)/(l_i ∓ l_j) = (1−τ_i²)(1−τ_j²)/(1 ± τ_iτ_j)`.
 *
 * @throws MesoscopeError as `covarianceFactor`; `invalid-value` for sinkhorn at a singular Σ
 */
export function covarianceJacobian(layer: GaussianLayer, covariance: Matrix): Matrix {
  const d = layer.dimension;
  const derivatives = layer.heads.map((head) => crossDerivative(layer, head, covariance));
  const basis = symmetricBasis(d);
  const result = zeros(basis.length, basis.length);
  basis.forEach((direction, column) => {
    let half = multiply(layer.W, direction);
    layer.heads.forEach(({ V }, h) => {
      half = add(half, multiply(V, derivatives[h](direction)));
    });
    symmetricCoordinates(scale(2, symmetricPart(half))).forEach((entry, row) => {
      result.data[row * basis.length + column] = entry;
    });
  });
  return result;
}

/** `δ ↦ dS_h[δ]`. */
function crossDerivative(
  layer: GaussianLayer,
  { B, keyMetric }: GaussianHead,
  covariance: Matrix,
): (direction: Matrix) => Matrix {
  switch (layer.attention) {
    case 'softmax': {
      const right = multiply(B, covariance);
      const left = multiply(covariance, B);
      return (delta) => add(multiply(delta, right), multiply(left, delta));
    }
    case 'l2': {
      const A = keyMetric ?? zeros(layer.dimension, layer.dimension);
      const E = inverse(add(identity(layer.dimension), multiply(covariance, A)));
      const right = multiply(transpose(E), B, covariance);
      const left = multiply(E, covariance, B);
      return (delta) => add(multiply(E, delta, right), multiply(left, delta));
    }
    case 'sinkhorn':
      return sinkhornDerivative(B, covariance);
  }
}

function sinkhornDerivative(B: Matrix, covariance: Matrix): (direction: Matrix) => Matrix {
  const L = covarianceFactor(covariance);
  const d = L.rows;
  const backwards = transpose(inverse(L));
  const score = multiply(transpose(L), B, L);
  const { left: P, values, right: R } = singularValueDecomposition(score);
  const correlation = saturated(score);
  const tau = values.map(saturation);
  return (delta) => {
    const dL = scale(0.5, multiply(delta, backwards));
    const dScore = add(multiply(transpose(dL), B, L), multiply(transpose(L), B, dL));
    const E = multiply(transpose(P), dScore, R);
    const response = zeros(d, d);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        const weight = (1 - tau[i] ** 2) * (1 - tau[j] ** 2);
        const even = 0.5 * (E.data[i * d + j] + E.data[j * d + i]);
        const odd = 0.5 * (E.data[i * d + j] - E.data[j * d + i]);
        response.data[i * d + j] =
          weight * (even / (1 + tau[i] * tau[j]) + odd / (1 - tau[i] * tau[j]));
      }
    }
    const dCorrelation = multiply(P, response, transpose(R));
    const outside = add(
      multiply(dL, correlation, transpose(L)),
      multiply(L, correlation, transpose(dL)),
    );
    return add(outside, multiply(L, dCorrelation, transpose(L)));
  };
}

/** Coordinates of a symmetric matrix in an orthonormal basis: `A_ii`, and `√2 A_ij` for i < j, row by row. */
export function symmetricCoordinates({ rows: d, data }: Matrix): Float64Array {
  const coordinates = new Float64Array((d * (d + 1)) / 2);
  let index = 0;
  for (let i = 0; i < d; i++) {
    coordinates[index++] = data[i * d + i];
    for (let j = i + 1; j < d; j++) coordinates[index++] = Math.SQRT2 * data[i * d + j];
  }
  return coordinates;
}

/** The inverse of {@link symmetricCoordinates}. */
export function symmetricFromCoordinates(coordinates: ArrayLike<number>, d: number): Matrix {
  const result = zeros(d, d);
  let index = 0;
  for (let i = 0; i < d; i++) {
    result.data[i * d + i] = coordinates[index++];
    for (let j = i + 1; j < d; j++) {
      const entry = coordinates[index++] / Math.SQRT2;
      result.data[i * d + j] = entry;
      result.data[j * d + i] = entry;
    }
  }
  return result;
}

function symmetricBasis(d: number): Matrix[] {
  const q = (d * (d + 1)) / 2;
  return Array.from({ length: q }, (_, k) => {
    const unit = new Float64Array(q);
    unit[k] = 1;
    return symmetricFromCoordinates(unit, d);
  });
}
