import {
  eigenvalues,
  singularValueDecomposition,
  spectralNorm,
} from '../numeric/decompositions.ts';
import {
  block,
  diagonal,
  frobeniusNorm,
  largestEntry,
  type Matrix,
  multiply,
  oneNorm,
  scale,
  symmetricPart,
  transpose,
} from '../numeric/matrix.ts';
import { predictBlowUp } from './blow-up.ts';
import { affineVelocity } from './closure.ts';
import type { GaussianLayer } from './layer.ts';
import { integrateMoments } from './moment-flow.ts';
import { type FactoredMoments, factored, type GaussianMoments } from './moments.ts';
import { advanceRiccati, type RiccatiForm, riccatiForm, riccatiStep } from './riccati.ts';

/**
 * What the covariance does in the long run:
 * - `stable`: tends to a covariance of the rank it began with;
 * - `collapse`: tends to a covariance of lower rank, 0 for a single point;
 * - `growth`: grows without bound, but is finite at every depth;
 * - `blow-up`: becomes infinite at a finite depth;
 * - `bounded`: shows no limit up to where it was followed (it turns, moves too slowly, or the integration gave up).
 */
export type Regime = 'stable' | 'collapse' | 'growth' | 'blow-up' | 'bounded';

export const regimes: readonly Regime[] = ['stable', 'collapse', 'growth', 'blow-up', 'bounded'];

export interface Classification {
  readonly regime: Regime;
  /** Null unless the regime is `blow-up`. */
  readonly blowUpTime: number | null;
  /** Directions in which the covariance tends to a positive number; null for `growth` and `blow-up`. */
  readonly dimension: number | null;
  /** The covariance at the last depth looked at; null after a blow-up. */
  readonly covariance: Matrix | null;
  /** The last depth looked at. */
  readonly time: number;
}

export interface ClassifyOptions {
  /** How far to follow the flow; default 2⁸ of the layer's slowest times. */
  readonly horizon?: number | undefined;
}

/** The size of a covariance, in units of where attention balances W, from which growth counts as unbounded. */
const hugeFactor = 1e6;

/**
 * Classifies a constant layer on a law, by following the factor L of Σ over depths that double, and looking at the
 * exponents `ℓ_i = t d(log λ_i)/dt` of the eigenvalues of Σ: a direction is steady if ℓ_i → 0, collapses if ℓ_i stays
 * below −½ (ℓ = −1 for decay like 1/t, ℓ → −∞ for exponential decay) and grows if it stays above ½. A regime is
 * accepted when it is seen at three depths in a row, none below 20 times the layer's slowest time, and growth only once
 * Σ is so large that attention, if it acted at all there, would outweigh W.
 *
 * Where `V_h = v_hI` blow-up is decided by `predictBlowUp`, and Σ advances by the exact solution of its Riccati equation;
 * otherwise by adaptive integration.
 *
 * @throws MesoscopeError as {@link factored}
 */
export function classifyLayer(
  layer: GaussianLayer,
  law: GaussianMoments | FactoredMoments,
  options: ClassifyOptions = {},
): Classification {
  const start = ('factor' in law ? law : factored(law)).factor;
  const times = timeScales(layer, start);
  const horizon = options.horizon ?? 2 ** 8 * times.slowest;
  const riccati = riccatiForm(layer);
  const blowUp = riccati === null ? null : predictBlowUp(riccati, start, { horizon });
  if (blowUp?.time != null) return blownUp(blowUp.time);
  const integrated = integration(layer, times.huge);
  const advance = riccati === null ? integrated : riccatiSteps(riccati, integrated);

  const first = Math.min(times.fastest, horizon);
  let t = 0;
  let L = start;
  let previous: Float64Array | null = null;
  let seen: { regime: Regime; dimension: number | null } | null = null;
  let agreements = 0;
  for (let target = first; ; target = Math.min(2 * target, horizon)) {
    const next = advance(L, target - t);
    if (next.blowUp !== null) return blownUp(t + next.blowUp);
    if (next.overflow) return grown(t, L);
    if (!next.arrived) {
      const growing = seen?.regime === 'growth' && frobeniusNorm(next.factor) ** 2 > times.huge;
      return growing ? grown(t, L) : undecided(t, L);
    }
    L = next.factor;
    t = target;
    if (frobeniusNorm(L) ** 2 < times.negligible) {
      const covariance = multiply(L, transpose(L));
      return { regime: 'collapse', blowUpTime: null, dimension: 0, covariance, time: t };
    }
    const exponents = growthExponents(layer, L, t);
    const verdict = previous === null ? null : decide(exponents, previous, start.columns);
    agreements =
      verdict !== null && seen?.regime === verdict.regime && seen.dimension === verdict.dimension
        ? agreements + 1
        : 1;
    seen = verdict;
    previous = exponents;
    const last = t >= horizon;
    const ripe = agreements >= 3 && t >= 20 * times.slowest;
    if (verdict?.regime === 'growth' && (last || (ripe && frobeniusNorm(L) ** 2 > times.huge)))
      return grown(t, L);
    if (
      verdict !== null &&
      verdict.regime !== 'growth' &&
      ripe &&
      isSettling(layer, L, t, exponents)
    ) {
      return { ...verdict, blowUpTime: null, covariance: multiply(L, transpose(L)), time: t };
    }
    if (last) {
      return { ...undecided(t, L), dimension: verdict?.dimension ?? null };
    }
  }
}

