import { horizonOf } from '../../flow/grid.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { ControlModel } from '../control-model.ts';
import { partOf } from '../parameters.ts';
import {
  atomLosses,
  drawFrequencies,
  expectation,
  lossRange,
  type Population,
} from './finite-population.ts';
import {
  entropyBound,
  finiteClassBound,
  logCoveringOfBall,
  logCoveringOfLipschitz,
} from './risk-bounds.ts';
import { exactFailures } from './sampling-deviations.ts';
import { missProbability, tokenPopulation } from './two-point.ts';

/** What is drawn, and how often. */
export interface UniformOptions {
  /** r of the ball of each layer's parameters. */
  readonly radius: number;
  /** Sampled controls: the finite class. */
  readonly controls: number;
  readonly sampleSizes: readonly number[];
  readonly resamples: number;
  /** Gradient steps that raise |R̂_N − R|. */
  readonly ascents: number;
  /** δ. */
  readonly failure: number;
  readonly seed: number;
  readonly index: number;
}

/** Uniform deviations on one population, and their bounds. */
export interface UniformRecord {
  /** Resamples in which the finite class stayed within its bound, for each N. */
  readonly covered: readonly number[];
  /** Mean over resamples of `sup_θ |R̂_N − R|` over the finite class; and the largest one. */
  readonly means: readonly number[];
  /** Mean over resamples of the supremum over as many sampled controls that are Lipschitz in depth. */
  readonly lipschitzMeans: readonly number[];
  /** The largest deviation seen at controls optimised for it, in one resample for each N. */
  readonly optimised: readonly number[];
  readonly finiteBounds: readonly number[];
  readonly ballBounds: readonly number[];
  readonly lipschitzBounds: readonly number[];
  readonly range: number;
  /** `sup |∂ℓ/∂θ|` over sampled and optimised controls: in the supremum norm over depth, and in R^{PL}. */
  readonly lipschitzSup: number;
  readonly lipschitzEuclidean: number;
  /** `log 𝒩` at the best η, for each N. */
  readonly entropies: readonly number[];
}

