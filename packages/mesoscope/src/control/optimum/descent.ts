import type { Backend } from '../../kernels/backend.ts';
import type { ControlModel } from '../control-model.ts';
import { partOf } from '../parameters.ts';
import {
  type SuccessiveApproximationsResult,
  successiveApproximations,
} from '../solvers/successive-approximations.ts';
import { type AugmentedValue, augmentedValues } from './augmented-hamiltonian.ts';
import { type SolvedProblem, solveModel, summariseSolutions } from './optimum.ts';

/** One run of successive approximations. */
export type Run = Pick<SuccessiveApproximationsResult, 'status' | 'objectives' | 'residual'>;

/** How often ρ is multiplied by 4 at the most. */
const mostSteps = 8;

/** The smallest ρ of a ladder whose sweeps all lower J, with its run. */
export interface Descent {
  /** NaN: none; the run is that of the largest. */
  readonly rho: number;
  readonly run: Run;
}

/** Successive approximations in several forms from one random start, and what they are compared with. */
export interface SolversRecord {
  readonly basic: Run;
  readonly short: Run;
  readonly extended: Descent;
  /** The extended method with four times the smallest ρ. */
  readonly beyond: Run;
  /** Plain proximal steps, the control. */
  readonly proximal: Descent;
  /** What the extended method minimises, beside the statement's formula. */
  readonly minimised: readonly AugmentedValue[];
  /** What L-BFGS finds from the same start. */
  readonly quasiNewton: SolvedProblem;
}

/** The largest rise of J from one sweep to the next, as a part of |J|; at most 0: monotone; ∞: the flow left its limits. */
export function largestRise(objectives: readonly number[]): number {
  const rises = objectives
    .slice(1)
    .map((next, i) => (next - objectives[i]) / Math.abs(objectives[i]));
  return Math.max(...rises.map((rise) => (Number.isNaN(rise) ? Number.POSITIVE_INFINITY : rise)));
}

/** Climbs the ladder ρ, 4ρ, 16ρ, … until every sweep with that fixed ρ lowers J. */
export function smallestDescent(from: number, solve: (rho: number) => Run): Descent {
  let rho = from;
  let run = solve(rho);
  for (let step = 0; step < mostSteps && !(largestRise(run.objectives) <= 0); step++) {
    rho *= 4;
    run = solve(rho);
  }
  const descends = largestRise(run.objectives) <= 0;
  return { rho: descends ? rho : Number.NaN, run };
}

/**
 * Runs every form of the method on one problem.
 *
 * @param modelOf - the problem at its random start; default horizon: the long one
 */
export function measureSolvers(
  backend: Backend,
  modelOf: (horizon?: number) => ControlModel,
  options: {
    readonly shortHorizon: number;
    readonly sweeps: number;
    /** The smallest ρ that is tried. */
    readonly augmentation: number;
    readonly tolerance: number;
  },
): SolversRecord {
  const { shortHorizon, sweeps, augmentation: least, tolerance } = options;
  const solve = (
    augmentation: number,
    distance: 'augmentation' | 'proximal',
    model = modelOf(),
    most = sweeps,
  ): Run =>
    backend.scoped(() => {
      const options = { augmentation, distance, fixed: true, sweeps: most, tolerance };
      const { status, objectives, residual } = successiveApproximations({ ...model, ...options });
      return { status, objectives, residual };
    });
  const extended = smallestDescent(least, (rho) => solve(rho, 'augmentation'));
  const present = modelOf();
  const trial = modelOf();
  const optimum = solveModel(trial);
  const minimised = augmentedValues(
    present,
    partOf(trial.problem.layout, trial.parameters, 'controls'),
    Number.isNaN(extended.rho) ? least : extended.rho,
  );
  return {
    basic: solve(0, 'augmentation'),
    short: solve(0, 'augmentation', modelOf(shortHorizon), 8 * sweeps),
    extended,
    beyond: Number.isNaN(extended.rho) ? extended.run : solve(4 * extended.rho, 'augmentation'),
    proximal: smallestDescent(least, (rho) => solve(rho, 'proximal')),
    minimised,
    quasiNewton: summariseSolutions(() => trial, [optimum]),
  };
}

/** J at the end of the extended method over J at the end of plain proximal steps. */
export function endRatio({ extended, proximal }: SolversRecord): number {
  const last = ({ run }: Descent) => run.objectives[run.objectives.length - 1];
  return last(extended) / last(proximal);
}

/** What was measured on all problems, by name. */
export function descentNumbers(records: readonly SolversRecord[]) {
  return {
    'extended.objectives': records.map(({ extended }) => extended.run.objectives),
    'extended.smallestAugmentations': records.map(({ extended }) => extended.rho),
    'extended.largestRises': records.map(({ beyond }) => largestRise(beyond.objectives)),
    'extended.residuals': records.map(({ extended }) => extended.run.residual),
    'proximal.objectives': records.map(({ proximal }) => proximal.run.objectives),
    'proximal.smallestAugmentations': records.map(({ proximal }) => proximal.rho),
    'extended.overProximal': records.map(endRatio),
    'basic.objectives': records.map(({ basic }) => basic.objectives.filter(Number.isFinite)),
    'basic.diverged': records.filter(({ basic }) => basic.status === 'diverged').length,
    'basic.largestRises': records
      .map(({ basic }) => largestRise(basic.objectives))
      .filter(Number.isFinite),
    'short.residuals': records.map(({ short }) => short.residual),
    'short.sweeps': records.map(({ short }) => short.objectives.length - 1),
  };
}
