import type { Backend } from '../kernels/backend.ts';
import { eigenvalues, numericalRank, spectralNorm } from '../numeric/decompositions.ts';
import { fromRows, multiply, scale, toRows } from '../numeric/matrix.ts';
import { matrixExponential } from '../numeric/matrix-functions.ts';
import { norm } from '../numeric/vector.ts';
import { followTokens, type SphereAttention, sphereVelocity } from './attention.ts';
import { angleBetween, angularDiameter } from './observables.ts';
import { onSphere, type Tokens } from './tokens.ts';

/** Tokens that gather, if they do. */
export interface Gathering {
  /** `gathered`: in one point, to {@link gatheredAngle}; `at rest`: nowhere else to go; `moving`: the time is up. */
  readonly ended: 'gathered' | 'at rest' | 'moving';
  readonly times: readonly number[];
  /** Largest angle between two tokens at these times. */
  readonly diameters: readonly number[];
  /** Largest angle between a token and the first one, and that of the second token. */
  readonly toFirst: readonly number[];
  readonly secondToFirst: readonly number[];
  /** How far the first token has moved from its start, the most. */
  readonly firstMoved: number;
  /** Dimension of what the tokens of the start span. */
  readonly span: number;
  /** Whether no token of the start moves. */
  readonly still: boolean;
  readonly completed: boolean;
}

/** Radians below which tokens count as one point: squares of it are rounding to the rates. */
export const gatheredAngle = 1e-6;
const stillSpeed = 1e-11;

/** How fast tokens near one point move apart or together at the most: an upper bound. */
export function speedOf({ kind, heads }: SphereAttention): number {
  return heads.reduce((sum, { B, V }) => {
    const size = spectralNorm(fromRows(B));
    return sum + spectralNorm(fromRows(V)) * (1 + size) * (kind === 'softmax' ? 1 : Math.exp(size));
  }, 0);
}

/** Follows tokens, in 64 stretches, until they have gathered, rest, or the time is up. */
export function followGathering(
  backend: Backend,
  attention: SphereAttention,
  start: Tokens,
  horizon: number,
): Gathering {
  let tokens: Tokens = onSphere(start);
  const first = tokens[0];
  const speed = speedOf(attention);
  const stretch = horizon / 64;
  const steps = Math.max(8, Math.ceil(stepsPerScale * stretch * speed));
  const moving = (x: Tokens) =>
    sphereVelocity(backend, attention, x).some((v) => norm(v) > stillSpeed * speed);
  const times: number[] = [];
  const states: Tokens[] = [];
  const still = !moving(tokens);
  let ended: Gathering['ended'] = still ? 'at rest' : 'moving';
  let completed = true;
  for (let k = 0; k < 64 && ended === 'moving' && completed; k++) {
    const flow = followTokens(backend, { attention, tokens, horizon: stretch, steps });
    completed = flow.status.kind === 'completed';
    for (const [i, state] of flow.states.entries()) {
      if (i === 0 && k > 0) continue;
      times.push(k * stretch + flow.times[i]);
      states.push(state);
    }
    tokens = flow.states[flow.states.length - 1];
    if (angularDiameter(tokens) < gatheredAngle) ended = 'gathered';
    else if (!moving(tokens)) ended = 'at rest';
  }
  return {
    ended,
    times,
    diameters: states.map(angularDiameter),
    toFirst: states.map((x) => Math.max(...x.map((one) => angleBetween(one, x[0])))),
    secondToFirst: states.map((x) => (x.length > 1 ? angleBetween(x[1], x[0]) : 0)),
    firstMoved: Math.max(0, ...states.map((x) => angleBetween(x[0], first))),
    span: numericalRank(fromRows(start)),
    still,
    completed,
  };
}

/** Steps in the time scale of the fastest motion. */
const stepsPerScale = 8;
/**
 * Relative error of a rate that the scheme of order 4 makes: a step of length h of `ẏ = −y` is `e^{−h} + h⁵/120 − …`, an alternating
 * series, so that the rate is off by at most `h⁴e^h/120`.
 */
const rateError = (stepsPerScale ** -4 / 120) * Math.exp(1 / stepsPerScale);

/**
 * `−d log a/dt` where `a` has fallen below 1e−3, and by how much it still moves, with what the scheme makes of it; null where it
 * did not fall that far.
 */
export function decayRate(
  times: readonly number[],
  angles: readonly number[],
): { readonly measured: number; readonly open: number } | null {
  const small = angles.findIndex((angle) => angle < 1e-3);
  // Angles are differences of numbers of order 1.
  const ends = angles.findIndex((angle, k) => k > small && angle < gatheredAngle);
  const to = ends < 0 ? angles.length - 1 : ends;
  if (small < 0 || to - small < 6) return null;
  const third = Math.floor((to - small) / 3);
  const slope = (from: number, until: number) =>
    Math.log(angles[from] / angles[until]) / (times[until] - times[from]);
  const measured = slope(to - third, to);
  const before = slope(to - 2 * third, to - third);
  return { measured, open: 2 * Math.abs(measured - before) + rateError * measured };
}

