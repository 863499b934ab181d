import { columnStride } from '../kernels/instruction.ts';
import { type RandomStream, randomStream } from '../numeric/random.ts';
import { headLength } from './head-law.ts';
import type { HeadProblem, Linearisation } from './problem.ts';
import { minimiseAll, type QuasiNewtonOptions } from './quasi-newton.ts';
import type { SequenceData } from './sequences.ts';

export interface SearchOptions {
  /** Random starts; default 96. */
  readonly starts?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Heads whose (Q, K) are starts besides: M × P. */
  readonly also?: Float64Array;
  /** Of the polish; default 200 iterations to 1e-9. */
  readonly polish?: QuasiNewtonOptions;
}

/** What a global search for `inf_θ Ψ(θ;ρ)` found, and what it cannot promise. */
export interface SearchResult {
  /** Smallest value found; −∞ (proved) with λ = 0 on unbounded parameters. */
  readonly infimum: number;
  /** A head that attains it; undefined where the infimum is −∞. */
  readonly minimiser?: Float64Array;
  /** Heads at which starts ended, one for each different value, lowest first, up to 16: M × P. */
  readonly minima: Float64Array;
  /** No head has a smaller Ψ than this: `−M²/(2λ)` or, in the ball, `min_v λv²/2 − Mv`, `M = E|softmax − e_Y| max|x|`. */
  readonly lowerBound: number;
  readonly starts: number;
  /** Starts that ended within `1e-6 |infimum|` of the infimum. */
  readonly agreed: number;
  /** Starts whose polish met its tolerance. */
  readonly converged: number;
  /** Different values at which starts ended. */
  readonly distinct: number;
  /**
   * With 95 % confidence, the starts' law gives all basins that lead lower than `infimum` together at most this
   * probability: `1 − 0.05^{1/starts}`. Basins that random starts hardly ever enter remain possible.
   */
  readonly unseenProbability: number;
  readonly sentence: string;
}

/**
 * Searches all heads for the smallest first variation. Ψ is linear plus quadratic in V, so V is eliminated: with
 * `M(Q,K) = E (softmax − e_Y) ȳᵀ` the best value matrix is `−M/λ`, or the one on the ball's boundary, and only (Q, K)
 * is searched, from many random starts over two decades of scale, each polished by L-BFGS on the reduced function.
 */
export function searchFirstVariation(
  problem: HeadProblem,
  at: Linearisation,
  options: SearchOptions = {},
): SearchResult {
  const { starts: count = 96, seed = 0, also, polish } = options;
  const { regularisation, radius, shape } = problem;
  const lowerBound = bound(at, problem);
  const ofScore = 2 * shape.keyDimension * shape.dimension;
  const starts = randomStarts(problem, count, seed);
  if (also !== undefined) {
    const P = headLength(shape);
    for (let i = 0; i < also.length; i += P) starts.push(also.slice(i, i + ofScore));
  }
  if (regularisation === 0 && radius === Number.POSITIVE_INFINITY) {
    const unbounded = isUnbounded(problem, at, starts);
    if (unbounded) return unboundedResult(starts.length);
  }
  const results = minimiseAll((points) => profile(problem, at, points), starts, {
    tolerance: 1e-9,
    ...polish,
  });
  const best = results.reduce((a, b) => (b.value < a.value ? b : a));
  const close = (a: number, b: number) => Math.abs(a - b) <= 1e-6 * Math.abs(best.value) + 1e-14;
  const agreed = results.filter(({ value }) => close(value, best.value)).length;
  const converged = results.filter(({ status }) => status === 'converged').length;
  const ordered = results.toSorted((a, b) => a.value - b.value);
  const different = ordered.filter(
    ({ value }, i) => i === 0 || !close(value, ordered[i - 1].value),
  );
  const distinct = different.length;
  const scores = new Float64Array(Math.min(distinct, 16) * ofScore);
  different.slice(0, 16).forEach(({ point }, i) => {
    scores.set(point, i * ofScore);
  });
  const minima = withBestValues(problem, at, scores).heads;
  const unseenProbability = 1 - 0.05 ** (1 / starts.length);
  return {
    infimum: best.value,
    minimiser: minima.slice(0, headLength(shape)),
    minima,
    lowerBound,
    starts: starts.length,
    agreed,
    converged,
    distinct,
    unseenProbability,
    sentence: `Minimised over V in closed form and over (Q, K) by L-BFGS from ${starts.length} starts: ${agreed} agree on ${best.value.toPrecision(6)}, ${converged} converged, ${distinct} different values. A global minimum in a basin that random starts enter with probability below ${unseenProbability.toFixed(3)} may have been missed; what is proved is inf Ψ ≥ ${lowerBound.toPrecision(4)}.`,
  };
}

