import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { createAcceleration } from './anderson.ts';
import { allocatePotential, type Cloud, createSoftMinimum, placeCloud } from './soft-minimum.ts';

export interface EntropicSettings {
  readonly epsilon: number;
  /** Squared diameter of both clouds together: the first ε of the annealing. */
  readonly squaredDiameter: number;
  readonly tolerance: number;
  readonly maximalIterations: number;
}

/** What is known of OT_ε when the iteration stops. */
export interface EntropicSolution {
  /** OT_ε is at most this. */
  readonly primal: number;
  /** OT_ε is at least this. */
  readonly dual: number;
  readonly marginalError: number;
  /** Iterations at the final ε, on all points. */
  readonly iterations: number;
}

/** Weighted points, row-major n × d. All weights are > 0. */
export interface WeightedPoints {
  readonly points: Float64Array;
  readonly weights: Float64Array;
  readonly dimension: number;
}

/** Clouds beyond this size start from the potentials of a random part of this size. */
const coarseSize = 2000;

/**
 * OT_ε(μ, ν) with cost ½|x−y|² by updates `g ← T_μ f`, `f ← T_ν g` of the potentials, T the soft minimum, with
 * Anderson acceleration of f.
 */
export function solveEntropicTransport(
  backend: Backend,
  mu: WeightedPoints,
  nu: WeightedPoints,
  settings: EntropicSettings,
): EntropicSolution {
  return solvePair(backend, mu, nu, settings).solution;
}

function solvePair(
  backend: Backend,
  mu: WeightedPoints,
  nu: WeightedPoints,
  settings: EntropicSettings,
): { readonly y: Cloud; readonly g: FloatArray; readonly solution: EntropicSolution } {
  const x = placeCloud(backend, mu);
  const y = placeCloud(backend, nu);
  const atX = createSoftMinimum(backend, x, y);
  const atY = createSoftMinimum(backend, y, x);
  const [f, imageF] = [allocatePotential(backend, x), allocatePotential(backend, x)];
  const [g, previousG] = [allocatePotential(backend, y), allocatePotential(backend, y)];
  /** Computes `g = T_μ f` and `imageF = T_ν g`. */
  const update = (epsilon: number) => {
    previousG.set(g);
    atY(f, previousG, g, epsilon);
    atX(g, f, imageF, epsilon);
  };
  if (Math.max(x.size, y.size) > coarseSize) {
    const part = solvePair(backend, randomPart(mu), randomPart(nu), settings);
    createSoftMinimum(backend, x, part.y)(part.g, imageF, f, settings.epsilon);
  } else {
    for (const epsilon of annealing(settings)) {
      update(epsilon);
      f.set(imageF);
    }
  }
  const accelerate = createAcceleration(x.weights);
  for (let iterations = 1; ; iterations++) {
    update(settings.epsilon);
    const found = bounds(x, y, f, g, imageF, settings);
    if (found.marginalError <= settings.tolerance || iterations >= settings.maximalIterations) {
      return { y, g, solution: { ...found, iterations } };
    }
    accelerate(f, imageF, found.marginalError);
  }
}

/**
 * OT_ε(μ, μ), whose two potentials are equal, by averaged updates `f ← ½(f + T_μf)`: their error halves every time,
 * because the linearised T_μ has spectrum in [−1, 0].
 */
export function solveSelfTransport(
  backend: Backend,
  mu: WeightedPoints,
  settings: EntropicSettings,
): EntropicSolution {
  const { solution } = solveSelf(backend, mu, settings);
  return solution;
}

function solveSelf(backend: Backend, mu: WeightedPoints, settings: EntropicSettings) {
  const x = placeCloud(backend, mu);
  const map = createSoftMinimum(backend, x, x);
  const [f, image] = [allocatePotential(backend, x), allocatePotential(backend, x)];
  const iterate = (epsilon: number) => {
    map(f, f, image, epsilon);
    const error = marginalError(x, f, image, epsilon);
    for (let i = 0; i < x.size; i++) f[i] = 0.5 * (f[i] + image[i]);
    return error;
  };
  if (x.size > coarseSize) {
    const part = solveSelf(backend, randomPart(mu), settings);
    createSoftMinimum(backend, x, part.x)(part.f, image, f, settings.epsilon);
  } else {
    for (const epsilon of annealing(settings)) iterate(epsilon);
  }
  const { epsilon, tolerance, maximalIterations } = settings;
  for (let iterations = 1; ; iterations++) {
    if (iterate(epsilon) <= 0.5 * tolerance || iterations >= maximalIterations) {
      const g = allocatePotential(backend, x);
      map(f, f, g, epsilon);
      map(g, f, image, epsilon);
      const solution = { ...bounds(x, x, f, g, image, settings), iterations };
      return { x, f, solution };
    }
  }
}

/**
 * Bounds of OT_ε(a, b) from potentials f and `g = T_μ f`, with `exactF = T_ν g`. The plan `e^{(f+g−c)/ε}` has the right
 * columns, and rows `r_i = a_i e^{(f_i − exactF_i)/ε}` for which it is optimal: its cost is `Σ r f + Σ b g`. The dual
 * value is `Σ a f + Σ b g`. As OT_ε is convex in a, with the optimal potential for its gradient, whose oscillation is
 * at most that of the cost, ½diameter²: `OT_ε(a, b) ≤ OT_ε(r, b) + ½|a − r|₁ · ½diameter²`.
 */
function bounds(
  x: Cloud,
  y: Cloud,
  f: FloatArray,
  g: FloatArray,
  exactF: FloatArray,
  { epsilon, squaredDiameter }: EntropicSettings,
) {
  let dual = 0;
  let excess = 0;
  for (let i = 0; i < x.size; i++) {
    dual += x.weights[i] * f[i];
    excess += x.weights[i] * Math.expm1((f[i] - exactF[i]) / epsilon) * f[i];
  }
  for (let j = 0; j < y.size; j++) dual += y.weights[j] * g[j];
  const error = marginalError(x, f, exactF, epsilon);
  return { dual, primal: dual + excess + 0.25 * error * squaredDiameter, marginalError: error };
}

/** `Σ |r_i − a_i|` for the rows `r_i = a_i e^{(f_i − exact_i)/ε}` of the plan. */
function marginalError(
  { size, weights }: Cloud,
  f: FloatArray,
  exact: FloatArray,
  epsilon: number,
): number {
  let error = 0;
  for (let i = 0; i < size; i++) {
    error += Math.abs(weights[i] * Math.expm1((f[i] - exact[i]) / epsilon));
  }
  return error;
}

/** ε halved again and again, from the squared diameter down to, but without, its final value. */
function* annealing({ squaredDiameter, epsilon }: EntropicSettings): Generator<number> {
  for (let current = squaredDiameter; current > epsilon; current *= 0.5) yield current;
}

/** A random part of a cloud, with its weights brought back to sum 1; the cloud itself if it is small. */
function randomPart(law: WeightedPoints): WeightedPoints {
  const { points, weights, dimension: d } = law;
  const n = weights.length;
  if (n <= coarseSize) return law;
  const kept = randomStream(0, 'coarse cloud')
    .shuffle(Int32Array.from({ length: n }, (_, i) => i))
    .subarray(0, coarseSize);
  const part = new Float64Array(coarseSize * d);
  let mass = 0;
  kept.forEach((i, row) => {
    part.set(points.subarray(i * d, (i + 1) * d), row * d);
    mass += weights[i];
  });
  return {
    points: part,
    weights: Float64Array.from(kept, (i) => weights[i] / mass),
    dimension: d,
  };
}
