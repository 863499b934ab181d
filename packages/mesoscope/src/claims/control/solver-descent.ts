import * as z from 'zod';
import {
  type Descent,
  largestRise,
  measureSolvers,
  type Run,
  type SolversRecord,
} from '../../control/optimum/descent.ts';
import { atMost, identical } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { controlProblems, problemFields, problemModel } from './control-problems.ts';
import { solutionActs, solutionEvidence } from './solution-conditions.ts';

const given = controlProblems({
  shared: {
    regularisation: problemFields.regularisation
      .unwrap()
      .default(1)
      .describe('λ of ∫ (λ/2)|θ − θ_ref|² dt'),
    reference: problemFields.reference
      .unwrap()
      .default(1)
      .describe('θ_ref is a random layer of the seed, times this; 0: ∫ (λ/2)|θ|² dt'),
    horizon: z.number().positive().default(4).describe('T, the long horizon'),
    shortHorizon: z
      .number()
      .positive()
      .default(0.02)
      .describe('a horizon on which the basic method contracts'),
    layers: z.int().min(1).max(128).default(8).describe('L'),
    sweeps: z
      .int()
      .min(2)
      .max(200)
      .default(6)
      .describe('sweeps over the layers; eight times as many on the short horizon'),
    augmentation: z
      .number()
      .positive()
      .default(1)
      .describe('the smallest ρ that is tried; then 4 times, 16 times, … as much'),
    tolerance: z.number().positive().default(1e-6).describe('at which a sweep’s end is stationary'),
  },
  own: {
    problems: experimentCount(2, 'random problems, as those of the other claims about solutions'),
  },
  full: { problems: 16, sweeps: 40 },
});

type Given = ReturnType<typeof given.parse>;

/** What the runs of several problems say. */
export function solversConclusion(
  records: readonly SolversRecord[],
  given: Pick<Given, 'horizon' | 'shortHorizon' | 'tolerance'>,
): Conclusion {
  const rises = records.map(({ beyond }) => largestRise(beyond.objectives));
  const rhos = records.map(({ extended }) => extended.rho);
  const basicRises = records.map(({ basic }) => largestRise(basic.objectives));
  const unfit = records.filter(
    ({ basic }, i) => basic.status === 'converged' || basicRises[i] <= 0,
  );
  const ends = records.map(({ extended, proximal }) => {
    const last = ({ run }: Descent) => run.objectives[run.objectives.length - 1];
    return last(extended) / last(proximal);
  });
  const descent = atMost({
    name: 'largest relative rise of J in a sweep, at a fixed ρ four times the smallest that descends',
    failsIf: 'J rises although ρ is large enough, or no ρ tried is',
    measured: Math.max(...rises),
    expected: 0,
  });
  const residual = Math.max(...records.map(({ short }) => short.residual));
  return {
    hypotheses: [],
    resolution: [
      ...solutionActs(records.map(({ quasiNewton }) => quasiNewton)),
      {
        name: 'a horizon long for the basic method: it does not converge there and J rises, in every problem',
        holds: unfit.length === 0,
        value: `${records.length - unfit.length} of ${records.length}`,
      },
      {
        name: `a horizon short for the basic method, T = ${given.shortHorizon}: it converges there, in every problem`,
        holds: residual <= given.tolerance,
        value: residual,
      },
    ],
    checks: [
      descent,
      identical({
        name: 'what the extended method minimises, against E[H + (ρ/2)|f − ḣ|² + (ρ/2)|D_hfᵀp + ṗ|²] made anew',
        failsIf: 'a term of the augmented Hamiltonian is missing or has a wrong factor',
        of: records
          .flatMap(({ minimised }) => minimised)
          .map(({ solver, anew, size }) => ({
            difference: Math.abs(solver - anew),
            // Differences of neighbouring states divided by a step, over some hundred terms.
            uncertainty: 1e4 * Number.EPSILON * size,
            scale: size,
          })),
      }),
    ],
    evidence: {
      'extended.objectives': records.map(({ extended }) => extended.run.objectives),
      'extended.smallestAugmentations': rhos,
      'extended.largestRises': rises,
      'extended.residuals': records.map(({ extended }) => extended.run.residual),
      'proximal.objectives': records.map(({ proximal }) => proximal.run.objectives),
      'proximal.smallestAugmentations': records.map(({ proximal }) => proximal.rho),
      'extended.overProximal': ends,
      'basic.objectives': records.map(({ basic }) => basic.objectives.filter(Number.isFinite)),
      'basic.diverged': records.filter(({ basic }) => basic.status === 'diverged').length,
      'basic.largestRises': basicRises.filter(Number.isFinite),
      'short.residuals': records.map(({ short }) => short.residual),
      'short.sweeps': records.map(({ short }) => short.objectives.length - 1),
      ...solutionEvidence(records.map(({ quasiNewton }) => quasiNewton)),
    },
    summary: `At T = ${given.horizon} the basic method lets J rise, or leaves the limits of the flow, in ${records.length - unfit.length} of ${records.length} problems; with a fixed ρ of ${Math.min(...rhos)} to ${Math.max(...rhos)} J falls at every sweep, to between ${Math.min(...ends).toPrecision(2)} and ${Math.max(...ends).toPrecision(2)} of what plain proximal steps reach with the smallest ρ that serves them. At T = ${given.shortHorizon} the basic method ends at ${residual.toExponential(1)}.`,
    figures: [figureOf(given.horizon, records[0])],
  };
}

