import { symmetricEigen } from '../numeric/decompositions.ts';
import { fromRows } from '../numeric/matrix.ts';
import { describeArray, type NumberType, type StoredArray, sizeOf } from './arrays.ts';

/** Relative error of rounding to the nearest number of a type, 2^{-p} at p bits of precision. */
const unitRoundoff: Partial<Record<NumberType, number>> = {
  float32: 2 ** -24,
  float16: 2 ** -11,
  bfloat16: 2 ** -8,
};

/** Arrays of a configuration, by path, and what was changed in them. */
export interface SettledArrays {
  readonly arrays: Readonly<Record<string, StoredArray>>;
  /** One sentence for each array that was changed. */
  readonly notes: readonly string[];
}

/**
 * Makes probabilities of weights, and covariances of matrices, that are such up to the rounding of the type in which
 * the file held them; all others stay as they are, to be judged by the law that is made of them.
 *
 * n weights that were divided by their sum, added pairwise, sum to 1 within (2 + ⌈log₂ n⌉) u (Higham, *Accuracy and
 * Stability of Numerical Algorithms*, 2nd ed., §4.2); they are divided by their sum in f64. Entries rounded once move a
 * symmetric matrix, and so its eigenvalues, by at most u |Σ|_F; twice d of it is allowed for a product that was
 * computed in the type, and negative eigenvalues of that size become 0.
 */
export function settleRounding(arrays: Readonly<Record<string, StoredArray>>): SettledArrays {
  const notes: string[] = [];
  const settled = { ...arrays };
  const replace = (name: string, data: Float64Array, what: string) => {
    const array = arrays[name];
    settled[name] = { ...(array as StoredArray & { type: NumberType }), data };
    notes.push(`${name} (${describeArray(array)}): ${what}, within the rounding of its type`);
  };
  for (const [name, array] of Object.entries(arrays)) {
    const roundoff = array.type === 'text' ? undefined : unitRoundoff[array.type];
    if (roundoff === undefined || array.type === 'text') continue;
    const field = /(?:^|[.\]])(weights|masses|covariance)$/.exec(name)?.[1];
    if (field === 'covariance') {
      const change = settledCovariance(array.shape, array.data, roundoff);
      if (change !== undefined) replace(name, change.data, change.what);
    } else if (field !== undefined) {
      const change = settledWeights(array.data, roundoff);
      if (change !== undefined) replace(name, change.data, change.what);
    }
  }
  for (const group of mixtures(arrays)) {
    const roundoff = Math.max(...group.map(({ type }) => unitRoundoff[type] ?? 0));
    const change = settledWeights(
      Float64Array.from(group, ({ weight }) => weight),
      roundoff,
    );
    group.forEach(({ name }, i) => {
      if (change !== undefined) replace(name, change.data.slice(i, i + 1), change.what);
    });
  }
  return { arrays: settled, notes };
}

interface Change {
  readonly data: Float64Array;
  readonly what: string;
}

/** Undefined: their sum is 1 to the rounding of f64, or no rounding explains what it is. */
function settledWeights(weights: Float64Array, roundoff: number): Change | undefined {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const excess = Math.abs(sum - 1);
  const terms = 2 + Math.ceil(Math.log2(Math.max(1, weights.length)));
  if (!(excess > weights.length * 2 ** -52 && excess <= terms * roundoff)) return undefined;
  const what = `the sum 1 ${sum > 1 ? '+' : '−'} ${excess.toPrecision(2)} was divided out`;
  return { data: weights.map((weight) => weight / sum), what };
}

/** Undefined: symmetric and positive semi-definite already, or not so by more than rounding. */
function settledCovariance(
  shape: readonly number[],
  entries: Float64Array,
  roundoff: number,
): Change | undefined {
  const [d, columns] = shape;
  if (shape.length !== 2 || d !== columns || d === 0 || !entries.every(Number.isFinite)) {
    return undefined;
  }
  const frobenius = Math.sqrt(entries.reduce((sum, x) => sum + x * x, 0));
  const allowed = 2 * d * roundoff * frobenius;
  const at = (i: number, j: number) => entries[i * d + j];
  const rows = Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) => (at(i, j) + at(j, i)) / 2),
  );
  const skew = entries.reduce(
    (most, x, i) => Math.max(most, Math.abs(x - at(i % d, Math.floor(i / d)))),
    0,
  );
  if (skew > allowed) return undefined;
  const { values, vectors } = symmetricEigen(fromRows(rows, 'covariance'), 'covariance');
  const least = values[0];
  if (least < -allowed || (least >= 0 && skew === 0)) return undefined;
  const data = entries.map((_, position) => {
    const [i, j] = [Math.floor(position / d), position % d];
    let sum = 0;
    for (let a = 0; a < d; a++) {
      sum += vectors.data[i * d + a] * Math.max(0, values[a]) * vectors.data[j * d + a];
    }
    return sum;
  });
  const found = least < 0 ? `its least eigenvalue ${least.toPrecision(2)}` : 'its asymmetry';
  return { data: least < 0 ? data : Float64Array.from(rows.flat()), what: `${found} was set to 0` };
}

/** The scalar weights `….mixture.k.weight` of each mixture. */
function mixtures(arrays: Readonly<Record<string, StoredArray>>) {
  const groups = new Map<string, { name: string; type: NumberType; weight: number }[]>();
  for (const [name, array] of Object.entries(arrays)) {
    const mixture = /^(.*mixture)[.[]\d+\]?\.weight$/.exec(name)?.[1];
    if (mixture === undefined || array.type === 'text' || sizeOf(array.shape) !== 1) continue;
    const group = groups.get(mixture) ?? [];
    groups.set(mixture, [...group, { name, type: array.type, weight: array.data[0] }]);
  }
  return groups.values();
}