function blownUp(time: number): Classification {
  return { regime: 'blow-up', blowUpTime: time, dimension: null, covariance: null, time };
}

function grown(time: number, L: Matrix): Classification {
  return {
    regime: 'growth',
    blowUpTime: null,
    dimension: null,
    covariance: multiply(L, transpose(L)),
    time,
  };
}

/** No limit up to here. */
function undecided(time: number, L: Matrix): Classification {
  return {
    regime: 'bounded',
    blowUpTime: null,
    dimension: null,
    covariance: multiply(L, transpose(L)),
    time,
  };
}

interface TimeScales {
  readonly fastest: number;
  readonly slowest: number;
  /** tr Σ above which attention outweighs W by far. */
  readonly huge: number;
  /** tr Σ below which W, all of whose modes decay, outweighs attention by far; 0 if some do not. */
  readonly negligible: number;
}

/**
 * The rates of W: |W| and the |Re λ(W)| above 1e-6|W|, for an equilibrium is as small and as slow as the slowest of them; of attention: |V_h| times the singular values of LᵀB_hL above a
 * thousandth of the largest.
 */
function timeScales(layer: GaussianLayer, L: Matrix): TimeScales {
  const size = spectralNorm(layer.W);
  const spectrum = eigenvalues(layer.W).real;
  const rates = Array.from(spectrum, Math.abs).filter((re) => re > 1e-6 * size);
  const pulls = layer.heads.flatMap(({ V, B }) => {
    const { values } = singularValueDecomposition(multiply(transpose(L), B, L));
    return Array.from(values, (value) => spectralNorm(V) * value);
  });
  const pull = Math.max(0, ...pulls);
  if (size === 0 && pull === 0) {
    return { fastest: 1, slowest: 1, huge: Number.POSITIVE_INFINITY, negligible: 0 };
  }
  // A law so small that attention does nothing yet must not make the search endless.
  const floor = Math.max(1e-3 * pull, 0.03 * size);
  const slowPulls = pull === 0 ? [] : pulls.map((value) => Math.max(value, floor));
  const attention = layer.heads.reduce(
    (sum, { V, B }) => sum + spectralNorm(V) * spectralNorm(B),
    0,
  );
  const decay = -Math.max(...spectrum);
  return {
    fastest: 1 / Math.max(pull, size),
    slowest: 1 / Math.min(...rates, ...slowPulls, pull + size),
    huge: hugeFactor * Math.max(frobeniusNorm(L) ** 2, attention > 0 ? size / attention : 0),
    negligible: Math.max(0, 1e-10 * Math.min(frobeniusNorm(L) ** 2, decay / attention)),
  };
}

interface Advance {
  readonly factor: Matrix;
  readonly blowUp: number | null;
  readonly overflow: boolean;
  /** False where the integration gave up on the way. */
  readonly arrived: boolean;
}

/**
 * Under sinkhorn attention, singular values of a huge L below this fraction of the largest are dropped. Attention is then saturated, the
 * large directions do not feel the small ones, and these, which are rounding, would be moved about at the speed of the large
 * ones. (Under softmax attention small directions do matter: they are what a growing one is damped against.)
 */
const negligibleFactor = 1e-7;

