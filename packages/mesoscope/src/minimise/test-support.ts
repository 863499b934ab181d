import { describe, expect, it } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { dot } from '../numeric/vector.ts';
import type { Evaluation } from './lbfgs.ts';

/** A smooth function with one local minimum, which is known. */
export interface MinimisationProblem {
  readonly name: string;
  readonly f: (point: Float64Array) => Evaluation;
  readonly start: Float64Array;
  readonly minimiser: Float64Array;
}

/** `½(x − c)ᵀ diag(a)(x − c)` with eigenvalues from 1 to `condition`. */
function quadratic(size: number, condition: number): MinimisationProblem {
  const random = randomStream(1, 'quadratic', size);
  const minimiser = random.normals(new Float64Array(size));
  const a = minimiser.map((_, i) => condition ** (size === 1 ? 1 : i / (size - 1)));
  return {
    name: `a quadratic of ${size} variables and condition ${condition}`,
    start: random.normals(new Float64Array(size)),
    minimiser,
    f(x) {
      const gradient = x.map((entry, i) => a[i] * (entry - minimiser[i]));
      return {
        value:
          0.5 *
          dot(
            gradient,
            x.map((entry, i) => entry - minimiser[i]),
          ),
        gradient,
      };
    },
  };
}

/** `100(y − x²)² + (1 − x)²`. */
const rosenbrock: MinimisationProblem = {
  name: 'Rosenbrock’s function',
  start: Float64Array.of(-1.2, 1),
  minimiser: Float64Array.of(1, 1),
  f: ([x, y]) => ({
    value: 100 * (y - x * x) ** 2 + (1 - x) ** 2,
    gradient: [-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)],
  }),
};

/** `Σ cosh(x_i − i)`: far from quadratic where it starts. */
const steep: MinimisationProblem = {
  name: 'a function that grows exponentially',
  start: Float64Array.of(8, -6, 3),
  minimiser: Float64Array.of(0, 1, 2),
  f: (x) => ({
    value: x.reduce((sum, entry, i) => sum + Math.cosh(entry - i), 0),
    gradient: x.map((entry, i) => Math.sinh(entry - i)),
  }),
};

/** `x − log x` on x > 0, +∞ elsewhere. */
const wall: MinimisationProblem = {
  name: 'a function with an edge of its domain nearby',
  start: Float64Array.of(30),
  minimiser: Float64Array.of(1),
  f: ([x]) => ({
    value: x > 0 ? x - Math.log(x) : Number.POSITIVE_INFINITY,
    gradient: [x > 0 ? 1 - 1 / x : Number.NaN],
  }),
};

const atMinimum: MinimisationProblem = {
  ...quadratic(3, 10),
  name: 'a start at the minimum',
  start: quadratic(3, 10).minimiser,
};

export const minimisationProblems: readonly MinimisationProblem[] = [
  quadratic(1, 1),
  quadratic(2, 10),
  quadratic(20, 1e4),
  rosenbrock,
  steep,
  wall,
  atMinimum,
];

export interface MinimiserUnderTest {
  /** Where it ended, and whether it says that it converged. */
  readonly minimise: (
    problem: MinimisationProblem,
  ) => Promise<{ readonly point: ArrayLike<number>; readonly converged: boolean }>;
  /** Largest distance from the minimiser, entry by entry; default 1e-6. */
  readonly accuracy?: number;
  /** Why it cannot do a problem, or nothing. */
  readonly skip?: (problem: MinimisationProblem) => string | undefined;
}

/** What every minimiser has to do. */
export function testMinimiser(name: string, minimiser: MinimiserUnderTest): void {
  describe(`${name} minimises`, () => {
    for (const problem of minimisationProblems) {
      const reason = minimiser.skip?.(problem);
      if (reason !== undefined) {
        it(`${problem.name}: not asked, for ${reason}`, () => expect(reason).not.toBe(''));
        continue;
      }
      it(problem.name, async () => {
        const start = problem.start.slice();
        const { point, converged } = await minimiser.minimise(problem);
        expect(converged).toBe(true);
        problem.minimiser.forEach((entry, i) => {
          expect(Math.abs(point[i] - entry)).toBeLessThan(minimiser.accuracy ?? 1e-6);
        });
        expect([...problem.start]).toEqual([...start]);
      });
    }
  });
}
