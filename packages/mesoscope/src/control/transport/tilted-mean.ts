/** Weighted points of R^d: M × d and M weights with sum 1; a point of weight 0 is moved by the others and seen by none. */
export interface PointCloud {
  readonly points: Float64Array;
  readonly weights: Float64Array;
}

/** Keys from which on means in the plane are interpolated, and the points, in units of the finest interpolation's nodes. */
const manyKeys = 1024;
const pointsPerNode = 2;

/** Nodes an axis of interpolations, each of which contains those of the one before. */
const nodeCounts = [9, 17, 33, 65];

/** How far two interpolations may differ at the finer one's nodes, in units of the largest key: far below a grid's errors. */
const agreement = 1e-7;

/**
 * Writes `ȳ(Bx) = ∫ y e^{⟨Bx,y⟩} dμ / ∫ e^{⟨Bx,·⟩} dμ` for all points x (M × d), d = 1 or 2. In the plane, where many points see
 * many keys, the mean is a polynomial in x: interpolated between Chebyshev's points, by as many as it takes for two
 * interpolations to agree (Trefethen, Approximation Theory and Approximation Practice, ch. 5 and 8), or else made at every point.
 *
 * @param B - d × d, row-major
 */
export function tiltedMeans(
  B: ArrayLike<number>,
  points: Float64Array,
  { points: keys, weights }: PointCloud,
  out: Float64Array,
): void {
  const d = B.length === 1 ? 1 : 2;
  const many = weights.length >= manyKeys && d === 2;
  const factors = many ? factorsOf(keys) : undefined;
  const write = (at: Float64Array, into: Float64Array) => {
    const xi = new Float64Array(d);
    const mean = new Float64Array(d);
    for (let i = 0; i < at.length; i += d) {
      for (let a = 0; a < d; a++) {
        xi[a] = 0;
        for (let b = 0; b < d; b++) xi[a] += B[a * d + b] * at[i + b];
      }
      if (factors === undefined || !tiltFactored(factors, weights, xi, mean)) {
        tilt(keys, weights, xi, mean);
      }
      for (let a = 0; a < d; a++) into[i + a] = mean[a];
    }
  };
  const sheet = many ? sheetFor(points, write, keys) : undefined;
  if (sheet === undefined) write(points, out);
  else interpolate(sheet, points, out);
}

/** Writes the mean of a cloud tilted by `e^{⟨ξ,·⟩}`, with shifted exponents. */
function tilt(
  keys: Float64Array,
  weights: Float64Array,
  xi: Float64Array,
  mean: Float64Array,
): void {
  const d = xi.length;
  const score = (j: number) =>
    d === 1 ? xi[0] * keys[j] : xi[0] * keys[j * d] + xi[1] * keys[j * d + 1];
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < weights.length; j++) {
    largest = Math.max(largest, score(j));
  }
  mean.fill(0);
  let total = 0;
  for (let j = 0; j < weights.length; j++) {
    const weight = weights[j] * Math.exp(score(j) - largest);
    total += weight;
    for (let a = 0; a < d; a++) mean[a] += weight * keys[j * d + a];
  }
  for (let a = 0; a < d; a++) mean[a] /= total;
}

/** Keys of the plane by their coordinates, of which a grid has few. */
interface Factors {
  /** The different coordinates of each axis. */
  readonly coordinates: readonly [Float64Array, Float64Array];
  /** Which of them each key has. */
  readonly indices: readonly [Int32Array, Int32Array];
}

/** Undefined where keys share too few coordinates to gain from it. */
function factorsOf(keys: Float64Array): Factors | undefined {
  const [first, second] = [0, 1].map((axis) => {
    const places = new Map<number, number>();
    const indices = Int32Array.from({ length: keys.length / 2 }, (_, j) => {
      const x = keys[2 * j + axis];
      const place = places.get(x) ?? places.size;
      places.set(x, place);
      return place;
    });
    return { coordinates: Float64Array.from(places.keys()), indices };
  });
  const count = first.coordinates.length + second.coordinates.length;
  return 4 * count > keys.length / 2
    ? undefined
    : {
        coordinates: [first.coordinates, second.coordinates],
        indices: [first.indices, second.indices],
      };
}

