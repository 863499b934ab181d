import type { Backend } from '../kernels/backend.ts';
import { wassersteinDistance } from '../law/distance/transport.ts';
import { type ParticleLaw, particles } from '../law/law.ts';
import { symmetricEigen } from '../numeric/decompositions.ts';
import { fromRows, type Matrix, multiply, transpose } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import type { HeadPath } from './head-path.ts';
import type { DiscreteInputs } from './inputs.ts';
import { solveMeanField } from './mean-field-costate.ts';
import { ensembleLayout } from './parameters.ts';
import { createParticleMap, type ParticleMap } from './particle-map.ts';

/** What distances of final tokens are measured on. */
export interface LimitExperiment {
  readonly inputs: DiscreteInputs;
  readonly path: HeadPath;
  readonly keyDimension: number;
  readonly seed: number;
}

export interface LimitSizes {
  /** L, for the whole law of heads and for one head a layer. */
  readonly depths: readonly number[];
  /** H of sampled heads at a fixed depth. */
  readonly headCounts: readonly number[];
  /** That depth. */
  readonly layers: number;
  /** Independent draws of heads for a root mean square. */
  readonly repetitions: number;
}

/** Root-mean-square distances of final tokens. */
export interface LimitErrors {
  /** The whole law of heads on L layers, from continuous depth. */
  readonly depth: readonly number[];
  /** How far the solution in continuous depth is from one of half as many steps. */
  readonly referenceError: number;
  /** H sampled heads a layer at the fixed depth, from the whole law there. */
  readonly heads: readonly number[];
  /** One sampled head a layer on L layers, from the whole law there. */
  readonly single: readonly number[];
}

/** Steps of the reference in continuous depth, by the classical Runge–Kutta scheme. */
const referenceSteps = 48;

/** Errors of finite networks whose heads come from a law with finitely many atoms at every depth, so that the limit is exact. */
export function measureLimitErrors(
  backend: Backend,
  experiment: LimitExperiment,
  { depths, headCounts, layers, repetitions }: LimitSizes,
): LimitErrors {
  const { inputs, path, keyDimension, seed } = experiment;
  const { dimension } = inputs;
  const continuous = (steps: number) =>
    Float64Array.from(
      inputs.contexts.flatMap((context, i) =>
        Array.from(
          solveMeanField({ context, token: inputs.tokens[i], heads: path.heads, steps }, (x) => x)
            .final,
        ),
      ),
    );
  const limit = continuous(referenceSteps);
  const whole = new Map(
    [...depths, layers].map((count) => [count, finalTokens(backend, experiment, count, inputs)]),
  );
  const sampled = (count: number, heads: number) =>
    backend.scoped(() => {
      const layout = ensembleLayout({ dimension, keyDimension, layers: count, heads });
      const map = createParticleMap(backend, { layout, inputs });
      const exact = whole.get(count) as Float64Array;
      let squares = 0;
      for (let r = 0; r < repetitions; r++) {
        const stream = randomStream(seed, `sampled heads ${count} × ${heads}`, r);
        const theta = path.network(layout, () => stream.integer(path.atoms));
        squares += distance(map.forward(theta), exact) ** 2;
      }
      return Math.sqrt(squares / repetitions);
    });
  return {
    depth: depths.map((count) => distance(whole.get(count) as Float64Array, limit)),
    referenceError: distance(limit, continuous(referenceSteps / 2)),
    heads: headCounts.map((heads) => sampled(layers, heads)),
    single: depths.map((count) => sampled(count, 1)),
  };
}

/** A change of one context and what it does to the final token. */
export interface ContextChange {
  /** `|Δx_1|`. */
  readonly moved: number;
  /** `W_1(μ, μ')`. */
  readonly distance: number;
  /** The largest `sup_z |∂x_1/∂μ(z)|` at five points of the way. */
  readonly slope: number;
  /** What it may exceed that by between them: an eighth of the largest second difference. */
  readonly bend: number;
  /** What rounding alone can make of `|Δx_1|`: an ulp of the tokens at each layer. */
  readonly rounding: number;
}

/**
 * Changes of each context by a size: along the direction and at the point where the final token is most sensitive, and by
 * random moves of all points. Along `μ_t`, the points moved a share t of the way, `|x_1(μ') − x_1(μ)| ≤ max_t sup_z |∂x_1/∂μ_t(z)|
 * Σ_j w_j|z'_j − z_j|`; the sum is W_1 where changes are so small that no other coupling is better.
 *
 * @param change - of the map that gives the costates; default: none; others are what a comparison must notice
 * @returns for each size the sharp changes, then the random ones
 */
