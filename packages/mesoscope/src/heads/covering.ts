import { columnStride } from '../kernels/instruction.ts';
import type { HeadLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** Bounds on `inf_θ Ψ(θ;ρ)`. */
export interface CoveredInfimum {
  /** No head has a smaller Ψ: by a covering, up to rounding. */
  readonly lower: number;
  /** Some head has this Ψ. */
  readonly upper: number;
}

/**
 * Encloses `inf Ψ(·;ρ)` where all tokens lie on a line, `x_s = c_s u`: then Ψ depends on (Q, K) through
 * `b = ⟨Qu, Ku⟩/√k` and |Q|² + |K|² ≥ 2√k|b|, and the best values are `−M(b)uᵀ/λ`, so that
 * `inf Ψ = inf_b λ√k|b| − |M(b)|²/(2λ)`, `M(b) = E r Σ_s a_s c_s`, `a ∝ e^{b c_t c_s}`. One variable is covered by cells, each
 * bounded through M, M′ at its middle and a bound of M″, and split until its bound tells (branch and bound). Independent
 * of the search and of the kernels' gradients.
 *
 * @param width - of the enclosure
 * @returns undefined where tokens do not lie on a line, λ = 0, or heads are bound to a ball
 */
export function coverFirstVariation(
  problem: HeadProblem,
  law: HeadLaw,
  width: number,
): CoveredInfimum | undefined {
  const { regularisation: lambda, radius, shape } = problem;
  const positions = positionsOnLine(problem, law);
  if (positions === undefined || lambda === 0 || radius < Number.POSITIVE_INFINITY) return;
  const slope = lambda * Math.sqrt(shape.keyDimension);
  // |M″| ≤ E|r|c_t²|κ_3|, and no law on an interval of length ℓ has |κ_3| above ℓ³/(6√3).
  const curvature = positions.reduce((sum, { residual, seen, own }) => {
    const range = Math.max(...seen) - Math.min(...seen);
    return sum + (Math.hypot(...residual) * own * own * range ** 3) / (6 * Math.sqrt(3));
  }, 0);
  const largest = positions.reduce(
    (sum, { residual, seen }) => sum + Math.hypot(...residual) * Math.max(...seen.map(Math.abs)),
    0,
  );
  const square = (moment: readonly number[]) => moment.reduce((sum, m) => sum + m * m, 0);
  let upper = -square(momentAt(positions, shape.classes, 0).moment) / (2 * lambda);
  const reach = (upper + largest ** 2 / (2 * lambda)) / slope;
  // Cells of one size after the other: the upper bound is good before they are small.
  let cells: (readonly [number, number])[] = [
    [-reach, 0],
    [0, reach],
  ];
  while (cells.length > 0) {
    cells = cells.flatMap(([low, high]) => {
      const [middle, half] = [(low + high) / 2, (high - low) / 2];
      const { moment, derivative } = momentAt(positions, shape.classes, middle);
      upper = Math.min(upper, slope * Math.abs(middle) - square(moment) / (2 * lambda));
      // Concave in b, hence least at an end.
      const least = Math.min(
        ...[-half, half].map((by) => {
          const linear = Math.hypot(...moment.map((m, c) => m + by * derivative[c]));
          const most = Math.min(largest, linear + (curvature * half * half) / 2);
          return slope * Math.abs(middle + by) - most ** 2 / (2 * lambda);
        }),
      );
      return least >= upper - width ? [] : [[low, middle] as const, [middle, high] as const];
    });
  }
  return { lower: upper - width, upper };
}

/** A labelled position: its residual times its probability, its own coordinate, and those that it sees. */
interface Position {
  readonly residual: number[];
  readonly own: number;
  readonly seen: number[];
}

/** The positions, with coordinates along the line of the tokens; undefined if they lie on none. */
function positionsOnLine(problem: HeadProblem, law: HeadLaw): Position[] | undefined {
  const { data, shape } = problem;
  const { dimension: d, tokens } = data;
  const { classes: C } = shape;
  const stride = columnStride(tokens);
  const tokenOf = (s: number, t: number) =>
    Array.from({ length: d }, (_, a) => data.states[(s * d + a) * stride + t]);
  const all = data.lengths.map((length, s) => Array.from({ length }, (_, t) => tokenOf(s, t)));
  const [longest] = all.flat().toSorted((a, b) => Math.hypot(...b) - Math.hypot(...a));
  const norm = Math.hypot(...longest);
  if (norm === 0) return undefined;
  const along = (token: readonly number[]) =>
    token.reduce((sum, x, a) => sum + (x * longest[a]) / norm, 0);
  const isOnLine = all
    .flat()
    .every((token) => Math.hypot(...token) - Math.abs(along(token)) <= 1e-12 * norm);
  if (!isOnLine) return undefined;
  const logits = problem.logits(law);
  return all.flatMap((sequence, s) => {
    const coordinates = sequence.map(along);
    return coordinates.flatMap((own, t): Position[] => {
      const probability = data.weights[s * stride + t];
      if (probability === 0) return [];
      const z = Array.from({ length: C }, (_, c) => logits[(s * C + c) * stride + t]);
      const top = Math.max(...z);
      const total = z.reduce((sum, value) => sum + Math.exp(value - top), 0);
      const label = data.labels[s * stride + t];
      const residual = z.map(
        (value, c) => probability * (Math.exp(value - top) / total - (c === label ? 1 : 0)),
      );
      return [{ residual, own, seen: coordinates.slice(0, t + 1) }];
    });
  });
}

/** `M(b)` and `M′(b) = E r c_t Var`. */
function momentAt(positions: readonly Position[], classes: number, b: number) {
  const moment = new Array<number>(classes).fill(0);
  const derivative = new Array<number>(classes).fill(0);
  for (const { residual, own, seen } of positions) {
    let top = Number.NEGATIVE_INFINITY;
    for (const c of seen) top = Math.max(top, b * own * c);
    let [total, sum, squares] = [0, 0, 0];
    for (const c of seen) {
      const weight = Math.exp(b * own * c - top);
      total += weight;
      sum += weight * c;
      squares += weight * c * c;
    }
    const mean = sum / total;
    for (let k = 0; k < classes; k++) {
      moment[k] += residual[k] * mean;
      derivative[k] += residual[k] * own * (squares / total - mean * mean);
    }
  }
  return { moment, derivative };
}
