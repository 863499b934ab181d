import {
  quotientsOf,
  type SolutionQuality,
  type SolvedDepth,
  type SolvedProblem,
} from '../../control/optimum/optimum.ts';
import type { Condition } from '../check.ts';
import { notTrivial } from '../verdict.ts';

/** The violation of the first-order condition up to which a point counts as stationary. */
export const stationaryTolerance = 1e-7;

/** The share of |f| from which attention and activation count as acting. */
const leastActivity = 0.01;

/** The share of λ that the smallest eigenvalue of `∇²_θ E[H]` must keep: at 0 controls may jump. */
const convexShare = 0.05;

/** That every solution is stationary. */
export function optimumFound(solved: readonly SolvedProblem[]): Condition {
  const residual = worst(solved.flatMap(({ depths }) => depths.map((one) => one.residual)));
  return {
    name: `an optimum was found: |E[D_θfᵀp] + ∇g| at most ${stationaryTolerance} at every layer and depth`,
    holds: residual <= stationaryTolerance,
    value: Number.isFinite(residual) ? residual : 'the flow left its limits',
  };
}

/** That a transformer acts at the solutions, and that the loss moves them at all. */
export function solutionActs(solved: readonly SolvedProblem[]): Condition[] {
  const attention = least(solved.map(({ quality }) => quality?.attention ?? Number.NaN));
  const activation = least(solved.map(({ quality }) => quality?.activation ?? Number.NaN));
  // A solver that stops at a gradient of 1e-7 leaves the controls that far from θ_ref.
  const still = solved.every(({ size }) => Math.sqrt(size) <= 10 * stationaryTolerance);
  return [
    notTrivial(still ? 'the loss does not move the controls from θ_ref at all' : undefined),
    {
      name: `a transformer acts at the optimum: attention and activation make at least ${100 * leastActivity} % of the field`,
      holds: attention >= leastActivity && activation >= leastActivity,
      value: Number.isFinite(attention + activation)
        ? `attention ${percent(attention)}, activation ${percent(activation)}`
        : 'unknown',
    },
  ];
}

/** What is asked of solutions before anything is concluded from them. */
export function solutionResolution(solved: readonly SolvedProblem[]): Condition[] {
  return [...solutionActs(solved), optimumFound(solved)];
}

/** The hypothesis under which optimal controls are Lipschitz in depth. */
export function coerciveHypothesis(
  solved: readonly SolvedProblem[],
  { regularisation, smoothness = 0 }: { regularisation: number; smoothness?: number },
): Condition {
  if (smoothness > 0) {
    return { name: 'coercive: H strictly convex in θ̇ (μ > 0)', holds: true, value: smoothness };
  }
  const curvature = least(solved.flatMap(({ quality }) => quality?.curvature ?? []));
  return {
    name: `coercive: smallest eigenvalue of ∇²_θ E[H] at least ${convexShare} λ, at the controls and across their largest jump`,
    holds: curvature >= convexShare * regularisation,
    value: curvature,
  };
}

/** What solutions at several depths have in common as evidence. */
export function solutionEvidence(solved: readonly SolvedProblem[]) {
  const rows = (read: (depth: SolvedDepth) => number) =>
    solved.map(({ depths }) => depths.map(read));
  const of = (read: (quality: SolutionQuality) => number) =>
    solved.flatMap(({ quality }) => (quality === undefined ? [] : read(quality)));
  return {
    'solver.gradients': rows((depth) => depth.gradients),
    'solver.residuals': rows((depth) => depth.residual),
    'controls.quotients': solved.map(quotientsOf),
    'controls.distances': solved.map(({ size }) => Math.sqrt(size)),
    'activity.attention': of((quality) => quality.attention),
    'activity.activation': of((quality) => quality.activation),
    'coercive.curvatures': of((quality) => quality.curvature),
  };
}

/**
 * The root mean square over problems at each scale, as the one row of an order: what is `O(L^p)` for every problem is so for
 * them together, and a problem whose leading constant happens to be near 0 does not hide the order of the others.
 */
export function rootMeanSquares(rows: readonly (readonly number[])[]): number[][] {
  if (rows.length === 0) return [];
  return [rows[0].map((_, i) => Math.hypot(...rows.map((row) => row[i])) / Math.sqrt(rows.length))];
}

/** How well J is known at points whose gradient is not quite 0: `|∂J|²/2λ`, and rounding. */
export function valueAccuracy(
  solved: readonly SolvedProblem[],
  { regularisation }: { readonly regularisation: number },
): number {
  return worst(
    solved.flatMap(({ depths }) =>
      depths.map(
        ({ residual, objective }) =>
          residual ** 2 / (2 * regularisation) + 16 * Number.EPSILON * Math.abs(objective),
      ),
    ),
  );
}

/** The largest; NaN if one is. */
function worst(values: readonly number[]): number {
  return values.reduce((a, b) =>
    Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b),
  );
}

function least(values: readonly number[]): number {
  return -worst(values.map((x) => -x));
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`;
}
