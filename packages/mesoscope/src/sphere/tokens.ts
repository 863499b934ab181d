import { refuse, requireCount, requireFinite, requireThat } from '../numeric/checks.ts';
import { qrDecomposition } from '../numeric/decompositions.ts';
import { type Matrix, multiply, toRows, transpose, zeros } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { norm } from '../numeric/vector.ts';

/** n tokens of d numbers. */
export type Tokens = readonly (readonly number[])[];

/**
 * `x_i/|x_i|`: tokens as points of the unit sphere.
 *
 * @throws MesoscopeError `not-finite`, `invalid-value` for a token without direction
 */
export function onSphere(tokens: Tokens): number[][] {
  return tokens.map((token, i) => {
    requireFinite(`tokens[${i}]`, token);
    const largest = Math.max(...token.map(Math.abs));
    if (largest === 0)
      refuse(`tokens[${i}]`, token, 'a token other than 0, since its direction counts');
    // Norms of tokens near the ends of the exponents overflow otherwise.
    const unit = token.map((entry) => entry / largest);
    const length = norm(unit);
    return unit.map((entry) => entry / length);
  });
}

/** n independent uniform points of S^{d−1}. */
export function uniformTokens(stream: RandomStream, n: number, d: number): number[][] {
  return onSphere(Array.from({ length: n }, () => Array.from(stream.normals(new Float64Array(d)))));
}

/**
 * n points of S^{n−1} with `⟨x_i, x_j⟩ = ρ` for all i ≠ j, in a random frame: the columns of `a I + b 11ᵀ`,
 * `a = √(1 − ρ)`, `b = (√(1 + (n − 1)ρ) − a)/n`, turned by a random orthogonal matrix.
 *
 * @param rho - in [−1/(n − 1), 1], where such points exist
 * @throws MesoscopeError `invalid-value`
 */
export function equiangularTokens(stream: RandomStream, n: number, rho: number): number[][] {
  requireCount('n', n, 2);
  requireThat(rho >= -1 / (n - 1) && rho <= 1, 'rho', rho, 'a number from −1/(n − 1) to 1');
  const a = Math.sqrt(1 - rho);
  const b = (Math.sqrt(Math.max(0, 1 + (n - 1) * rho)) - a) / n;
  const frame = zeros(n, n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) frame.data[i * n + j] = b + (i === j ? a : 0);
  return onSphere(toRows(multiply(frame, randomRotation(stream, n))));
}

/** A random orthogonal d × d matrix: the frame of d independent normal vectors. */
export function randomRotation(stream: RandomStream, d: number): Matrix {
  const normals = zeros(d, d);
  stream.normals(normals.data as Float64Array);
  return transpose(qrDecomposition(normals).Q);
}

/** Points of the circle at angles, in radians. */
export function circleTokens(angles: readonly number[]): number[][] {
  return angles.map((angle) => [Math.cos(angle), Math.sin(angle)]);
}