/** Uniform deviations over classes of controls of one population's layers. All losses are without a penalty. */
export function measureUniform(
  { model, probabilities }: Population,
  given: UniformOptions,
): UniformRecord {
  const { radius, sampleSizes, failure, seed, index } = given;
  const { problem, batch, parameters } = model;
  const { backend } = problem;
  const { layers } = problem.layout;
  const { layout } = problem;
  const P = layout.parametersPerLayer;
  const nodes = partOf(layout, parameters, 'controls');
  const random = randomStream(seed, 'controls of a ball', index);
  const gradient = backend.allocate(layout.length);
  let range = 0;
  let lipschitzSup = 0;
  let lipschitzEuclidean = 0;
  interface Member {
    readonly losses: Float64Array;
    readonly nodes: Float64Array;
    readonly risk: number;
  }
  /** The present controls as a member of a class. */
  function member(): Member {
    range = Math.max(range, lossRange(model));
    const losses = atomLosses(problem, parameters, batch);
    const risk = expectation(probabilities, losses);
    return { losses, nodes: Float64Array.from(nodes), risk };
  }

  /** Notes the range and the slopes of single atoms' losses at the present controls. */
  function note(): void {
    range = Math.max(range, lossRange(model));
    for (let atom = 0; atom < batch.samples; atom++) {
      const slope = gradientNorms(model, gradient, atom);
      lipschitzSup = Math.max(lipschitzSup, slope.sup);
      lipschitzEuclidean = Math.max(lipschitzEuclidean, slope.euclidean);
    }
  }

  const members = Array.from({ length: given.controls }, (_, index) => {
    for (let k = 0; k < layers; k++) {
      const layer = nodes.subarray(k * P, (k + 1) * P);
      for (let i = 0; i < P; i++) layer[i] = random.normal();
      scaleTo(layer, radius * random.uniform() ** (1 / P));
    }
    if (index < 8) note();
    return member();
  });
  // θ_t = a + (t/T − ½) b with |a| ≤ r/2 and |b| ≤ r: in the ball, and Lipschitz with the constant r/T.
  const inDepth = Array.from({ length: given.controls }, (_, index) => {
    const [a, b] = [0.5 * radius, radius].map((size) => {
      const vector = Float64Array.from({ length: P }, () => random.normal());
      scaleTo(vector, size * random.uniform() ** (1 / P));
      return vector;
    });
    for (let i = 0; i < nodes.length; i++) {
      nodes[i] = a[i % P] + ((Math.floor(i / P) + 0.5) / layers - 0.5) * b[i % P];
    }
    if (index < 8) note();
    return member();
  });
  const results = sampleSizes.map((N) => {
    const draws = randomStream(seed, `uniform resamples of ${N}`, index);
    const sups: number[] = [];
    let lipschitzMean = 0;
    let optimised = 0;
    for (let r = 0; r < given.resamples; r++) {
      const frequencies = drawFrequencies(probabilities, N, draws);
      const gapsOf = (chosen: readonly Member[]) =>
        chosen.map(({ losses, risk }) => expectation(frequencies, losses) - risk);
      const gaps = gapsOf(members);
      lipschitzMean += Math.max(...gapsOf(inDepth).map(Math.abs)) / given.resamples;
      const sizes = gaps.map(Math.abs);
      const sup = Math.max(...sizes);
      sups.push(sup);
      if (r > 0) continue;
      const start = sizes.indexOf(sup);
      nodes.set(members[start].nodes);
      optimised = Math.max(sup, ascend(gaps[start] > 0 ? 1 : -1, frequencies));
      note();
    }
    return { sups, optimised, lipschitzMean };
  });

  /** Projected gradient steps that raise `±(R̂ − R)`; returns the largest deviation on the way. */
  function ascend(sign: number, frequencies: Float64Array): number {
    let best = 0;
    let step = 0.3 * radius;
    const here = Float64Array.from(nodes);
    const scratch = backend.allocate(layout.length);
    for (let ascent = 0; ascent <= given.ascents; ascent++) {
      const losses = atomLosses(problem, parameters, batch);
      const value = sign * (expectation(frequencies, losses) - expectation(probabilities, losses));
      if (value > best) {
        best = value;
        here.set(nodes);
      } else {
        step /= 2;
        nodes.set(here);
      }
      // Weights must be ≥ 0: the two laws' gradients are taken one after the other.
      const total = new Float64Array(nodes.length);
      for (const [weights, factor] of [
        [frequencies, sign],
        [probabilities, -sign],
      ] as const) {
        // A sequence has one label, or one at each position.
        const columns = batch.labels.length / batch.samples;
        const ofLabels = Array.from(batch.labels, (_, i) => weights[Math.floor(i / columns)]);
        problem.gradient(parameters, { ...batch, weights: ofLabels }, scratch);
        partOf(layout, scratch, 'controls').forEach((g, i) => {
          total[i] += factor * g;
        });
      }
      const size = Math.sqrt(total.reduce((sum, g) => sum + g * g, 0));
      if (size === 0) break;
      for (let i = 0; i < nodes.length; i++) nodes[i] += (step * total[i]) / size;
      for (let k = 0; k < layers; k++) {
        const layer = nodes.subarray(k * P, (k + 1) * P);
        const length = lengthOf(layer);
        if (length > radius) scaleTo(layer, radius);
      }
    }
    return best;
  }

  const finiteBounds = sampleSizes.map((samples) =>
    finiteClassBound({ range, functions: given.controls, failure, samples }),
  );
  const common = { range, failure, largest: radius };
  const ball = sampleSizes.map((samples) =>
    entropyBound({
      ...common,
      samples,
      lipschitz: lipschitzSup,
      // A product of L balls in the supremum norm over depth.
      logCovering: logCoveringOfBall(P * layers, radius),
    }),
  );
  const T = horizonOf(problem.grid);
  const lipschitzBounds = sampleSizes.map(
    (samples) =>
      entropyBound({
        ...common,
        samples,
        lipschitz: lipschitzSup,
        logCovering: logCoveringOfLipschitz({
          parameters: P,
          radius,
          lipschitz: radius / T,
          horizon: T,
        }),
      }).value,
  );
  return {
    covered: results.map(({ sups }, i) => sups.filter((sup) => sup <= finiteBounds[i]).length),
    means: results.map(({ sups }) => sups.reduce((a, b) => a + b, 0) / sups.length),
    lipschitzMeans: results.map((result) => result.lipschitzMean),
    optimised: results.map((result) => result.optimised),
    finiteBounds,
    ballBounds: ball.map((bound) => bound.value),
    lipschitzBounds,
    range,
    lipschitzSup,
    lipschitzEuclidean,
    entropies: ball.map((bound) => bound.logCovering),
  };
}

/** Norms of one atom's ∂ℓ/∂θ: dual to the supremum over layers, `Σ_k |∂_k|`, and Euclidean. */
function gradientNorms(
  { problem, parameters, batch }: ControlModel,
  gradient: FloatArray,
  atom: number,
): { readonly sup: number; readonly euclidean: number } {
  const { layout, tokens, field } = problem;
  const each = tokens * field.dimension;
  const states = Array.from({ length: each }, (_, i) => batch.states?.[atom * each + i] ?? 0);
  const columns = problem.columns;
  const labels = Array.from({ length: columns }, (_, i) => batch.labels[atom * columns + i]);
  problem.gradient(parameters, { samples: 1, states, labels }, gradient);
  const derivative = partOf(layout, gradient, 'controls');
  const P = layout.parametersPerLayer;
  let sup = 0;
  let square = 0;
  for (let k = 0; k < layout.layers; k++) {
    let layer = 0;
    for (let i = k * P; i < (k + 1) * P; i++) {
      layer += derivative[i] ** 2;
    }
    sup += Math.sqrt(layer);
    square += layer;
  }
  return { sup, euclidean: Math.sqrt(square) };
}