/**
 * The linearisation at one point x* of attention with V = I: `u̇_i = Σ_j w_ij(u_j − u_i)`, u_i tangent at x*, w_ij the weights there:
 * equal ones over the tokens that i sees for softmax, `e^{⟨Bx*,x*⟩}/n` for unnormalised attention.
 */
export function consensusGenerator(
  { kind, causal }: Pick<SphereAttention, 'kind' | 'causal'>,
  n: number,
  selfScore: number,
): number[][] {
  return Array.from({ length: n }, (_, i) => {
    const seen = causal ? i + 1 : n;
    const weight = kind === 'softmax' ? 1 / seen : Math.exp(selfScore) / n;
    return Array.from({ length: n }, (_, j) => {
      const other = j < seen ? weight : 0;
      return j === i ? other - weight * seen : other;
    });
  });
}

/** The slowest rate at which a generator brings tokens together: its least eigenvalue in modulus, 0 aside; 0 for one token. */
export function slowestRate(generator: readonly (readonly number[])[]): number {
  const { real } = eigenvalues(fromRows(generator));
  const sizes = [...real].map(Math.abs).sort((a, b) => a - b);
  // Exactly one eigenvalue is 0: that of all tokens moving alike.
  return sizes[1] ?? 0;
}

/** A flow, its rate over that of the linearisation, and what the linearisation leaves out at each size of the cloud. */
export interface GatheringRecord {
  readonly flow: Gathering;
  readonly rate: { readonly measured: number; readonly open: number } | null;
  readonly sizes: readonly number[];
  readonly errors: readonly number[];
  readonly accuracy: number;
}

/** Follows tokens to one point, if they gather, and tries the linearisation there. */
export function measureGathering(
  backend: Backend,
  given: {
    readonly attention: SphereAttention;
    readonly tokens: Tokens;
    /** In units of the slowest time scale. */
    readonly horizon: number;
  },
  generatorOf = consensusGenerator,
): GatheringRecord {
  const { attention, tokens, horizon } = given;
  const { B } = attention.heads[0];
  const d = B.length;
  const slowest = slowestRate(generatorOf(attention, tokens.length, B[d - 1][d - 1]));
  const flow = followGathering(backend, attention, tokens, horizon / (slowest || 1));
  const rate = decayRate(flow.times, attention.causal ? flow.secondToFirst : flow.diameters);
  // Scores must differ little within the largest cloud.
  const largest = 0.4 / (1 + spectralNorm(fromRows(B)));
  const sizes = [1, 2, 4, 8, 16].map((part) => largest / part);
  return {
    flow,
    rate: rate && { measured: rate.measured / slowest, open: rate.open / slowest },
    sizes,
    ...linearisationErrors(backend, attention, onSphere(tokens), sizes, generatorOf),
  };
}

/**
 * Tokens at `x* ± s u_i` on the sphere, followed for one time unit of the generator: the largest distance of half their difference
 * over s to `e^{Gt}u`, for each s. It is what the linearisation leaves out, O(s²), since terms of even order cancel.
 */
export function linearisationErrors(
  backend: Backend,
  attention: SphereAttention,
  directions: Tokens,
  sizes: readonly number[],
  generatorOf = consensusGenerator,
): { readonly errors: readonly number[]; readonly accuracy: number } {
  const n = directions.length;
  const d = directions[0].length;
  const centre = directions[0].map((_, a) => (a === d - 1 ? 1 : 0));
  const { B } = attention.heads[0];
  const selfScore = B[d - 1][d - 1];
  const generator = generatorOf(attention, n, selfScore);
  const horizon = 1 / Math.max(...generator.map((row, i) => Math.abs(row[i])));
  const offsets = directions.map((one) => one.slice(0, d - 1));
  const predicted = toRows(
    multiply(matrixExponential(scale(horizon, fromRows(generator))), fromRows(offsets)),
  );
  const steps = 64 * Math.ceil(speedOf(attention) * horizon);
  const end = (s: number) => {
    const tokens = offsets.map((u) => {
      const along = Math.sqrt(1 - s * s * u.reduce((sum, entry) => sum + entry * entry, 0));
      return centre.map((_, a) => (a === d - 1 ? along : s * u[a]));
    });
    const { states } = followTokens(backend, { attention, tokens, horizon, steps });
    return states[states.length - 1];
  };
  const errorAt = (s: number) => {
    const [ahead, behind] = [end(s), end(-s)];
    const gaps = predicted.map((u, i) =>
      norm(u.map((entry, a) => (ahead[i][a] - behind[i][a]) / (2 * s) - entry)),
    );
    return Math.max(...gaps);
  };
  const smallest = Math.min(...sizes);
  return {
    errors: sizes.map(errorAt),
    accuracy: (16 * n * Number.EPSILON) / smallest + 64 ** -4 / 30,
  };
}