/** {@link tilt} with `e^{⟨ξ,y⟩} = e^{ξ_1y_1} e^{ξ_2y_2}`; false where the product is too small to be told from 0. */
function tiltFactored(
  { coordinates, indices }: Factors,
  weights: Float64Array,
  xi: Float64Array,
  mean: Float64Array,
): boolean {
  const [E, F] = coordinates.map((values, axis) => {
    const largest = values.reduce((most, y) => Math.max(most, xi[axis] * y), -Infinity);
    return values.map((y) => Math.exp(xi[axis] * y - largest));
  });
  const [[u, v], [first, second]] = [coordinates, indices];
  let total = 0;
  let [x, y] = [0, 0];
  for (let j = 0; j < weights.length; j++) {
    const weight = weights[j] * E[first[j]] * F[second[j]];
    total += weight;
    x += weight * u[first[j]];
    y += weight * v[second[j]];
  }
  mean[0] = x / total;
  mean[1] = y / total;
  return total > 1e-200;
}

/** Values in R² of a function on a product of Chebyshev's points. */
interface Sheet {
  /** Of each axis, m of them. */
  readonly nodes: readonly [Float64Array, Float64Array];
  /** m × m × 2. */
  readonly values: Float64Array;
}

/** An interpolation that agrees with the next coarser one, or nothing where none does or points are too few for it. */
function sheetFor(
  points: Float64Array,
  write: (points: Float64Array, out: Float64Array) => void,
  keys: Float64Array,
): Sheet | undefined {
  const box = [0, 1].map((axis) => {
    let [low, high] = [Infinity, -Infinity];
    for (let i = axis; i < points.length; i += 2) {
      low = Math.min(low, points[i]);
      high = Math.max(high, points[i]);
    }
    return { low, high };
  });
  const size = keys.reduce((most, y) => Math.max(most, Math.abs(y)), 0);
  let coarse: Sheet | undefined;
  for (const count of nodeCounts) {
    if (pointsPerNode * count * count > points.length / 2) return undefined;
    const [us, vs] = box.map(({ low, high }) => chebyshevNodes(low, high, count));
    const lattice = Float64Array.from(
      Array.from(us).flatMap((u) => Array.from(vs).flatMap((v) => [u, v])),
    );
    const values = new Float64Array(lattice.length);
    write(lattice, values);
    const fine: Sheet = { nodes: [us, vs], values };
    if (coarse !== undefined) {
      const guess = new Float64Array(lattice.length);
      interpolate(coarse, lattice, guess);
      if (values.every((value, i) => Math.abs(value - guess[i]) <= agreement * size)) return fine;
    }
    coarse = fine;
  }
  return undefined;
}

function chebyshevNodes(low: number, high: number, count: number): Float64Array {
  return Float64Array.from(
    { length: count },
    (_, j) => (low + high) / 2 + ((high - low) / 2) * Math.cos((Math.PI * j) / (count - 1)),
  );
}

/** Evaluates a sheet at points of its box, fastest where neighbours in the list share their first coordinate. */
function interpolate(
  { nodes: [us, vs], values }: Sheet,
  points: Float64Array,
  out: Float64Array,
): void {
  const m = us.length;
  const [alongU, alongV] = [new Float64Array(m), new Float64Array(m)];
  const line = new Float64Array(2 * m);
  let present = Number.NaN;
  for (let i = 0; i < points.length; i += 2) {
    if (points[i] !== present) {
      present = points[i];
      barycentric(us, present, alongU);
      line.fill(0);
      for (let j = 0; j < m; j++) {
        for (let k = 0; k < 2 * m; k++) line[k] += alongU[j] * values[2 * m * j + k];
      }
    }
    barycentric(vs, points[i + 1], alongV);
    let [x, y] = [0, 0];
    for (let k = 0; k < m; k++) {
      x += alongV[k] * line[2 * k];
      y += alongV[k] * line[2 * k + 1];
    }
    out[i] = x;
    out[i + 1] = y;
  }
}

/** Writes the coefficients of the values at Chebyshev's points in the interpolant at x. */
function barycentric(nodes: Float64Array, x: number, into: Float64Array): void {
  const last = nodes.length - 1;
  let total = 0;
  for (let j = 0; j <= last; j++) {
    if (x === nodes[j]) {
      into.fill(0);
      into[j] = 1;
      return;
    }
    into[j] = ((j % 2 === 0 ? 1 : -1) * (j === 0 || j === last ? 0.5 : 1)) / (x - nodes[j]);
    total += into[j];
  }
  for (let j = 0; j <= last; j++) into[j] /= total;
}
