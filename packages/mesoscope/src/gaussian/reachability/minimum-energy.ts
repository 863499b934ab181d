import { MesoscopeError } from '../../errors.ts';
import { type OdeSolution, solveOde } from '../../flow/ode.ts';
import { pseudoInverse, spectralNorm, symmetricEigen } from '../../numeric/decompositions.ts';
import {
  block,
  frobeniusNorm,
  fromBlocks,
  type Matrix,
  multiply,
  multiplyVector,
  outerProduct,
  scale,
  subtract,
  symmetricPart,
  transpose,
  zeros,
} from '../../numeric/matrix.ts';
import type { AffineMap } from '../closure.ts';
import { productInto, transposedProductInto } from '../in-place.ts';
import { symmetricCoordinates } from '../jacobian.ts';
import { type FactoredMoments, unfactored } from '../moments.ts';
import { type Endpoints, factorPath } from './factor-path.ts';
import { affineLayer, type SteeringControls } from './realisation.ts';

/** Controls that satisfy Pontryagin's conditions, and how well. */
export interface MinimumEnergy extends SteeringControls {
  /** `½∫(|U|² + |c|²)dt`. */
  readonly energy: number;
  /** `(max − min)/mean` of the Hamiltonian `½(|U|² + |c|²)` over depth: 0 along an extremal. */
  readonly hamiltonianDrift: number;
  /** Costate of L at depth 0, d × r, such that `U_0 = Λ_0L_0ᵀ + p_0m_0ᵀ`; `Λ_0ᵀL_0` is symmetric. */
  readonly factorCostate: Matrix;
  /** Costate of m at depth 0, p_0, such that `c_0 = p_0`. */
  readonly meanCostate: Float64Array;
  /** Newton steps over all stages of the continuation. */
  readonly newtonSteps: number;
}

/**
 * Feed-forward controls `W = U_t`, `b = c_t` that steer between two laws of equal rank with stationary `½∫(|U|²+|c|²)dt`.
 * Pontryagin: `U = ΛLᵀ + pmᵀ`, `c = p`, with `Λ̇ = −UᵀΛ`, `ṗ = −Uᵀp`, `L̇ = UL`, `ṁ = Um + c`; ΛᵀL is constant, and symmetric
 * since the endpoint does not see which factor of Σ is taken: `Λ_0 = SL_0`, S symmetric and 0 on the complement of the
 * support. Single shooting on (S, p_0) by damped Newton steps, with continuation of the target along the Bures geodesic
 * from the start itself, where the costate is 0: so the extremal found is the one connected to it, as the minimiser is
 * for near targets. For far ones other extremals may cost less.
 *
 * In one dimension this is the geodesic of the hyperbolic plane in the coordinates (m/σ, 1/σ); for centred laws
 * `U_t = e^{tω}U_0e^{−tω}`, `ω = U_0 − U_0ᵀ`.
 *
 * Source: Pontryagin's maximum principle; cost as in arXiv 2606.07600.
 *
 * @throws MesoscopeError `unsupported` if the continuation does not reach the target
 */
export function minimumEnergyControls(endpoints: Endpoints): MinimumEnergy {
  const { from, to } = endpoints;
  const path = { from, to, horizon: 1 };
  const basis = costateBasis(from.factor);
  let reached = 0;
  let costate: Float64Array = new Float64Array(basis.length + from.mean.length);
  let previous: { readonly at: number; readonly costate: Float64Array } | null = null;
  let stride = 0.125;
  let newtonSteps = 0;
  while (reached < 1) {
    const at = Math.min(1, reached + stride);
    const back: { readonly at: number; readonly costate: Float64Array } | null = previous;
    const guess =
      back === null
        ? costate
        : costate.map((v, i) => v + ((v - back.costate[i]) * (at - reached)) / (reached - back.at));
    const attempt = shoot(from, basis, factorPath(path, at).moments, guess, coarse);
    newtonSteps += attempt.steps;
    if (attempt.costate === null) {
      stride /= 2;
      if (stride < 1e-7) throw notReached(reached);
      continue;
    }
    previous = { at: reached, costate };
    costate = attempt.costate;
    reached = at;
    stride *= attempt.steps <= 3 ? 2 : 1;
  }
  const last = shoot(from, basis, to, costate, fine);
  if (last.costate === null) throw notReached(reached);
  return extremalControls(endpoints, basis, last.costate, newtonSteps + last.steps);
}

