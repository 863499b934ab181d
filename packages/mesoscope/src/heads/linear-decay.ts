import { symmetricEigen } from '../numeric/decompositions.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** The flow near a law at which it rests, to first order: `u̇ = −Su` in the coordinates `u_i = √w_i (θ_i − θ*_i)`. */
export interface LinearDecay {
  /** Eigenvalues of S other than 0, increasing: a mode decays at this rate, its part of the risk at twice the rate. */
  readonly rates: Float64Array;
  /** Amplitudes a_j of a displacement of all heads, N × P. */
  amplitudes(displacement: Float64Array): Float64Array;
  /** What follows after a law whose displacement from the limit has the amplitudes a_j. */
  after(law: HeadLaw): DecayingRisk;
}

/** Functions of the time t after a law. */
export interface DecayingRisk {
  /** `R − R* = ½ Σ_j μ_j a_j² e^{−2μ_j t}`. */
  readonly excess: (time: number) => number;
  /** `(∫|∇Ψ|²dρ)^{1/2} = (Σ_j μ_j² a_j² e^{−2μ_j t})^{1/2}`. */
  readonly slope: (time: number) => number;
}

/**
 * The linearised flow at a law: `S = W^{-1/2} ∇²R W^{-1/2}` over all heads, of size NP, from central differences of ∇Ψ. Directions
 * in which the risk does not change (rotations of Q and K, permutations of what is spread out) have eigenvalue 0.
 */
export function linearDecay(problem: HeadProblem, limit: HeadLaw): LinearDecay {
  const { parameters, weights, shape, count } = limit;
  const size = parameters.length;
  const P = size / count;
  const roots = Float64Array.from(parameters, (_, j) => Math.sqrt(weights[Math.floor(j / P)]));
  const step = 1e-5;
  const at = (j: number, by: number) => {
    const moved = parameters.slice();
    moved[j] += by / roots[j];
    const gradient = new Float64Array(size);
    problem.firstVariation(problem.linearise(headLaw(shape, moved, weights)), moved, gradient);
    return gradient;
  };
  const operator = { rows: size, columns: size, data: new Float64Array(size * size) };
  for (let j = 0; j < size; j++) {
    const [above, below] = [at(j, step), at(j, -step)];
    for (let i = 0; i < size; i++) {
      const entry = (roots[i] * (above[i] - below[i])) / (2 * step);
      operator.data[i * size + j] += entry / 2;
      operator.data[j * size + i] += entry / 2;
    }
  }
  const { values, vectors } = symmetricEigen(operator);
  const floor = 1e-7 * Math.max(...values.map(Math.abs));
  const kept = [...values.keys()].filter((m) => Math.abs(values[m]) > floor);
  const amplitudes = (displacement: Float64Array) =>
    Float64Array.from(kept, (m) => {
      let along = 0;
      for (let j = 0; j < size; j++) {
        along += vectors.data[j * size + m] * roots[j] * displacement[j];
      }
      return along;
    });
  return {
    rates: Float64Array.from(kept, (m) => values[m]),
    amplitudes,
    after(law) {
      const squares = amplitudes(law.parameters.map((x, j) => x - parameters[j])).map((a) => a * a);
      const sum = (factor: (rate: number) => number) => (time: number) =>
        kept.reduce(
          (total, m, k) => total + factor(values[m]) * squares[k] * Math.exp(-2 * values[m] * time),
          0,
        );
      const slopeSquare = sum((rate) => rate * rate);
      return { excess: sum((rate) => rate / 2), slope: (time) => Math.sqrt(slopeSquare(time)) };
    },
  };
}

/** The time at which a decreasing positive function falls to a value; ∞ if it does not within 2⁶⁰. */
export function timeToFall(f: (time: number) => number, value: number): number {
  let high = 1;
  while (f(high) > value) {
    high *= 2;
    if (high > 2 ** 60) return Number.POSITIVE_INFINITY;
  }
  let low = 0;
  for (let i = 0; i < 100 && high - low > 1e-14 * high; i++) {
    const middle = (low + high) / 2;
    if (f(middle) > value) low = middle;
    else high = middle;
  }
  return high;
}