/** Ψ minimised over V, at many (Q, K), with its gradient by (Q, K). */
export function profile(
  problem: HeadProblem,
  at: Linearisation,
  points: Float64Array,
): { values: Float64Array; gradients: Float64Array } {
  const { shape, radius } = problem;
  const P = headLength(shape);
  const D = 2 * shape.keyDimension * shape.dimension;
  const { heads, multipliers } = withBestValues(problem, at, points);
  const gradient = new Float64Array(heads.length);
  const values = problem.firstVariation(at, heads, gradient);
  const gradients = new Float64Array(points.length);
  for (let i = 0; i < values.length; i++) {
    let square = 0;
    for (let j = 0; j < D; j++) {
      const q = points[i * D + j];
      square += q * q;
      // The ball |Q|² + |K|² + |V|² ≤ r², where it is active, gives V less room as Q and K grow.
      gradients[i * D + j] = gradient[i * P + j] + multipliers[i] * q;
    }
    if (square >= radius * radius) values[i] = Number.POSITIVE_INFINITY;
  }
  return { values, gradients };
}

/** The heads (Q, K, V) with the best V for each (Q, K), and the multiplier of the ball. */
function withBestValues(
  problem: HeadProblem,
  at: Linearisation,
  points: Float64Array,
): { heads: Float64Array; multipliers: Float64Array } {
  const { shape, regularisation, radius } = problem;
  const P = headLength(shape);
  const D = 2 * shape.keyDimension * shape.dimension;
  const count = points.length / D;
  const heads = new Float64Array(count * P);
  for (let i = 0; i < count; i++) heads.set(points.subarray(i * D, (i + 1) * D), i * P);
  const gradient = new Float64Array(heads.length);
  problem.firstVariation(at, heads, gradient);
  const multipliers = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let score = 0;
    let moment = 0;
    for (let j = 0; j < D; j++) score += points[i * D + j] ** 2;
    for (let j = D; j < P; j++) moment += gradient[i * P + j] ** 2;
    const size = Math.sqrt(moment);
    const room = Math.sqrt(Math.max(0, radius * radius - score));
    const free = size === 0 ? 0 : 1 / regularisation;
    const isBound = free * size > room;
    const factor = isBound ? room / size : free;
    if (isBound && room > 0) multipliers[i] = size / room - regularisation;
    for (let j = D; j < P; j++) heads[i * P + j] = -factor * gradient[i * P + j];
  }
  return { heads, multipliers };
}

/**
 * Starts (Q, K) with scores of size 0.1 … 16 on the data: 0; normal entries; and, every other one, rows of Q along tokens and
 * rows of K along differences of tokens, which tell tokens of the data apart.
 */
