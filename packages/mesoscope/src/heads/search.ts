import { columnStride } from '../kernels/instruction.ts';
import { type LbfgsOptions, type LbfgsResult, relativeLargestEntry } from '../minimise/lbfgs.ts';
import { minimiseAll } from '../minimise/minimise.ts';
import { headLength } from './head-law.ts';
import type { HeadProblem, Linearisation } from './problem.ts';
import { meanSquareToken, perturbed, randomStarts } from './search-starts.ts';

export interface SearchOptions {
  /** Drawn starts: half of them random, half the best of eight times as many; default 96. */
  readonly starts?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Heads whose (Q, K) are starts besides: M × P. */
  readonly also?: Float64Array;
  /** Of the polish; default 200 iterations to 1e-9. */
  readonly polish?: LbfgsOptions;
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
  /** Drawn starts, those that were given not counted. */
  readonly starts: number;
  /** Drawn starts that ended within `1e-6 |infimum|` of the infimum, independently of each other. */
  readonly agreed: number;
  /** Drawn starts that were not given up early, as too high, and whose polish met its tolerance. */
  readonly converged: number;
  /** Different values at which polished starts ended. */
  readonly distinct: number;
  /**
   * With 95 % confidence, the law of the m purely random starts gives all basins that lead lower than `infimum` together
   * at most this probability: `1 − 0.05^{1/m}`. Basins that random starts hardly ever enter remain possible.
   */
  readonly unseenProbability: number;
  readonly sentence: string;
}

/** Random points that are looked at for each start that is the best of many. */
const screened = 8;
/** Lowest minima that are perturbed and polished once more. */
const hopped = 4;

/**
 * Searches all heads for the smallest first variation. Ψ is linear plus quadratic in V, so V is eliminated: with
 * `M(Q,K) = E (softmax − e_Y) ȳᵀ` the best value matrix is `−M/λ`, or the one on the ball's boundary, and only (Q, K)
 * is searched: by L-BFGS on the reduced function, from random starts over two decades of scale and from the best of many more. After
 * a quarter of the iterations the higher half of the drawn starts is given up; the lowest minima are perturbed and polished
 * again.
 */
export function searchFirstVariation(
  problem: HeadProblem,
  at: Linearisation,
  options: SearchOptions = {},
): SearchResult {
  const { starts: count = 96, seed = 0, also } = options;
  const { regularisation, radius } = problem;
  const lowerBound = bound(at, problem);
  const random = randomStarts(problem, Math.ceil(count / 2), seed);
  if (regularisation === 0 && radius === Number.POSITIVE_INFINITY) {
    if (isUnbounded(problem, at, random)) return unboundedResult(random.length);
  }
  const drawn = [...random, ...bestStarts(problem, at, count - random.length, random.length, seed)];
  const given = scoresOf(problem, also);
  const polish = {
    tolerance: 1e-9,
    iterations: 200,
    norm: relativeLargestEntry,
    ...options.polish,
  };
  const polishAll = (points: Float64Array[], iterations: number) =>
    minimiseAll((batch) => profile(problem, at, batch), points, { ...polish, iterations });
  const early = byValue(polishAll(drawn, Math.ceil(polish.iterations / 4)));
  const kept = early.slice(0, Math.ceil(count / 2)).map(({ point }) => point);
  const ends = polishAll(kept, polish.iterations);
  const lowest = differentValues(byValue([...ends, ...polishAll(given, polish.iterations)]));
  const hops = perturbed(
    lowest.slice(0, hopped).map(({ point }) => point),
    Math.ceil(count / 8 / hopped),
    problem,
    seed,
  );
  const different = differentValues(byValue([...lowest, ...polishAll(hops, polish.iterations)]));
  const [best] = different;
  const agreed = ends.filter(({ value }) => isClose(value, best.value, best.value)).length;
  const converged = ends.filter(({ status }) => status === 'converged').length;
  const distinct = different.length;
  const minima = withBestValues(
    problem,
    at,
    concatenated(different.slice(0, 16).map(({ point }) => point)),
  ).heads;
  const unseenProbability = 1 - 0.05 ** (1 / random.length);
  return {
    infimum: best.value,
    minimiser: minima.slice(0, headLength(problem.shape)),
    minima,
    lowerBound,
    starts: count,
    agreed,
    converged,
    distinct,
    unseenProbability,
    sentence: `Minimised over V in closed form and over (Q, K) by L-BFGS from ${count} drawn starts (${random.length} random, ${count - random.length} the best of ${screened} times as many), ${given.length} given and ${hops.length} perturbed ones: ${agreed} drawn starts agree on ${best.value.toPrecision(6)}, ${converged} converged, ${distinct} different values. A global minimum in a basin that random starts enter with probability below ${unseenProbability.toFixed(3)} may have been missed; what is proved is inf Ψ ≥ ${lowerBound.toPrecision(4)}.`,
  };
}

/** The lowest of `screened · count` random points. */
function bestStarts(
  problem: HeadProblem,
  at: Linearisation,
  count: number,
  from: number,
  seed: number,
): Float64Array[] {
  if (count === 0) return [];
  const candidates = randomStarts(problem, screened * count, seed, from);
  const { values } = profile(problem, at, concatenated(candidates));
  return [...candidates.keys()]
    .sort((i, j) => values[i] - values[j])
    .slice(0, count)
    .map((i) => candidates[i]);
}

/** (Q, K) of heads. */
function scoresOf({ shape }: HeadProblem, heads: Float64Array | undefined): Float64Array[] {
  const P = headLength(shape);
  const D = 2 * shape.keyDimension * shape.dimension;
  return Array.from({ length: (heads?.length ?? 0) / P }, (_, i) =>
    (heads as Float64Array).slice(i * P, i * P + D),
  );
}

function concatenated(points: readonly Float64Array[]): Float64Array {
  const D = points[0].length;
  const all = new Float64Array(points.length * D);
  points.forEach((point, i) => {
    all.set(point, i * D);
  });
  return all;
}

const byValue = (results: LbfgsResult[]) => results.toSorted((a, b) => a.value - b.value);

const isClose = (a: number, b: number, scale: number) =>
  Math.abs(a - b) <= 1e-6 * Math.abs(scale) + 1e-14;

/** One result for each value, of results in increasing order. */
function differentValues(results: readonly LbfgsResult[]): LbfgsResult[] {
  return results.filter(
    ({ value }, i) => i === 0 || !isClose(value, results[i - 1].value, results[0].value),
  );
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
