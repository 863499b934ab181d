import type { Matrix } from '../../numeric/matrix.ts';
import { median } from './cloud.ts';

/** How far a layer moves the tokens. */
export interface StepStatistics {
  /** Median over tokens of `|y_i − x_i|/|x_i|`. */
  readonly relative: number;
  /** Median over tokens of the angle between x_i and y_i, in degrees. */
  readonly angle: number;
  /** `|y − x|/|x|` of the whole cloud: of a layer that normalises after its sum, what remains of it where its parts are 0 or not. */
  readonly whole: number;
}

export function stepStatistics(before: Matrix, after: Matrix): StepStatistics {
  const { rows: n, columns: d } = before;
  const relative = new Float64Array(n);
  const angles = new Float64Array(n);
  let moved = 0;
  let size = 0;
  for (let i = 0; i < n; i++) {
    let [step, x2, y2, xy] = [0, 0, 0, 0];
    for (let k = i * d; k < (i + 1) * d; k++) {
      const [x, y] = [before.data[k], after.data[k]];
      step += (y - x) ** 2;
      x2 += x * x;
      y2 += y * y;
      xy += x * y;
    }
    relative[i] = Math.sqrt(step / x2);
    angles[i] = (Math.acos(Math.min(1, Math.max(-1, xy / Math.sqrt(x2 * y2)))) * 180) / Math.PI;
    moved += step;
    size += x2;
  }
  return { relative: median(relative), angle: median(angles), whole: Math.sqrt(moved / size) };
}

/** Alignment of two increments of one cloud. */
export interface Alignment {
  /** `|g − f|/|f|`: O(1/L) for a family of fields that is smooth in depth, √2 for independent ones. */
  readonly difference: number;
  /** Cosine of f and g. */
  readonly cosine: number;
}

/** Of `f = y − x` and `g = z − x`. */
export function alignment(x: Matrix, y: Matrix, z: Matrix): Alignment {
  let [ff, gg, fg] = [0, 0, 0];
  for (let k = 0; k < x.data.length; k++) {
    const f = y.data[k] - x.data[k];
    const g = z.data[k] - x.data[k];
    ff += f * f;
    gg += g * g;
    fg += f * g;
  }
  return {
    difference: Math.sqrt(Math.max(0, gg + ff - 2 * fg) / ff),
    cosine: fg / Math.sqrt(ff * gg),
  };
}