function notReached(reached: number): MesoscopeError {
  return new MesoscopeError({
    code: 'unsupported',
    what: `the extremals from the start could be followed only ${(100 * reached).toFixed(1)} % of the way`,
    by: 'The minimum-energy realisation',
    wayOut: 'Steer in several pieces, or use the feed-forward realisation.',
  });
}

interface ShootingAccuracy {
  /** Of the endpoint, in units of the target's own spread: there Newton's method stops. */
  readonly endpoint: number;
  /** What is accepted where rounding lets it come no nearer. */
  readonly acceptable: number;
  readonly integration: number;
  /** Step of the difference quotients. */
  readonly difference: number;
}

const coarse: ShootingAccuracy = {
  endpoint: 1e-4,
  acceptable: 1e-2,
  integration: 1e-8,
  difference: 1e-4,
};
const fine: ShootingAccuracy = {
  endpoint: 1e-11,
  acceptable: 1e-7,
  integration: 1e-12,
  difference: 1e-6,
};

/** `S_kL` for a basis S_k of the symmetric matrices that vanish on the complement of the range of L. */
function costateBasis(L: Matrix): Matrix[] {
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
function unpackCostate(basis: readonly Matrix[], coordinates: Float64Array) {
  const factor = zeros(basis[0].rows, basis[0].columns);
  basis.forEach(({ data }, k) => {
    for (let i = 0; i < data.length; i++) factor.data[i] += coordinates[k] * data[i];
  });
  return { factor, mean: coordinates.subarray(basis.length) };
}

function extremalControls(
  { from, horizon }: Endpoints,
  basis: readonly Matrix[],
  costate: Float64Array,
  newtonSteps: number,
): MinimumEnergy {
  const d = from.factor.rows;
  const solution = integrateExtremal(from, basis, costate, fine.integration, true);
  const scratch = new Float64Array(solution.state.length);
  const velocityAt = (t: number): AffineMap => {
    const { m, L, p, Lambda } = parts(solution.at(Math.min(1, t / horizon), scratch), from.factor);
    const T = zeros(d, d);
    extremalControl(m, L, p, Lambda, T.data);
    return { T: scale(1 / horizon, T), a: p.map((entry) => entry / horizon) };
  };
  const energies = Array.from({ length: 65 }, (_, k) => {
    const { T, a } = velocityAt((k / 64) * horizon);
    return 0.5 * (frobeniusNorm(T) ** 2 + a.reduce((sum, entry) => sum + entry ** 2, 0));
  });
  const mean = energies.reduce((sum, e) => sum + e, 0) / energies.length;
  const { factor, mean: meanCostate } = unpackCostate(basis, costate);
  return {
    velocityAt,
    layerAt: (t) => affineLayer(velocityAt(t)),
    energy: energies[0] * horizon,
    hamiltonianDrift: mean === 0 ? 0 : (Math.max(...energies) - Math.min(...energies)) / mean,
    factorCostate: scale(1 / horizon, factor),
    meanCostate: meanCostate.map((entry) => entry / horizon),
    newtonSteps,
  };
}

/** Damped Newton steps for the costate at depth 0 that hits the target at depth 1. */
function shoot(
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

/** `[L⁺; Nᵀ/|L|]`, N a basis of the complement of the range: makes `LLᵀ` the identity on its support. */
function whitening(L: Matrix): Matrix {
  const inside = pseudoInverse(L);
  const { vectors } = symmetricEigen(multiply(L, transpose(L)));
  const outside = transpose(block(vectors, 0, 0, L.rows, L.rows - L.columns));
  return outside.rows === 0
    ? inside
    : fromBlocks([[inside], [scale(1 / spectralNorm(L), outside)]]);
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
function integrateExtremal(
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
  return solveOde(
    (_, y, dy) => {
      const { m, L, p, Lambda } = parts(y, shape);
      const slope = parts(dy, shape);
      extremalControl(m, L, p, Lambda, U);
      slope.m.set(p);
      productInto(U, m, slope.m, d, d, 1, true);
      productInto(U, L, slope.L, d, d, r);
      transposedProductInto(U, p, slope.p, d, d, 1);
      transposedProductInto(U, Lambda, slope.Lambda, d, d, r);
      for (let i = d + d * r; i < dy.length; i++) dy[i] = -dy[i];
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
function extremalControl(
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

function parts(y: Float64Array, { rows: d, columns: r }: Matrix) {
  const [a, b, c] = [d, d + d * r, 2 * d + d * r];
  return { m: y.subarray(0, a), L: y.subarray(a, b), p: y.subarray(b, c), Lambda: y.subarray(c) };
}
