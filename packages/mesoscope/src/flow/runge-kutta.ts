import { addScaled } from '../numeric/vector.ts';
import type { Scheme } from './types.ts';

/** Writes ẏ into `derivative`, at the share c of a step, 0 ≤ c ≤ 1. */
export type StageRate = (c: number, y: Float64Array, derivative: Float64Array) => void;

export interface PlainStages {
  /** k_i of the last step. */
  readonly slopes: readonly Float64Array[];
  /**
   * `k_i = f(c_i, y + h Σ_j a_ij k_j)` from stage `first` on (default 0), those before being given; the argument of the last
   * stage stays in `argument`.
   */
  compute(rate: StageRate, y: Float64Array, h: number, first?: number): void;
  readonly argument: Float64Array;
  /** `y ← y + h Σ_i b_i k_i`. */
  advance(y: Float64Array, h: number): void;
}

/** The stages of an explicit Runge–Kutta scheme on plain arrays of one length; allocates here only. */
export function plainStages({ a, b, c }: Scheme, size: number): PlainStages {
  const slopes = c.map(() => new Float64Array(size));
  const argument = new Float64Array(size);
  return {
    slopes,
    argument,
    compute(rate, y, h, first = 0) {
      for (let i = first; i < c.length; i++) {
        for (let k = 0; k < size; k++) {
          let sum = 0;
          for (let j = 0; j < a[i].length; j++) sum += a[i][j] * slopes[j][k];
          argument[k] = y[k] + h * sum;
        }
        rate(c[i], argument, slopes[i]);
      }
    },
    advance(y, h) {
      b.forEach((weight, i) => {
        addScaled(y, h * weight, slopes[i]);
      });
    },
  };
}
