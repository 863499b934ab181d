import { columnStride } from '../kernels/instruction.ts';
import { relativeLargestEntry } from '../minimise/lbfgs.ts';
import { minimise } from '../minimise/minimise.ts';
import { symmetricEigen } from '../numeric/decompositions.ts';
import { symmetricPart } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { headCurvature } from './curvature.ts';
import { type HeadLaw, headLaw, mixHeadLaws } from './head-law.ts';
import { monotonicityQuotient } from './matching.ts';
import type { HeadProblem } from './problem.ts';

/** What a search over pairs of laws in a ball found. */
export interface LeastQuotient {
  /** Least `λ_min(∇²_θΨ(θ;ρ))` found: no lower bound, since a search may miss the minimum. */
  readonly kappa: number;
  /** Where: the head, the direction, and the law. */
  readonly head: Float64Array;
  readonly direction: Float64Array;
  readonly law: HeadLaw;
  /** What each start came to. */
  readonly ends: number[];
}

/** Atoms of the laws that are searched, of equal weight. */
const atoms = 2;

/**
 * Searches the monotonicity quotient over all pairs of laws of heads in a ball for its least value. Pairs that differ by moving a
 * mass ε from θ to θ + su have the quotient `⟨u, ∇²_θΨ(θ;ρ)u⟩ + O(ε + s)`, and no pair has a lower one than the least of these: along a
 * displacement the quotient is a mean of Hessians of R, each at least λ_min(∇²_θΨ) on its heads, since interactions add `G ⪰ 0`. So the
 * search minimises λ_min(∇²_θΨ(θ;ρ)) over θ and the heads of ρ, by L-BFGS in coordinates `θ = r x/√(1 + |x|²)` of the ball.
 *
 * @param optimum - a law that is a start, so that its λ_min(H_Ψ) bounds the result from above
 */
export function leastQuotient(
  problem: HeadProblem,
  radius: number,
  optimum: HeadLaw,
  random: RandomStream,
  starts: number,
): LeastQuotient {
  const P = optimum.parameters.length / optimum.count;
  const toBall = (x: Float64Array) =>
    mapRows(x, P, (row, square) => (radius * row) / Math.sqrt(1 + square));
  const fromBall = (theta: Float64Array) =>
    mapRows(theta, P, (row, square) => row / Math.sqrt(Math.max(radius * radius - square, 1e-12)));
  const all = Array.from({ length: starts }, () => {
    const x = random.normals(new Float64Array((atoms + 1) * P));
    return x.map((entry) => (entry * 2 * random.uniform()) / Math.sqrt(P));
  });
  const heads = Array.from({ length: atoms }, (_, a) => a % optimum.count);
  for (let i = 0; i < optimum.count; i++) {
    const from = [i, ...heads].flatMap((h) => [...optimum.parameters.subarray(h * P, (h + 1) * P)]);
    all.push(fromBall(Float64Array.from(from)));
  }
  const results = all.map((start) =>
    minimise((x) => pulledBack(x, P, radius, quotientAt(problem, toBall(x))), start, {
      iterations: 60,
      tolerance: 1e-7,
      norm: relativeLargestEntry,
    }),
  );
  const [best] = results.toSorted((a, b) => a.value - b.value);
  const point = toBall(best.point);
  return {
    kappa: best.value,
    head: point.slice(0, P),
    direction: quotientAt(problem, point).direction,
    law: headLaw(problem.shape, point.slice(P)),
    ends: results.map(({ value }) => value),
  };
}

