import { MesoscopeError } from '../../errors.ts';
import { type OdeSolution, solveOde } from '../../flow/ode.ts';
import { pseudoInverse } from '../../numeric/decompositions.ts';
import { frobeniusNorm, type Matrix, multiplyVector, scale, subtract } from '../../numeric/matrix.ts';
import type { AffineMap } from '../closure.ts';
import { productInto, transposedProductInto } from '../in-place.ts';
import { symmetricCoordinates, symmetricFromCoordinates } from '../jacobian.ts';
import { type FactoredMoments, unfactored } from '../moments.ts';
import { type Endpoints, factorPath } from './factor-path.ts';
import { affineLayer, type SteeringControls } from './realisation.ts';

/** Controls that satisfy Pontryagin's conditions, and how well. */
export interface MinimumEnergy extends SteeringControls {
  /** `½∫(|U|² + |c|²)dt`. */
  readonly energy: number;
  /** `(max − min)/mean` of the Hamiltonian `½(|U|² + |c|²)` over depth: 0 along an extremal. */
  readonly hamiltonianDrift: number;
  /** Costate of Σ at depth 0, d × d symmetric, such that `U_0 = S_0Σ_0 + p_0m_0ᵀ`. */
  readonly covarianceCostate: Matrix;
  /** Costate of m at depth 0, p_0, such that `c_0 = p_0`. */
  readonly meanCostate: Float64Array;
  /** Newton steps over all stages of the continuation. */
  readonly newtonSteps: number;
}

/**
 * Feed-forward controls `W = U_t`, `b = c_t` that steer between two laws of equal rank with stationary `½∫(|U|²+|c|²)dt`.
 * Pontryagin: `U = SΣ + pmᵀ`, `c = p`, with `Ṡ = −UᵀS − SU`, `ṗ = −Uᵀp`, `L̇ = UL`, `ṁ = Um + c`; S is symmetric, for the
 * endpoint does not see which factor of Σ is taken. Single shooting on (S_0, p_0) by Newton's method with continuation of the target
 * along the Bures geodesic, from the start itself, where the costate is 0: so the extremal found is the one connected to
 * it, as the minimiser is for near targets. For far ones other extremals may cost less.
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
  const d = from.factor.rows;
  const path = { from, to, horizon: 1 };
  let reached = 0;
  let costate: Float64Array = new Float64Array((d * (d + 1)) / 2 + d);
  let previous: { readonly at: number; readonly costate: Float64Array } | null = null;
  let stride = 0.25;
  let newtonSteps = 0;
  while (reached < 1) {
    const at = Math.min(1, reached + stride);
    const back: { readonly at: number; readonly costate: Float64Array } | null = previous;
    const guess =
      back === null
        ? costate
        : costate.map((v, i) => v + ((v - back.costate[i]) * (at - reached)) / (reached - back.at));
    const attempt = shoot(from, factorPath(path, at).moments, guess);
    newtonSteps += attempt.steps;
    if (attempt.costate === null) {
      stride /= 2;
      if (stride < 1e-3) {
        throw new MesoscopeError({
          code: 'unsupported',
          what: `the extremals from the start could be followed only ${(100 * reached).toFixed(1)} % of the way`,
          by: 'The minimum-energy realisation',
          wayOut: 'Steer in several pieces, or use the feed-forward realisation.',
        });
      }
      continue;
    }
    previous = { at: reached, costate };
    costate = attempt.costate;
    reached = at;
    stride *= attempt.steps <= 4 ? 2 : 1;
  }
  return extremalControls(endpoints, costate, newtonSteps);
}

function extremalControls(
  { from, horizon }: Endpoints,
  costate: Float64Array,
  newtonSteps: number,
): MinimumEnergy {
  const d = from.factor.rows;
  const solution = integrateExtremal(from, costate, true);
  const scratch = new Float64Array(solution.state.length);
  const velocityAt = (t: number): AffineMap => {
    const s = Math.min(1, t / horizon);
    const { T, a } = control(solution.at(s, scratch), d, from.factor.columns);
    return { T: scale(1 / horizon, T), a: a.map((entry) => entry / horizon) };
  };
  const energies = Array.from({ length: 65 }, (_, k) => {
    const { T, a } = velocityAt((k / 64) * horizon);
    return 0.5 * (frobeniusNorm(T) ** 2 + a.reduce((sum, entry) => sum + entry ** 2, 0));
  });
  const mean = energies.reduce((sum, e) => sum + e, 0) / energies.length;
  const q = (d * (d + 1)) / 2;
  return {
    velocityAt,
    layerAt: (t) => affineLayer(velocityAt(t)),
    energy: energies[0] * horizon,
    hamiltonianDrift: mean === 0 ? 0 : (Math.max(...energies) - Math.min(...energies)) / mean,
    covarianceCostate: scale(1 / horizon, symmetricFromCoordinates(costate.subarray(0, q), d)),
    meanCostate: costate.slice(q).map((entry) => entry / horizon),
    newtonSteps,
  };
}

/** Newton's method for the costate at depth 0 that hits the target at depth 1. */
function shoot(
  from: FactoredMoments,
  target: FactoredMoments,
  guess: Float64Array,
): { readonly costate: Float64Array | null; readonly steps: number } {
  const goal = unfactored(target);
  const size = Math.max(1, frobeniusNorm(goal.covariance), Math.hypot(...goal.mean));
  const miss = (costate: Float64Array): Float64Array | null => {
    const solution = integrateExtremal(from, costate, false);
    if (solution.status.kind !== 'completed') return null;
    const end = unfactored(extremalMoments(solution.state, from));
    return Float64Array.of(
      ...symmetricCoordinates(subtract(end.covariance, goal.covariance)),
      ...end.mean.map((entry, i) => entry - goal.mean[i]),
    );
  };
  const limit = 12;
  let costate = guess;
  let residual = miss(costate);
  for (let steps = 0; steps < limit; steps++) {
    if (residual === null) return { costate: null, steps };
    const before = Math.hypot(...residual);
    if (before <= 1e-11 * size) return { costate, steps };
    const jacobian = differences(miss, costate, residual);
    if (jacobian === null) return { costate: null, steps };
    const step = multiplyVector(pseudoInverse(jacobian, { tolerance: 1e-7 }), residual);
    const next = costate.map((entry, i) => entry - step[i]);
    const after = miss(next);
    // Far from the root Newton's step says little; the continuation then takes a shorter stride.
    if (after === null || (steps > 1 && Math.hypot(...after) > before && before > 1e-9 * size)) {
      return { costate: null, steps };
    }
    if (Math.hypot(...after) >= before) return { costate, steps };
    costate = next;
    residual = after;
  }
  return { costate: null, steps: limit };
}

