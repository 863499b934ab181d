type Grid = readonly [rows: number, columns: number];

/**
 * Positions of a grid of patches for a grid of another size: bicubic interpolation with a = −3/4 along each axis, centres of patches
 * to centres of patches, the border repeated; what PyTorch calls bicubic without aligned corners. R. Keys, "Cubic convolution
 * interpolation for digital image processing" (1981).
 *
 * @param positions - rows × columns × d
 */
export function resizePositions(
  positions: ArrayLike<number>,
  from: Grid,
  to: Grid,
  dimension: number,
): ArrayLike<number> {
  if (from[0] === to[0] && from[1] === to[1]) return positions;
  const vertical = cubicWeights(from[0], to[0]);
  const horizontal = cubicWeights(from[1], to[1]);
  const result = new Float64Array(to[0] * to[1] * dimension);
  vertical.forEach((rows, r) => {
    horizontal.forEach((columns, c) => {
      const start = (r * to[1] + c) * dimension;
      for (const [i, u] of rows) {
        for (const [j, v] of columns) {
          const source = (i * from[1] + j) * dimension;
          for (let a = 0; a < dimension; a++) result[start + a] += u * v * positions[source + a];
        }
      }
    });
  });
  return result;
}

/** For each place of the new axis four old ones with their weights. */
function cubicWeights(from: number, to: number): (readonly [number, number])[][] {
  return Array.from({ length: to }, (_, k) => {
    const centre = ((k + 0.5) * from) / to - 0.5;
    const left = Math.floor(centre);
    return [-1, 0, 1, 2].map((shift) => {
      const place = Math.min(from - 1, Math.max(0, left + shift));
      return [place, cubic(Math.abs(centre - left - shift))] as const;
    });
  });
}

function cubic(x: number): number {
  const a = -0.75;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}
