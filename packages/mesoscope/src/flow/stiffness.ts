import { norm } from '../numeric/vector.ts';
import type { AdaptiveStepper } from './embedded-integration.ts';
import { embeddedStepper } from './embedded-steps.ts';
import { radauStepper } from './radau.ts';
import { plainStages } from './runge-kutta.ts';
import { dormandPrince } from './scheme.ts';
import { stageDepth } from './stage-parameters.ts';
import type { Tolerances } from './step-control.ts';
import type { OdeFunction } from './types.ts';

/** Steps before stiffness is looked for: up to there explicit steps are cheaper, stiff or not. */
const patience = 500;
/**
 * `h|∂f/∂y|` above which the equation counts as stiff. A scheme of order 5 follows a solution that moves at the rate `|∂f/∂y|` with
 * about `h|∂f/∂y| = 3 tolerance^{1/5}`; ten times that, faster modes have no size any more. Stability ends at 3.3.
 */
function stiffFrom(tolerance: number): number {
  return Math.min(3.25, 30 * tolerance ** (1 / 5));
}

/** So many steps above it, without six others in a row between them, are no accident. */
const stiffSteps = 15;
const pardon = 6;
/** The implicit scheme solves a dense system of five times as many unknowns. */
const mostUnknowns = 200;

/**
 * Dormand and Prince's steps on plain arrays, until `h|f(y₇) − f(y₆)|/|y₇ − y₆|`, which estimates h times the dominant
 * eigenvalue from two stages at the end of the step, shows that the equation is stiff (Hairer & Wanner, Solving Ordinary
 * Differential Equations II, IV.2); then Radau's.
 */
export function createSwitchingStepper(
  f: OdeFunction,
  state: Float64Array,
  { relativeTolerance = 1e-9, absoluteTolerance = 1e-12 }: Tolerances,
): AdaptiveStepper {
  const { extended } = dormandPrince;
  const stages = plainStages(extended, state.length);
  const [penultimate, last] = [extended.c.length - 2, extended.c.length - 1];
  // The last stage is the end of the step itself.
  const next = stages.argument;
  const layout = { samples: 1, rows: 1, columns: state.length, stride: state.length };
  const explicit = embeddedStepper({
    scheme: dormandPrince,
    layout,
    state,
    next,
    slopes: stages.slopes,
    start: (from, to) => f(from, state, stages.slopes[0], from, to),
    attempt(from, to) {
      stages.compute(
        (c, y, derivative) => f(stageDepth(c, from, to), y, derivative, from, to),
        state,
        to - from,
        1,
      );
    },
  });
  const implicit = radauStepper(f, state, {
    absolute: absoluteTolerance,
    relative: relativeTolerance,
  });

  /** `h|∂f/∂y|` along the difference of the last two stages. */
  function stiffness(): number {
    const [k6, k7] = [stages.slopes[penultimate], stages.slopes[last]];
    const change = norm(k7.map((entry, i) => entry - k6[i]));
    const distance = k7.map((_, i) => {
      let sum = 0;
      for (let j = 0; j < last; j++) {
        const weight = extended.a[last][j] - (extended.a[penultimate][j] ?? 0);
        sum += weight * stages.slopes[j][i];
      }
      return sum;
    });
    return change / norm(distance);
  }

  const edge = stiffFrom(relativeTolerance);
  let active = explicit;
  let steps = 0;
  let above = 0;
  let calm = 0;

  /** After a step: whether steps have been at the edge for long. */
  function isStiff(): boolean {
    steps++;
    if (steps < patience || state.length > mostUnknowns) return false;
    if (stiffness() > edge) {
      above++;
      calm = 0;
    } else if (++calm === pardon) above = 0;
    return above >= stiffSteps;
  }

  return {
    layout,
    state,
    get next() {
      return active.next;
    },
    get slope() {
      return active.slope;
    },
    get errorOrder() {
      return active.errorOrder;
    },
    start: (from, to) => active.start(from, to),
    attempt: (from, to) => active.attempt(from, to),
    error: (i) => active.error(i),
    interpolant: (from, to) => active.interpolant(from, to),
    accept() {
      if (active === implicit) implicit.accept();
      else {
        if (isStiff()) active = implicit;
        explicit.accept();
        implicit.slope.set(explicit.slope);
      }
    },
  };
}