function randomStarts(problem: HeadProblem, count: number, seed: number): Float64Array[] {
  const { shape, data, radius } = problem;
  const { dimension: d, keyDimension: k } = shape;
  const size = Math.sqrt(meanSquareToken(data)) || 1;
  const starts = [new Float64Array(2 * k * d)];
  for (let i = 1; i < count; i++) {
    const random = randomStream(seed, 'search for the best head', i);
    const scale = (0.3 * (4 / 0.3) ** random.uniform()) / size;
    const start = random.normals(new Float64Array(2 * k * d));
    if (i % 2 === 1) alongTokens(start, data, k, random);
    for (let j = 0; j < start.length; j++) start[j] *= scale;
    const norm = Math.hypot(...start);
    starts.push(norm < 0.9 * radius ? start : start.map((x) => (0.9 * radius * x) / norm));
  }
  return starts;
}

/** Keeps the lengths of the rows and turns those of Q to tokens, those of K to differences of tokens. */
function alongTokens(
  start: Float64Array,
  data: SequenceData,
  k: number,
  random: RandomStream,
): void {
  const d = data.dimension;
  const stride = columnStride(data.tokens);
  const token = () => {
    const s = random.integer(data.sequences);
    const t = random.integer(data.lengths[s]);
    return Float64Array.from({ length: d }, (_, a) => data.states[(s * d + a) * stride + t]);
  };
  for (let row = 0; row < 2 * k; row++) {
    const at = start.subarray(row * d, (row + 1) * d);
    const direction = token();
    if (row >= k) {
      const other = token();
      direction.forEach((x, a) => {
        direction[a] = x - other[a];
      });
    }
    const length = Math.hypot(...direction);
    if (length === 0) continue;
    const factor = Math.hypot(...at) / length;
    direction.forEach((x, a) => {
      at[a] = factor * x;
    });
  }
}

/** E|x|². */
function meanSquareToken({ states, lengths }: SequenceData): number {
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return states.reduce((sum, x) => sum + x * x, 0) / tokens;
}

/** A lower bound of Ψ over all heads, from `|⟨r, Vȳ⟩| ≤ |r| |V| max_{s≤t}|x_s|`. */
function bound(at: Linearisation, { data, shape, regularisation, radius }: HeadProblem): number {
  const { tokens: n, dimension: d, lengths } = data;
  const stride = columnStride(n);
  let moment = 0;
  lengths.forEach((length, s) => {
    let longest = 0;
    for (let t = 0; t < length; t++) {
      let token = 0;
      let residual = 0;
      for (let a = 0; a < d; a++) token += data.states[(s * d + a) * stride + t] ** 2;
      for (let c = 0; c < shape.classes; c++) {
        residual += at.residual[(s * shape.classes + c) * stride + t] ** 2;
      }
      longest = Math.max(longest, Math.sqrt(token));
      moment += Math.sqrt(residual) * longest;
    }
  });
  const size = Math.min(radius, moment / regularisation);
  if (moment === 0) return 0;
  if (size === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  return (regularisation / 2) * size * size - moment * size;
}

/** Whether some head has M ≠ 0 beyond rounding: then `V = −cM` sends Ψ to −∞. */
function isUnbounded(
  problem: HeadProblem,
  at: Linearisation,
  starts: readonly Float64Array[],
): boolean {
  const { shape } = problem;
  const P = headLength(shape);
  const D = 2 * shape.keyDimension * shape.dimension;
  const heads = new Float64Array(starts.length * P);
  starts.forEach((start, i) => {
    heads.set(start, i * P);
  });
  const gradient = new Float64Array(heads.length);
  problem.firstVariation(at, heads, gradient);
  const size = Math.sqrt(meanSquareToken(problem.data));
  return gradient.some((g, j) => j % P >= D && Math.abs(g) > 1e-12 * size);
}

function unboundedResult(starts: number): SearchResult {
  return {
    infimum: Number.NEGATIVE_INFINITY,
    minima: new Float64Array(),
    lowerBound: Number.NEGATIVE_INFINITY,
    starts,
    agreed: starts,
    converged: 0,
    distinct: 1,
    unseenProbability: 0,
    sentence:
      'inf Ψ = −∞: without regularisation Ψ is linear in V, and V is not bounded. There is no gap to state; choose λ > 0 or a radius.',
  };
}