/** λ_min(∇²_θΨ(θ;ρ)) with its gradient by θ and by the heads of ρ. */
function quotientAt(problem: HeadProblem, point: Float64Array) {
  const { shape, regularisation, data } = problem;
  const P = point.length / (atoms + 1);
  const head = point.slice(0, P);
  const law = headLaw(shape, point.slice(P));
  const at = problem.linearise(law);
  const logits = problem.logits(law);
  const { values, vectors } = symmetricEigen(
    symmetricPart(headCurvature(problem, at, logits, head).frozen),
  );
  const direction = Float64Array.from({ length: P }, (_, j) => vectors.data[j * P]);
  // Second differences along the direction: of ∇Ψ for the gradient by θ, of Φ for that by the heads that make the residual.
  const h = 1e-3;
  const three = new Float64Array(3 * P);
  for (const [i, by] of [-h, 0, h].entries()) {
    three.set(
      head.map((x, j) => x + by * direction[j]),
      i * P,
    );
  }
  const secondDifference = (all: Float64Array) => {
    const size = all.length / 3;
    return Float64Array.from(
      { length: size },
      (_, j) => (all[j] - 2 * all[size + j] + all[2 * size + j]) / (h * h),
    );
  };
  const slopes = new Float64Array(3 * P);
  problem.firstVariation(at, three, slopes);
  const bent = secondDifference(problem.features(three));
  const stride = columnStride(data.tokens);
  const C = shape.classes;
  const residual = new Float64Array(at.residual.length);
  data.lengths.forEach((length, s) => {
    for (let t = 0; t < length; t++) {
      const entry = (c: number) => (s * C + c) * stride + t;
      const z = Array.from({ length: C }, (_, c) => logits[entry(c)]);
      const top = Math.max(...z);
      const total = z.reduce((sum, value) => sum + Math.exp(value - top), 0);
      const p = z.map((value) => Math.exp(value - top) / total);
      const mean = p.reduce((sum, share, c) => sum + share * bent[entry(c)], 0);
      p.forEach((share, c) => {
        residual[entry(c)] = data.weights[s * stride + t] * share * (bent[entry(c)] - mean);
      });
    }
  });
  const byAtoms = new Float64Array(atoms * P);
  problem.firstVariation({ ...at, residual }, law.parameters, byAtoms);
  const gradient = new Float64Array(point.length);
  gradient.set(secondDifference(slopes));
  byAtoms.forEach((g, j) => {
    gradient[P + j] = (g - regularisation * law.parameters[j]) / atoms;
  });
  return { value: values[0], gradient, direction };
}

/** The gradient by x where `θ = r x/√(1 + |x|²)`. */
function pulledBack(
  x: Float64Array,
  P: number,
  radius: number,
  { value, gradient }: { readonly value: number; readonly gradient: Float64Array },
) {
  const pulled = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += P) {
    const row = x.subarray(i, i + P);
    const square = 1 + row.reduce((sum, entry) => sum + entry * entry, 0);
    const along = row.reduce((sum, entry, j) => sum + entry * gradient[i + j], 0) / square;
    row.forEach((entry, j) => {
      pulled[i + j] = (radius * (gradient[i + j] - along * entry)) / Math.sqrt(square);
    });
  }
  return { value, gradient: pulled };
}

function mapRows(x: Float64Array, P: number, map: (entry: number, square: number) => number) {
  return x.map((entry, j) => {
    const from = j - (j % P);
    const square = x.subarray(from, from + P).reduce((sum, other) => sum + other * other, 0);
    return map(entry, square);
  });
}

/** The quotient of the two laws that differ by moving a mass ε of the search's head by ε along its direction, by optimal matching. */
export function quotientOfPair(problem: HeadProblem, found: LeastQuotient, mass: number): number {
  const { head, direction, law } = found;
  const moved = (by: number) => {
    const one = headLaw(
      law.shape,
      head.map((x, j) => x + by * direction[j]),
    );
    const mixed = mixHeadLaws(law, one, mass);
    return { law: mixed, gradient: velocity(problem, mixed) };
  };
  return monotonicityQuotient(moved(mass / 2), moved(-mass / 2)).quotient;
}

/** ∇Ψ at a law's own heads. */
export function velocity(problem: HeadProblem, law: HeadLaw): Float64Array {
  const gradient = new Float64Array(law.parameters.length);
  problem.firstVariation(problem.linearise(law), law.parameters, gradient);
  return gradient;
}

/** λ_min(∇²_θΨ) over the heads of a law, from central differences of ∇Ψ alone: an upper bound of κ, and the direction. */
export function lowestCurvature(problem: HeadProblem, law: HeadLaw) {
  const at = problem.linearise(law);
  const P = law.parameters.length / law.count;
  const h = 1e-5;
  const each = Array.from({ length: law.count }, (_, i) => {
    const head = law.parameters.slice(i * P, (i + 1) * P);
    const slope = (j: number, by: number) => {
      const gradient = new Float64Array(P);
      const moved = head.slice();
      moved[j] += by;
      problem.firstVariation(at, moved, gradient);
      return gradient;
    };
    const data = new Float64Array(P * P);
    for (let j = 0; j < P; j++) {
      const [above, below] = [slope(j, h), slope(j, -h)];
      for (let a = 0; a < P; a++) data[a * P + j] = (above[a] - below[a]) / (2 * h);
    }
    const { values, vectors } = symmetricEigen(symmetricPart({ rows: P, columns: P, data }));
    const direction = Float64Array.from({ length: P }, (_, j) => vectors.data[j * P]);
    return { head: i, value: values[0], direction };
  });
  return each.reduce((a, b) => (b.value < a.value ? b : a));
}