function figureOf(
  horizon: number,
  { basic, extended, proximal, quasiNewton }: SolversRecord,
): Figure {
  const line = (series: string, { objectives }: Run) => {
    const y = objectives.filter(Number.isFinite);
    return { kind: 'line' as const, series, x: y.map((_, i) => i), y };
  };
  return {
    id: 'A.solvers',
    title: 'Successive approximations',
    caption: `Objective after each sweep over the layers, T = ${horizon}: the basic method, its extended form and plain proximal steps, the last two with the smallest fixed ρ at which every sweep descends; dashed, what L-BFGS finds from the same start (another stationary point, as the problem has many).`,
    x: { label: 'sweeps' },
    y: { label: 'J', scale: 'log' },
    marks: [
      line('basic', basic),
      line(`extended, ρ = ${extended.rho}`, extended.run),
      line(`proximal, ρ = ${proximal.rho}`, proximal.run),
      { kind: 'rule', axis: 'y', at: quasiNewton.depths[0].objective, label: 'L-BFGS' },
    ],
  };
}

/** Successive approximations and their extended form (Li, Chen, Tai and E, arXiv 1710.09513). */
export const solvers = claim<Given, SolversRecord>({
  id: 'A.solvers',
  title: 'Layer by layer minimisation of the Hamiltonian',
  statement:
    'The method of successive approximations, $\\theta_t \\leftarrow \\arg\\min_\\theta \\mathbb E[H(h_t, p_t, \\theta)]$, diverges on long horizons; with the augmented Hamiltonian $H + \\tfrac\\rho2|f - \\dot h|^2 + \\tfrac\\rho2|D_hf^\\top p + \\dot p|^2$ and $\\rho$ large enough every sweep lowers $J$.',
  trust: { statement: 'S' },
  references: [
    {
      key: 'li2018maximum',
      title: 'Maximum Principle Based Algorithms for Deep Learning',
      authors: ['Li', 'Chen', 'Tai', 'E'],
      year: 2018,
      arxiv: '1710.09513',
    },
  ],
  given,
  measure({ backend, given, seed, index }) {
    const { layers } = given;
    const modelOf = (horizon = given.horizon) =>
      problemModel(backend, { ...given, horizon }, { seed, index, layers, start: 'random' });
    return measureSolvers(backend, modelOf, given);
  },
  conclude: (records, { given }) => solversConclusion(records, given),
});
