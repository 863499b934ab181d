import { type ParticleLaw, particles } from '../law/law.ts';
import { refuse, requireFinite, shapeMismatch } from '../numeric/checks.ts';
import { fromRows, toRows } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';

/** Sizes of one head θ = (Q, K, V): Q and K are k × d, V is C × d, values go straight to the logits. */
export interface HeadShape {
  /** d, the tokens' dimension. */
  readonly dimension: number;
  /** k. */
  readonly keyDimension: number;
  /** C. */
  readonly classes: number;
}

/** P = 2kd + Cd: a head as a vector is Q, then K, then V, each row-major. */
export function headLength({ dimension, keyDimension, classes }: HeadShape): number {
  return (2 * keyDimension + classes) * dimension;
}

/** One head in matrices, as a person writes it. */
export interface Head {
  readonly Q: readonly (readonly number[])[];
  readonly K: readonly (readonly number[])[];
  readonly V: readonly (readonly number[])[];
}

/** A law of heads `ρ = Σ_i w_i δ_{θ_i}`. */
export interface HeadLaw {
  readonly shape: HeadShape;
  /** N. */
  readonly count: number;
  /** N × P: head i in row i. */
  readonly parameters: Float64Array;
  /** N numbers ≥ 0 with sum 1. */
  readonly weights: Float64Array;
}

/**
 * A law of heads from the heads' vectors.
 *
 * @param parameters - N × P, row-major
 * @param weights - N numbers ≥ 0 with sum 1; default 1/N each
 * @throws MesoscopeError `shape-mismatch`; `not-finite`; `invalid-value` if the weights are negative or do not sum to 1
 */
export function headLaw(
  shape: HeadShape,
  parameters: Float64Array,
  weights?: ArrayLike<number>,
): HeadLaw {
  const length = headLength(shape);
  const count = parameters.length / length;
  if (!Number.isInteger(count) || count === 0) {
    throw shapeMismatch('heads', [parameters.length], [`a positive multiple of ${length}`]);
  }
  requireFinite('heads', parameters);
  return {
    shape,
    count,
    parameters,
    weights:
      weights === undefined
        ? new Float64Array(count).fill(1 / count)
        : probabilityWeights(weights, count),
  };
}

/**
 * A law of heads from matrices.
 *
 * @param weights - default 1/N each
 * @throws MesoscopeError as {@link headLaw}; `shape-mismatch` names the head and the matrix
 */
export function headLawOf(heads: readonly Head[], weights?: ArrayLike<number>): HeadLaw {
  if (heads.length === 0) throw shapeMismatch('heads', [0], ['at least 1 head']);
  const shape = {
    dimension: heads[0].Q[0]?.length ?? 0,
    keyDimension: heads[0].Q.length,
    classes: heads[0].V.length,
  };
  const { dimension: d, keyDimension: k, classes } = shape;
  const length = headLength(shape);
  const parameters = new Float64Array(heads.length * length);
  heads.forEach((head, i) => {
    let offset = i * length;
    for (const [name, rows] of [['Q', k] as const, ['K', k] as const, ['V', classes] as const]) {
      const path = `heads[${i}].${name}`;
      const matrix = fromRows(head[name], path);
      if (matrix.rows !== rows || matrix.columns !== d) {
        throw shapeMismatch(path, [matrix.rows, matrix.columns], [rows, d]);
      }
      parameters.set(matrix.data, offset);
      offset += matrix.data.length;
    }
  });
  return headLaw(shape, parameters, weights);
}

/** Head i of a law, in matrices. */
export function headOf(law: Pick<HeadLaw, 'shape' | 'parameters'>, i: number): Head {
  const { dimension: d, keyDimension: k, classes } = law.shape;
  const start = i * headLength(law.shape);
  const matrix = (rows: number, offset: number) =>
    toRows({
      rows,
      columns: d,
      data: law.parameters.subarray(start + offset, start + offset + rows * d),
    });
  return { Q: matrix(k, 0), K: matrix(k, k * d), V: matrix(classes, 2 * k * d) };
}

/** Deviations of the entries at a random start. */
export interface RandomHeadOptions {
  /** Of Q and K; default `1/√d`. */
  readonly score?: number;
  /** Of V; default `1/√d`. */
  readonly value?: number;
}

/** N independent heads with normal entries, equal weights. */
export function randomHeads(
  shape: HeadShape,
  count: number,
  random: RandomStream,
  options: RandomHeadOptions = {},
): HeadLaw {
  const { dimension: d, keyDimension: k } = shape;
  const { score = 1 / Math.sqrt(d), value = 1 / Math.sqrt(d) } = options;
  const length = headLength(shape);
  const parameters = random.normals(new Float64Array(count * length));
  for (let i = 0; i < parameters.length; i++) {
    parameters[i] *= i % length < 2 * k * d ? score : value;
  }
  return headLaw(shape, parameters);
}

/** The law of heads as particles in R^P: distances and optimal matchings of the law layer apply. */
export function headParticles({ shape, count, parameters, weights }: HeadLaw): ParticleLaw {
  return particles({ rows: count, columns: headLength(shape), data: parameters }, weights, 'heads');
}

/** `(1 − t) ρ + t ρ'`, heads of ρ first. */
export function mixHeadLaws(first: HeadLaw, second: HeadLaw, t: number): HeadLaw {
  const parameters = new Float64Array(first.parameters.length + second.parameters.length);
  parameters.set(first.parameters);
  parameters.set(second.parameters, first.parameters.length);
  const weights = Float64Array.of(
    ...first.weights.map((w) => (1 - t) * w),
    ...second.weights.map((w) => t * w),
  );
  return headLaw(first.shape, parameters, weights);
}

/** `Σ_i w_i |θ_i|²`. */
export function secondMoment({ count, parameters, weights }: HeadLaw): number {
  const length = parameters.length / count;
  let sum = 0;
  for (let i = 0; i < parameters.length; i++) {
    sum += weights[Math.floor(i / length)] * parameters[i] * parameters[i];
  }
  return sum;
}

function probabilityWeights(weights: ArrayLike<number>, count: number): Float64Array {
  if (weights.length !== count) throw shapeMismatch('weights', [weights.length], [count]);
  requireFinite('weights', weights);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    if (weights[i] < 0) {
      refuse(`weights[${i}]`, weights[i], 'a weight ≥ 0');
    }
    sum += weights[i];
  }
  if (Math.abs(sum - 1) > 1e-9) {
    refuse(
      'weights',
      sum,
      'weights that sum to 1 (received: their sum)',
      'Divide each weight by the sum.',
    );
  }
  return Float64Array.from(weights, (weight) => weight / sum);
}