function differences(
  f: (x: Float64Array) => Float64Array | null,
  x: Float64Array,
  fx: Float64Array,
): Matrix | null {
  const result = { rows: fx.length, columns: x.length, data: new Float64Array(fx.length * x.length) };
  const h = 1e-6 * Math.max(1, Math.hypot(...x));
  for (let j = 0; j < x.length; j++) {
    const shifted = x.slice();
    shifted[j] += h;
    const value = f(shifted);
    if (value === null) return null;
    for (let i = 0; i < fx.length; i++) result.data[i * x.length + j] = (value[i] - fx[i]) / h;
  }
  return result;
}

/** The extremal over [0, 1]: state (m, L, p, S), S of d × d. */
function integrateExtremal(from: FactoredMoments, costate: Float64Array, dense: boolean): OdeSolution {
  const { mean, factor } = from;
  const [d, r] = [factor.rows, factor.columns];
  const q = (d * (d + 1)) / 2;
  const initial = Float64Array.of(
    ...mean,
    ...factor.data,
    ...costate.subarray(q),
    ...symmetricFromCoordinates(costate.subarray(0, q), d).data,
  );
  const U = new Float64Array(d * d);
  const SL = new Float64Array(d * r);
  const half = new Float64Array(d * d);
  return solveOde(
    (_, y, dy) => {
      const { m, L, p, S } = parts(y, d, r);
      const slope = parts(dy, d, r);
      extremalControl(m, L, p, S, U, SL, d, r);
      slope.m.set(p);
      productInto(U, m, slope.m, d, d, 1, true);
      productInto(U, L, slope.L, d, d, r);
      transposedProductInto(U, p, slope.p, d, d, 1);
      transposedProductInto(U, S, half, d, d, d);
      for (let i = 0; i < d; i++) {
        slope.p[i] = -slope.p[i];
        for (let j = 0; j < d; j++) slope.S[i * d + j] = -half[i * d + j] - half[j * d + i];
      }
    },
    { to: 1, initial, relativeTolerance: 1e-12, absoluteTolerance: 1e-14, dense },
  );
}

/** `U = SLLᵀ + pmᵀ`. */
function extremalControl(
  m: Float64Array,
  L: Float64Array,
  p: Float64Array,
  S: Float64Array,
  U: Float64Array,
  SL: Float64Array,
  d: number,
  r: number,
): void {
  productInto(S, L, SL, d, d, r);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      let sum = p[i] * m[j];
      for (let k = 0; k < r; k++) sum += SL[i * r + k] * L[j * r + k];
      U[i * d + j] = sum;
    }
  }
}

function control(y: Float64Array, d: number, r: number): AffineMap {
  const { m, L, p, S } = parts(y, d, r);
  const T = { rows: d, columns: d, data: new Float64Array(d * d) };
  extremalControl(m, L, p, S, T.data, new Float64Array(d * r), d, r);
  return { T, a: p.slice() };
}

function extremalMoments(y: Float64Array, { factor }: FactoredMoments): FactoredMoments {
  const { m, L } = parts(y, factor.rows, factor.columns);
  return { mean: m.slice(), factor: { ...factor, data: L.slice() } };
}

function parts(y: Float64Array, d: number, r: number) {
  const [a, b, c] = [d, d + d * r, 2 * d + d * r];
  return { m: y.subarray(0, a), L: y.subarray(a, b), p: y.subarray(b, c), S: y.subarray(c) };
}