/** The directions of L that are seen beside the largest, as orthogonal columns: `LLᵀ` is kept to rounding. */
function compressed(L: Matrix): Matrix {
  const { left, values } = singularValueDecomposition(L);
  const kept = values.filter((value) => value > negligibleFactor * values[0]).length;
  if (kept === L.columns || kept === 0) return L;
  return multiply(block(left, 0, 0, L.rows, kept), diagonal(values.subarray(0, kept)));
}

/** The most steps of one doubling of the depth; smooth flows take some hundred. */
const integrationSteps = 20_000;

function integration(layer: GaussianLayer, huge: number): (L: Matrix, duration: number) => Advance {
  const saturated = layer.attention === 'sinkhorn';
  const centred = { ...layer, b: new Float64Array(layer.dimension) };
  return (factor, duration) => {
    const mean = new Float64Array(layer.dimension);
    const flow = integrateMoments(
      centred,
      { mean, factor },
      {
        horizon: duration,
        relativeTolerance: 1e-9,
        dense: false,
        stepLimit: integrationSteps,
      },
    );
    const { kind } = flow.status;
    const end = flow.moments.factor;
    return {
      factor: saturated && frobeniusNorm(end) ** 2 > huge ? compressed(end) : end,
      blowUp: flow.blowUpTime,
      overflow: kind === 'diverged',
      arrived: kind === 'completed',
    };
  };
}

/** More exact steps than this take longer than the integration of a stiff flow. */
const mostExactSteps = 5000;

/** Exact steps short enough to lose no digits; one is enough for W = 0. Where they are too many, what else there is. */
function riccatiSteps(
  form: RiccatiForm,
  otherwise: (L: Matrix, duration: number) => Advance,
): (L: Matrix, duration: number) => Advance {
  return (start, duration) => {
    const steps = Math.max(1, Math.ceil(oneNorm(form.W) * duration));
    if (steps > mostExactSteps) return otherwise(start, duration);
    const step = riccatiStep(form, duration / steps);
    let factor = start;
    for (let k = 0; k < steps; k++) {
      const next = advanceRiccati(step, factor);
      if (next === null || !(largestEntry(next) < 1e150)) {
        return { factor, blowUp: null, overflow: true, arrived: false };
      }
      factor = next;
    }
    return { factor, blowUp: null, overflow: false, arrived: true };
  };
}

/** `ℓ_i = t λ̇_i/λ_i`, largest eigenvalue first; −∞ for one that is gone. */
function growthExponents(layer: GaussianLayer, L: Matrix, t: number): Float64Array {
  if (largestEntry(L) === 0) return new Float64Array(L.columns).fill(Number.NEGATIVE_INFINITY);
  const { left, values, right } = singularValueDecomposition(L);
  const { T: U } = affineVelocity(layer, { mean: new Float64Array(layer.dimension), factor: L });
  const rates = multiply(transpose(left), multiply(U, L), right);
  return values.map((value, i) =>
    value <= 1e-13 * values[0]
      ? Number.NEGATIVE_INFINITY
      : (2 * t * rates.data[i * rates.columns + i]) / value,
  );
}

function decide(
  exponents: Float64Array,
  previous: Float64Array,
  rank: number,
): { regime: Regime; dimension: number | null } | null {
  let steady = 0;
  for (let i = 0; i < exponents.length; i++) {
    const [now, before] = [exponents[i], previous[i]];
    if (now > 0.5 && now > 0.9 * before) return { regime: 'growth', dimension: null };
    const persists = now < -0.5 && (now === Number.NEGATIVE_INFINITY || now < 0.9 * before);
    if (persists) continue;
    if (Math.abs(now) > 0.01 && !(Math.abs(now) < 0.1 && Math.abs(now) < 0.7 * Math.abs(before)))
      return null;
    steady++;
  }
  return { regime: steady === rank ? 'stable' : 'collapse', dimension: steady };
}

/** Whether Σ itself slows down, and does not turn at constant eigenvalues: `t|Σ̇| ≤ |Σ|`, unless all of it collapses. */
function isSettling(layer: GaussianLayer, L: Matrix, t: number, exponents: Float64Array): boolean {
  if (exponents[0] < -0.5) return true;
  const { T: U } = affineVelocity(layer, { mean: new Float64Array(layer.dimension), factor: L });
  const covariance = multiply(L, transpose(L));
  const velocity = scale(2, symmetricPart(multiply(U, covariance)));
  return t * frobeniusNorm(velocity) <= frobeniusNorm(covariance);
}
