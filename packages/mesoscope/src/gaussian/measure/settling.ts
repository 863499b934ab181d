import { inverse, symmetricEigen } from '../../numeric/decompositions.ts';
import {
  block,
  frobeniusNorm,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  scale,
  subtract,
  symmetricPart,
  toRows,
  trace,
  transpose,
} from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { type ClusteringLimit, clusteringLimit } from '../clustering.ts';
import { type GaussianFlow, gaussianFlow } from '../gaussian-flow.ts';
import { gaussianLayer, scoreHead } from '../layer.ts';
import { unfactored } from '../moments.ts';
import { randomLaw } from '../random-flows.ts';
import { randomMatrix } from '../random-matrices.ts';
import { type RiccatiForm, riccatiForm } from '../riccati.ts';
import { integrateCentred } from './centred-flow.ts';

/** How a law collapses under keys that repel, next to the closed form of its limit. */
export interface Settling {
  readonly dimension: number;
  /** k of `K = −Q ∈ R^{k×d}`; null for an explicit layer. */
  readonly keyDimension: number | null;
  /** Whether `V_h = v_hI`, W = 0 and M ⪯ 0. */
  readonly applies: boolean;
  readonly limit: ClusteringLimit | null;
  /** `LΠLᵀ` and, for Σ_0 ≻ 0, `N(NᵀΣ_0^{-1}N)^{-1}Nᵀ` with N a basis of ker M; their difference over tr Σ_0. */
  readonly formulas: { readonly difference: number; readonly uncertainty: number } | null;
  /** Directions in which the integrated flow keeps its spread. */
  readonly flowRank: number | null;
  /** `t|λ|`, λ the slowest rate of collapse. */
  readonly times: readonly number[];
  /** `|Σ(t) − Σ*|/tr Σ_0` by integration, and their accuracy. */
  readonly distances: readonly number[];
  readonly accuracy: number;
  readonly ended: string;
  /** Whether attention is 0 on the support, so that nothing moves. */
  readonly atRest: boolean;
}

/** Depths, in units of the slowest rate, at which the distance is measured. */
const times = [16, 32, 64, 128, 256, 512];

/** @param form - the closed form that is held against the flow; default the layer's own */
export function measureSettling(
  { layer, law, start }: GaussianFlow,
  keyDimension: number | null,
  form: RiccatiForm | null = riccatiForm(layer),
): Settling {
  const d = law.mean.length;
  const nothing = {
    dimension: d,
    keyDimension,
    applies: false,
    limit: null,
    formulas: null,
    flowRank: null,
    times: [],
    distances: [],
    accuracy: 0,
    ended: 'completed',
    atRest: false,
  };
  const negative =
    form !== null && symmetricEigen(form.M).values[d - 1] <= 1e-12 * largestEntry(form.M);
  if (form === null || !negative || largestEntry(form.W) > 0) return nothing;
  const limit = clusteringLimit(form, start.factor);
  const L = start.factor;
  const rates = symmetricEigen(symmetricPart(multiply(transpose(L), form.M, L))).values;
  const slowest = rates.filter((value) => value < 1e-12 * rates[0]).at(-1);
  if (slowest === undefined || largestEntry(form.M) === 0) {
    return { ...nothing, applies: true, limit, atRest: true };
  }
  const horizon = times[times.length - 1] / -slowest;
  const { fine, coarse } = integrateCentred(layer, L, { horizon, stepLimit: 20_000 });
  const ended = fine.status.kind;
  const known = { ...nothing, applies: true, limit, formulas: twoFormulas(form.M, L, limit) };
  if (coarse?.status.kind !== 'completed') return { ...known, ended };
  const size = trace(law.covariance);
  const at = (flow: typeof fine, t: number) => unfactored(flow.at(t / -slowest)).covariance;
  const distances = times.map((t) => frobeniusNorm(subtract(at(fine, t), limit.covariance)) / size);
  const accuracy = Math.max(
    ...times.map((t) => frobeniusNorm(subtract(at(fine, t), at(coarse, t))) / size),
  );
  const [before, after] = [256, 512].map((t) => symmetricEigen(at(fine, t)).values);
  // A direction that collapses like 1/t halves when t doubles, one that stays does not; rounding is neither.
  const flowRank = after.filter(
    (value, i) => value > 0.75 * before[i] && value > 1e-10 * size,
  ).length;
  return { ...known, ended, flowRank, times, distances, accuracy };
}

function twoFormulas(M: Matrix, L: Matrix, limit: ClusteringLimit) {
  const d = L.rows;
  if (L.columns < d) return null;
  const { values, vectors } = symmetricEigen(M);
  // Ascending: the kernel stands last.
  const rank = values.filter((value) => Math.abs(value) <= 1e-12 * Math.abs(values[0])).length;
  if (rank !== limit.rank || rank === 0) return null;
  const N = block(vectors, 0, d - rank, d, rank);
  const covariance = multiply(L, transpose(L));
  const precision = symmetricPart(inverse(covariance));
  const inside = inverse(symmetricPart(multiply(transpose(N), precision, N)));
  const other = multiply(N, inside, transpose(N));
  const size = trace(covariance);
  const condition = frobeniusNorm(precision) * frobeniusNorm(covariance);
  const gap = Math.abs(values[0] / values[d - rank - 1]);
  return {
    difference: frobeniusNorm(subtract(other, limit.covariance)) / size,
    // Both invert, and both take a kernel: errors of both conditionings.
    uncertainty: 32 * Number.EPSILON * (condition + condition * gap),
  };
}

/** `K = −Q ∈ R^{k×d}`, V = I, W = 0: d = 2 … 6, k = 1 … d. */
export function randomRepellingDraw(seed: number, index: number) {
  const stream = randomStream(seed, 'C.clustering', index);
  const d = 2 + (index % 5);
  const k = 1 + (Math.floor(index / 5) % d);
  const Q = randomMatrix(stream, k, d);
  const head = scoreHead({ V: identity(d), Q, K: scale(-1, Q) });
  const flow = gaussianFlow(gaussianLayer({ heads: [head] }), randomLaw(stream, d), 1);
  return { flow, keyDimension: k };
}

/** What was measured of all draws, by name. */
export function settlingNumbers(draws: readonly Settling[]) {
  const moving = draws.filter((one) => one.flowRank !== null);
  const single = draws.length === 1 ? draws[0] : undefined;
  return {
    rank: draws.map((one) => one.limit?.rank ?? -1),
    'rank.flow': draws.map((one) => one.flowRank ?? -1),
    dimension: draws.map((one) => one.dimension),
    keyDimension: draws.map((one) => one.keyDimension ?? -1),
    limit: single?.limit ? toRows(single.limit.covariance) : 'of many draws',
    'limit.distance': Math.max(
      0,
      ...moving.map(({ distances }) => distances[distances.length - 1]),
    ),
    'distance.accuracy': Math.max(0, ...moving.map((one) => one.accuracy)),
  };
}
