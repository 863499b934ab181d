import { refuse } from '../../numeric/checks.ts';
import type { LabelledImages } from './images.ts';

/** Images as samples of a control problem whose inputs are vectors. */
export interface PatchedImages {
  readonly count: number;
  /** n: patches of an image. */
  readonly tokens: number;
  /** d. */
  readonly dimension: number;
  /** count × n × d, token after token. */
  readonly states: Float64Array;
  readonly labels: Int32Array;
}

export interface PatchOptions {
  /** Side of a patch in pixels; divides width and height. */
  readonly side: number;
  /** d: the lowest frequencies of the patch, then the place of the patch. */
  readonly dimension: number;
}

/**
 * Cuts images into square patches, one token each. A token is the lowest frequencies of its patch in the orthonormal
 * two-dimensional cosine basis (DCT-II; Ahmed, Natarajan & Rao, IEEE Trans. Comput. 1974), ordered by the sum of their
 * two degrees, followed by where the patch lies: the cosines of degree 1, 2, 3 of its row and of its column, of unit
 * mean square over the grid. Nothing of it is trained or fitted to data.
 *
 * @throws MesoscopeError `invalid-value` for a side that does not divide the image, or a d without room
 */
export function patchTokens(
  images: LabelledImages,
  chosen: Int32Array,
  { side, dimension }: PatchOptions,
): PatchedImages {
  const { width, height, pixels, labels } = images;
  if (!(side >= 1 && width % side === 0 && height % side === 0)) {
    refuse('side', side, `a divisor of the image's ${height} × ${width} pixels`);
  }
  const [rows, columns] = [height / side, width / side];
  const places = placeVectors(rows, columns);
  const coefficients = dimension - places[0].length;
  if (coefficients < 1 || coefficients > side * side) {
    const least = places[0].length + 1;
    refuse(
      'dimension',
      dimension,
      `from ${least} to ${least - 1 + side * side}: frequencies of a patch and its place`,
    );
  }
  const basis = patchBasis(side, coefficients);
  const tokens = rows * columns;
  const states = new Float64Array(chosen.length * tokens * dimension);
  chosen.forEach((image, s) => {
    for (let token = 0; token < tokens; token++) {
      const corner =
        image * width * height +
        Math.floor(token / columns) * side * width +
        (token % columns) * side;
      const at = (s * tokens + token) * dimension;
      basis.forEach((wave, c) => {
        let sum = 0;
        for (let i = 0; i < side * side; i++) {
          sum += wave[i] * pixels[corner + Math.floor(i / side) * width + (i % side)];
        }
        states[at + c] = sum;
      });
      states.set(places[token], at + coefficients);
    }
  });
  return {
    count: chosen.length,
    tokens,
    dimension,
    states,
    labels: chosen.map((image) => labels[image]),
  };
}

/** Some of the images, by number. */
export function pickImages(from: PatchedImages, indices: ArrayLike<number>): PatchedImages {
  const size = from.tokens * from.dimension;
  const states = new Float64Array(indices.length * size);
  for (let s = 0; s < indices.length; s++) {
    states.set(from.states.subarray(indices[s] * size, (indices[s] + 1) * size), s * size);
  }
  const labels = Int32Array.from(indices, (i) => from.labels[i]);
  return { ...from, count: indices.length, states, labels };
}

/** The first `count` products of cosines on a side × side square, orthonormal, each row-major. */
function patchBasis(side: number, count: number): Float64Array[] {
  const degrees = Array.from({ length: side * side }, (_, i) => [Math.floor(i / side), i % side]);
  degrees.sort(([a, b], [c, d]) => a + b - c - d || a - c);
  return degrees
    .slice(0, count)
    .map(([row, column]) =>
      Float64Array.from(
        { length: side * side },
        (_, i) => cosine(side, row, Math.floor(i / side)) * cosine(side, column, i % side),
      ),
    );
}

/** Cosines of degree 1 … 3 of row and column, times √(length): unit mean square. */
function placeVectors(rows: number, columns: number): number[][] {
  const waves = (length: number, i: number) =>
    Array.from(
      { length: Math.min(3, length - 1) },
      (_, degree) => Math.sqrt(length) * cosine(length, degree + 1, i),
    );
  return Array.from({ length: rows * columns }, (_, token) => [
    ...waves(rows, Math.floor(token / columns)),
    ...waves(columns, token % columns),
  ]);
}

/** Entry `i` of the orthonormal cosine of a degree on `length` points. */
function cosine(length: number, degree: number, i: number): number {
  const norm = Math.sqrt((degree === 0 ? 1 : 2) / length);
  return norm * Math.cos((Math.PI * degree * (i + 0.5)) / length);
}