export function measureContextChanges(
  backend: Backend,
  experiment: LimitExperiment,
  { layers, sizes }: { readonly layers: number; readonly sizes: readonly number[] },
  change: (map: ParticleMap) => ParticleMap = (map) => map,
): ContextChange[] {
  const { inputs, seed } = experiment;
  const { contexts, dimension: d } = inputs;
  const slopesOf = (laws: readonly ParticleLaw[]) =>
    contextSlopes(backend, experiment, { layers, contexts: laws, change });
  const start = slopesOf(contexts);
  const directions = [
    contexts.map((law, i) => sharpDirection(law, start[i])),
    contexts.map((law, i) =>
      randomStream(seed, 'context change', i).normals(new Float64Array(law.points.data.length)),
    ),
  ];
  const finals = (moved: readonly ParticleLaw[]) =>
    finalTokens(backend, experiment, layers, { ...inputs, contexts: moved });
  const before = finals(contexts);
  return sizes.flatMap((size) =>
    directions.flatMap((direction) => {
      const at = (t: number) =>
        contexts.map((law, i) =>
          particles(
            { ...law.points, data: law.points.data.map((x, j) => x + t * size * direction[i][j]) },
            law.weights,
          ),
        );
      const ways = [0.25, 0.5, 0.75, 1].map((t) => slopesOf(at(t)));
      const moved = at(1);
      const after = finals(moved);
      return contexts.map((law, i): ContextChange => {
        const part = (x: Float64Array) => x.subarray(i * d, (i + 1) * d);
        const slopes = [start, ...ways].map((slope) => slope[i].largest);
        const bends = slopes
          .slice(2)
          .map((slope, m) => Math.abs(slope - 2 * slopes[m + 1] + slopes[m]) / 8);
        return {
          moved: distance(part(after), part(before)) * Math.sqrt(d),
          distance: wassersteinDistance(law, moved[i], { order: 1 }).value,
          slope: Math.max(...slopes),
          bend: Math.max(...bends),
          rounding: layers * Number.EPSILON * Math.hypot(...part(before), ...part(after)),
        };
      });
    }),
  );
}

function finalTokens(
  backend: Backend,
  { path, keyDimension }: LimitExperiment,
  layers: number,
  inputs: DiscreteInputs,
): Float64Array {
  return backend.scoped(() => {
    const layout = ensembleLayout({
      dimension: inputs.dimension,
      keyDimension,
      layers,
      heads: path.atoms,
    });
    return createParticleMap(backend, { layout, inputs }).forward(path.network(layout));
  });
}

/** Where a final token is most sensitive to its context. */
interface ContextSlope {
  /** `sup_z |∂x_1/∂μ(z)|`. */
  readonly largest: number;
  readonly point: number;
  /** Of unit length: the change of that point which moves the final token most. */
  readonly direction: Float64Array;
}

/** The densities `∂x_1/∂μ(z_j)` from the context costates at depth 0, d × d each, and the largest of their norms. */
function contextSlopes(
  backend: Backend,
  { inputs, path, keyDimension }: LimitExperiment,
  of: {
    readonly layers: number;
    readonly contexts: readonly ParticleLaw[];
    readonly change: (map: ParticleMap) => ParticleMap;
  },
): ContextSlope[] {
  const { layers, contexts, change } = of;
  const { dimension: d } = inputs;
  return backend.scoped(() => {
    const layout = ensembleLayout({ dimension: d, keyDimension, layers, heads: path.atoms });
    const map = change(createParticleMap(backend, { layout, inputs: { ...inputs, contexts } }));
    const theta = path.network(layout);
    const rows = Array.from(
      { length: d },
      (_, a) => map.initialCostates(theta, (x) => x.map((_, i) => (i % d === a ? 1 : 0))).contexts,
    );
    return contexts.map(({ weights }, i) =>
      Array.from(weights, (weight, point): ContextSlope => {
        const density = fromRows(rows.map((row) => row[i][point].map((q) => q / weight)));
        return { point, ...largestStretch(density) };
      }).reduce((most, one) => (one.largest > most.largest ? one : most)),
    );
  });
}

/** The norm of a matrix and the unit vector that it stretches most. */
function largestStretch(a: Matrix): Pick<ContextSlope, 'largest' | 'direction'> {
  const { values, vectors } = symmetricEigen(multiply(transpose(a), a));
  const last = a.columns - 1;
  return {
    largest: Math.sqrt(Math.max(values[last], 0)),
    direction: Float64Array.from(
      { length: a.columns },
      (_, i) => vectors.data[i * a.columns + last],
    ),
  };
}

function sharpDirection(law: ParticleLaw, { point, direction }: ContextSlope): Float64Array {
  const out = new Float64Array(law.points.data.length);
  out.set(direction, point * direction.length);
  return out;
}

/** Root mean square of the entries of `x − y`. */
function distance(x: Float64Array, y: Float64Array): number {
  return Math.sqrt(x.reduce((sum, entry, i) => sum + (entry - y[i]) ** 2, 0) / x.length);
}
