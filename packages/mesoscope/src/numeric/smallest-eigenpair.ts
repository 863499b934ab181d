import { requireFinite } from './checks.ts';
import { symmetricEigen } from './decompositions.ts';
import { zeros } from './matrix.ts';
import { addScaled, dot, norm } from './vector.ts';

/** A symmetric linear map: writes `A v` into `out`. */
export type LinearMap = (v: Float64Array, out: Float64Array) => void;

/** What a solver says between two products; awaited, so that the host can draw and abort. */
export type Observer = (done: number, total: number) => Promise<void> | void;

export interface SmallestEigenpairOptions {
  /** A, symmetric positive semi-definite. */
  readonly apply: LinearMap;
  /** An approximation of `A⁻¹`, symmetric positive definite; default: none. */
  readonly precondition?: LinearMap;
  /** Not 0; copied. */
  readonly start: Float64Array;
  /** Stop where the residual is at most this share of the value; default 1e-3. */
  readonly tolerance?: number;
  /** Stop where the value is at most this: rounding; default 0. */
  readonly floor?: number;
  /** The most iterations, one product with A each; default 300. */
  readonly iterations?: number;
  readonly observe?: Observer;
}

export interface Eigenpair {
  /** `θ = vᵀAv`: never below the smallest eigenvalue. */
  readonly value: number;
  /** v, of length 1. */
  readonly vector: Float64Array;
  /** `|Av − θv|`: some eigenvalue lies within this of θ. */
  readonly residual: number;
  readonly iterations: number;
  readonly status: 'converged' | 'at-floor' | 'iteration-limit';
}

/**
 * The smallest eigenvalue of a large symmetric matrix of which only products are known: locally optimal preconditioned
 * conjugate gradients (LOBPCG; Knyazev, SIAM J. Sci. Comput. 23 (2001) 517). Each iteration minimises the Rayleigh
 * quotient over the span of the iterate, the preconditioned residual and the last direction. Memory: 9 vectors.
 *
 * @throws MesoscopeError `not-finite`
 */
export async function smallestEigenpair(options: SmallestEigenpairOptions): Promise<Eigenpair> {
  const { apply, precondition, tolerance = 1e-3, floor = 0, iterations = 300, observe } = options;
  const n = options.start.length;
  const basis = [options.start.slice(), new Float64Array(n), new Float64Array(n)];
  const images = basis.map(() => new Float64Array(n));
  const residual = new Float64Array(n);
  const [x, w, p] = basis;
  normalise(x);
  apply(x, images[0]);
  let size = 2;
  for (let iteration = 0; ; iteration++) {
    const value = dot(x, images[0]);
    requireFinite('Rayleigh quotient', [value]);
    for (let i = 0; i < n; i++) residual[i] = images[0][i] - value * x[i];
    const length = norm(residual);
    const end = (status: Eigenpair['status']): Eigenpair => ({
      value,
      vector: x,
      residual: length,
      iterations: iteration,
      status,
    });
    if (value <= floor) return end('at-floor');
    if (length <= tolerance * value) return end('converged');
    if (iteration === iterations) return end('iteration-limit');
    await observe?.(iteration, iterations);
    if (precondition === undefined) w.set(residual);
    else precondition(residual, w);
    if (!orthonormalise(w, [x])) return end('converged');
    apply(w, images[1]);
    if (size === 3 && !orthonormalise(p, [x, w], images[2], images)) size = 2;
    const coefficients = lowestCombination(basis, images, size);
    // The next direction is the step taken: the combination without the iterate.
    combine(basis, coefficients, size);
    combine(images, coefficients, size);
    size = 3;
    // Sums of images drift; a product now and then sets them right.
    if (iteration % 25 === 24) apply(x, images[0]);
  }
}

/**
 * Takes the parts along orthonormal vectors out of v, twice for rounding, and scales it to length 1; its image under A
 * goes along. False where nothing is left.
 */
function orthonormalise(
  v: Float64Array,
  against: readonly Float64Array[],
  image?: Float64Array,
  images?: readonly Float64Array[],
): boolean {
  const before = norm(v);
  for (let turn = 0; turn < 2; turn++) {
    against.forEach((u, k) => {
      const share = dot(u, v);
      addScaled(v, -share, u);
      if (image !== undefined && images !== undefined) addScaled(image, -share, images[k]);
    });
  }
  const length = norm(v);
  if (!(length > 1e-12 * before)) return false;
  for (let i = 0; i < v.length; i++) v[i] /= length;
  if (image !== undefined) for (let i = 0; i < v.length; i++) image[i] /= length;
  return true;
}

/** Coefficients of the lowest Ritz vector in the first `size` basis vectors. */
function lowestCombination(
  basis: readonly Float64Array[],
  images: readonly Float64Array[],
  size: number,
): Float64Array {
  const projected = zeros(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const entry = 0.5 * (dot(basis[i], images[j]) + dot(basis[j], images[i]));
      projected.data[i * size + j] = entry;
      projected.data[j * size + i] = entry;
    }
  }
  const { vectors } = symmetricEigen(projected, 'Rayleigh–Ritz matrix');
  return Float64Array.from({ length: size }, (_, i) => vectors.data[i * size]);
}

/** `x ← c₀x + c₁w + c₂p`, `p ← c₁w + c₂p`. */
function combine([x, w, p]: readonly Float64Array[], c: Float64Array, size: number): void {
  const last = size === 3 ? c[2] : 0;
  for (let i = 0; i < x.length; i++) {
    p[i] = c[1] * w[i] + last * p[i];
    x[i] = c[0] * x[i] + p[i];
  }
}

function normalise(x: Float64Array): void {
  const length = norm(x);
  for (let i = 0; i < x.length; i++) x[i] /= length;
}
