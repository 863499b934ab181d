import { type OdeSolution, solveOde } from '../../flow/ode.ts';
import { pseudoInverse, spectralNorm, symmetricEigen } from '../../numeric/decompositions.ts';
import {
  type Matrix,
  multiply,
  multiplyVector,
  outerProduct,
  subtract,
  symmetricPart,
  transpose,
  zeros,
} from '../../numeric/matrix.ts';
import { productInto, transposedProductInto } from '../in-place.ts';
import { symmetricCoordinates } from '../jacobian.ts';
import { type FactoredMoments, unfactored } from '../moments.ts';
import { whitening } from './factor-path.ts';

/** How well an extremal has to hit its target. */
export interface ShootingAccuracy {
  /** Of the endpoint, in units of the target's own spread: there Newton's method stops. */
  readonly endpoint: number;
  /** What is accepted where rounding lets it come no nearer. */
  readonly acceptable: number;
  readonly integration: number;
  /** Step of the difference quotients. */
  readonly difference: number;
}

export const coarse: ShootingAccuracy = {
  endpoint: 1e-4,
  acceptable: 1e-2,
  integration: 1e-8,
  difference: 1e-4,
};
export const fine: ShootingAccuracy = {
  endpoint: 1e-11,
  acceptable: 1e-7,
  integration: 1e-12,
  difference: 1e-6,
};

/** `S_kL` for a basis S_k of the symmetric matrices that vanish on the complement of the range of L. */
export function costateBasis(L: Matrix): Matrix[] {
  const [d, r] = [L.rows, L.columns];
  const { vectors } = symmetricEigen(multiply(L, transpose(L)));
  const column = (j: number) => Float64Array.from({ length: d }, (_, i) => vectors.data[i * d + j]);
  const basis: Matrix[] = [];
  // The support is spanned by the last r eigenvectors.
  for (let i = d - r; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      const S = symmetricPart(outerProduct(column(i), column(j)));
      basis.push(multiply(S, L));
    }
  }
  return basis;
}

/** (Λ_0, p_0) from their coordinates. */
export function unpackCostate(basis: readonly Matrix[], coordinates: Float64Array) {
  const factor = zeros(basis[0].rows, basis[0].columns);
  basis.forEach(({ data }, k) => {
    for (let i = 0; i < data.length; i++) factor.data[i] += coordinates[k] * data[i];
  });
  return { factor, mean: coordinates.subarray(basis.length) };
}

/** Damped Newton steps for the costate at depth 0 that hits the target at depth 1. */
export function shoot(
  from: FactoredMoments,
  basis: readonly Matrix[],
  target: FactoredMoments,
  guess: Float64Array,
  accuracy: ShootingAccuracy,
): { readonly costate: Float64Array | null; readonly steps: number } {
  const goal = unfactored(target);
  const whiten = whitening(target.factor);
  const size = spectralNorm(target.factor);
  const miss = (costate: Float64Array): Float64Array | null => {
    const solution = integrateExtremal(from, basis, costate, accuracy.integration, false);
    if (solution.status.kind !== 'completed') return null;
    const { m, L } = parts(solution.state, from.factor);
    const end = unfactored({ mean: m, factor: { ...from.factor, data: L } });
    const gap = multiply(whiten, subtract(end.covariance, goal.covariance), transpose(whiten));
    return Float64Array.of(
      ...symmetricCoordinates(symmetricPart(gap)),
      ...end.mean.map((entry, i) => (entry - goal.mean[i]) / size),
    );
  };
  const limit = 12;
  let costate = guess;
  let residual = miss(costate);
  for (let steps = 0; steps < limit; steps++) {
    if (residual === null) return { costate: null, steps };
    const before = Math.hypot(...residual);
    if (before <= accuracy.endpoint) return { costate, steps };
    const jacobian = differences(miss, costate, residual, accuracy.difference);
    if (jacobian === null) return { costate: null, steps };
    const step = multiplyVector(pseudoInverse(jacobian), residual);
    let next: Float64Array | null = null;
    for (let damping = 1; damping > 0.1 && next === null; damping /= 2) {
      const trial = costate.map((entry, i) => entry - damping * step[i]);
      const after = miss(trial);
      if (after !== null && Math.hypot(...after) < before) {
        next = trial;
        residual = after;
      }
    }
    if (next === null) {
      // Rounding, or no way forward: the continuation then takes a shorter stride.
      return { costate: before <= accuracy.acceptable ? costate : null, steps };
    }
    costate = next;
  }
  return { costate: null, steps: limit };
}

function differences(
  f: (x: Float64Array) => Float64Array | null,
  x: Float64Array,
  fx: Float64Array,
  relativeStep: number,
): Matrix | null {
  const result = zeros(fx.length, x.length);
  const h = relativeStep * Math.max(1, Math.hypot(...x));
  for (let j = 0; j < x.length; j++) {
    const shifted = x.slice();
    shifted[j] += h;
    const value = f(shifted);
    if (value === null) return null;
    for (let i = 0; i < fx.length; i++) result.data[i * x.length + j] = (value[i] - fx[i]) / h;
  }
  return result;
}

/** The extremal over [0, 1]: state (m, L, p, Λ). */
export function integrateExtremal(
  from: FactoredMoments,
  basis: readonly Matrix[],
  coordinates: Float64Array,
  relativeTolerance: number,
  dense: boolean,
): OdeSolution {
  const { factor: shape } = from;
  const [d, r] = [shape.rows, shape.columns];
  const costate = unpackCostate(basis, coordinates);
  const initial = [...from.mean, ...shape.data, ...costate.mean, ...costate.factor.data];
  const U = new Float64Array(d * d);
  const own = new Float64Array(initial.length);
  const slopes = new Float64Array(initial.length);
  const { m, L, p, Lambda } = parts(own, shape);
  const slope = parts(slopes, shape);
  return solveOde(
    (_, y, dy) => {
      // A copy costs less than views of y and dy.
      for (let i = 0; i < own.length; i++) own[i] = y[i];
      extremalControl(m, L, p, Lambda, U);
      slope.m.set(p);
      productInto(U, m, slope.m, d, d, 1, true);
      productInto(U, L, slope.L, d, d, r);
      transposedProductInto(U, p, slope.p, d, d, 1);
      transposedProductInto(U, Lambda, slope.Lambda, d, d, r);
      for (let i = 0; i < dy.length; i++) dy[i] = i < d + d * r ? slopes[i] : -slopes[i];
    },
    {
      to: 1,
      initial,
      relativeTolerance,
      absoluteTolerance: 1e-2 * relativeTolerance,
      dense,
      stepLimit: 3000,
    },
  );
}

/** `U ← ΛLᵀ + pmᵀ`. */
export function extremalControl(
  m: Float64Array,
  L: Float64Array,
  p: Float64Array,
  Lambda: Float64Array,
  U: Float64Array,
): void {
  const d = m.length;
  const r = L.length / d;
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      let sum = p[i] * m[j];
      for (let k = 0; k < r; k++) sum += Lambda[i * r + k] * L[j * r + k];
      U[i * d + j] = sum;
    }
  }
}

export function parts(y: Float64Array, { rows: d, columns: r }: Matrix) {
  const [a, b, c] = [d, d + d * r, 2 * d + d * r];
  return { m: y.subarray(0, a), L: y.subarray(a, b), p: y.subarray(b, c), Lambda: y.subarray(c) };
}