/** Classes on which the bounds are nearly sharp. */
export interface SharpClasses {
  readonly range: number;
  /** Resamples within the bound of a finite class whose losses are independent of each other, for each N. */
  readonly covered: readonly number[];
  /** Exact probabilities that the centre of a small class deviates by more than the class's entropy bound. */
  readonly misses: readonly {
    readonly samples: number;
    readonly failure: number;
    readonly ball: number;
    readonly lipschitz: number;
  }[];
}

/** The inequalities that are tried on these classes. */
interface ClassBounds {
  readonly finiteClassBound: typeof finiteClassBound;
  readonly entropyBound: typeof entropyBound;
}

/** Coordinates of the hypercube whose signs the finite class reads, one each. */
const coordinates = 8;

/** Radius of the small class: so small that its losses are those of its centre. */
const smallRadius = 1e-4;

/**
 * The bound of a finite class where its union bound is nearly sharp: `V_j = 100 e_1 e_jᵀ` on the corners of a cube reads one sign
 * each. And entropy bounds where they are: three parameters in a small ball, on a population of two points.
 *
 * @param bounds - default those of `risk-bounds.ts`
 */
export function measureSharpClasses(
  backend: ControlModel['problem']['backend'],
  options: Pick<UniformOptions, 'sampleSizes' | 'resamples' | 'failure' | 'seed'>,
  bounds: ClassBounds = { finiteClassBound, entropyBound },
): SharpClasses {
  const { sampleSizes, resamples, failure, seed } = options;
  const corners = Array.from({ length: 2 ** coordinates }, (_, corner) =>
    Array.from({ length: coordinates }, (_, j) => ((corner >> j) & 1 ? 1 : -1)),
  );
  const members = Array.from({ length: coordinates }, (_, j) => {
    const V = corners[0].map((_, row) =>
      corners[0].map((_, k) => (row === 0 && k === j ? 100 : 0)),
    );
    const labels = corners.map(() => 0);
    const model = tokenPopulation(backend, { inputs: corners, labels, V, layers: 1 });
    const losses = atomLosses(model.problem, model.parameters, model.batch);
    return { losses, range: lossRange(model) };
  });
  const probabilities = new Float64Array(corners.length).fill(1 / corners.length);
  const risks = members.map(({ losses }) => expectation(probabilities, losses));
  const range = Math.max(...members.map((member) => member.range));
  const covered = sampleSizes.map((samples) => {
    const random = randomStream(seed, `hypercube resamples of ${samples}`);
    const most = bounds.finiteClassBound({ range, functions: coordinates, failure, samples });
    return Array.from({ length: resamples }, () => {
      const frequencies = drawFrequencies(probabilities, samples, random);
      return members.every(
        ({ losses }, j) => Math.abs(expectation(frequencies, losses) - risks[j]) <= most,
      );
    }).filter(Boolean).length;
  });
  return { range, covered, misses: smallClassMisses(backend, sampleSizes, bounds.entropyBound) };
}

function smallClassMisses(
  backend: ControlModel['problem']['backend'],
  sampleSizes: readonly number[],
  bound: typeof entropyBound,
): SharpClasses['misses'] {
  const model = tokenPopulation(backend, {
    inputs: [[1], [1]],
    labels: [0, 1],
    V: [[0]],
    layers: 1,
  });
  const { problem, parameters, batch } = model;
  const gradient = backend.allocate(problem.layout.length);
  const losses = atomLosses(problem, parameters, batch);
  const lipschitz = Math.max(...[0, 1].map((atom) => gradientNorms(model, gradient, atom).sup));
  const parameterCount = problem.layout.parametersPerLayer;
  const coverings = {
    ball: logCoveringOfBall(parameterCount, smallRadius),
    lipschitz: logCoveringOfLipschitz({
      parameters: parameterCount,
      radius: smallRadius,
      lipschitz: smallRadius / 2,
      horizon: horizonOf(problem.grid),
    }),
  };
  return sampleSizes.flatMap((samples) =>
    exactFailures.map((failure) => {
      const missOf = (logCovering: (radius: number) => number) =>
        missProbability({
          values: [losses[0], losses[1]],
          samples,
          target: (losses[0] + losses[1]) / 2,
          distance: bound({
            range: lossRange(model),
            lipschitz,
            logCovering,
            failure,
            samples,
            largest: smallRadius,
          }).value,
        });
      return {
        samples,
        failure,
        ball: missOf(coverings.ball),
        lipschitz: missOf(coverings.lipschitz),
      };
    }),
  );
}

function lengthOf(vector: FloatArray): number {
  let square = 0;
  for (let i = 0; i < vector.length; i++) square += vector[i] ** 2;
  return Math.sqrt(square);
}

function scaleTo(vector: FloatArray, size: number): void {
  const factor = size / lengthOf(vector);
  for (let i = 0; i < vector.length; i++) vector[i] *= factor;
}
