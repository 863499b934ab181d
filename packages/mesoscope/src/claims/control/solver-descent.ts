import { z } from 'zod';
import {
  type SuccessiveApproximationsResult,
  successiveApproximations,
} from '../../control/solvers/successive-approximations.ts';
import type { Figure } from '../figure.ts';
import { rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { solveModel } from './optima.ts';
import { dataComplete, optimumModel, optimumShape } from './optimum-instance.ts';
import { overExperiments } from './over-experiments.ts';

const instanceSchema = z
  .strictObject({
    ...optimumShape,
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
      .default(12)
      .describe('sweeps over the layers; four times as many on the short horizon'),
    augmentation: z
      .number()
      .positive()
      .default(0.5)
      .describe('ρ at the start; doubled where J rises'),
    tolerance: z.number().positive().default(1e-6).describe('at which a sweep’s end is stationary'),
  })
  .refine(...dataComplete);

export type SolversInstance = z.infer<typeof instanceSchema>;

interface SolversRecord {
  readonly basic: SuccessiveApproximationsResult;
  readonly extended: SuccessiveApproximationsResult;
  readonly short: SuccessiveApproximationsResult;
  /** The value that L-BFGS finds from the same start. */
  readonly quasiNewton: number;
}

/** The largest rise of J from one sweep to the next, as a part of |J|; 0 or below: monotone. Values that are not finite are left out. */
export function largestRise(objectives: readonly number[]): number {
  let largest = Number.NEGATIVE_INFINITY;
  const finite = objectives.filter(Number.isFinite);
  for (let i = 1; i < finite.length; i++) {
    largest = Math.max(largest, (finite[i] - finite[i - 1]) / Math.abs(finite[i - 1]));
  }
  return largest;
}

function measure(
  context: ClaimContext<SolversInstance>,
  given: SolversInstance,
  index: number,
): SolversRecord {
  const { backend, seed } = context;
  const { layers, sweeps, tolerance } = given;
  const solve = (augmentation: number, horizon: number, most = sweeps) =>
    backend.scoped(() => {
      const model = optimumModel(backend, { ...given, horizon }, { seed, index, layers });
      return successiveApproximations({ ...model, augmentation, sweeps: most, tolerance });
    });
  return {
    basic: solve(0, given.horizon),
    extended: solve(given.augmentation, given.horizon),
    short: solve(0, given.shortHorizon, 4 * sweeps),
    quasiNewton: backend.scoped(
      () => solveModel(optimumModel(backend, given, { seed, index, layers })).objective,
    ),
  };
}

function findingOf(given: SolversInstance, records: readonly SolversRecord[]): Finding {
  const rises = records.map(({ extended }) => largestRise(extended.objectives));
  const basicRises = records.map(({ basic }) => largestRise(basic.objectives));
  const measured = Math.max(...rises);
  const expected = { kind: 'at-most', value: 0 } as const;
  const stuck = records.filter(({ extended }) => extended.status === 'no-descent').length;
  const shortConverged = records.filter(({ short }) => short.status === 'converged').length;
  const basicFailed = records.filter(
    ({ basic }, i) =>
      basic.status !== 'converged' && (basic.status === 'diverged' || basicRises[i] > 0),
  ).length;
  const diverged = records.filter(({ basic }) => basic.status === 'diverged').length;
  const assumptions = [
    {
      name: 'a horizon long for the basic method: it does not converge there and J rises, in every problem',
      holds: basicFailed === records.length,
      value: `${basicFailed} of ${records.length}`,
    },
    {
      name: 'a horizon short for the basic method: it converges there, in every problem',
      holds: shortConverged === records.length,
      value: `${shortConverged} of ${records.length}`,
    },
  ];
  const verdict = judge(assumptions, measured, null, expected);
  return {
    assumptions,
    evidence: {
      'extended.objectives': rowsOrRow(records.map(({ extended }) => extended.objectives)),
      'extended.augmentations': rowsOrRow(records.map(({ extended }) => extended.augmentations)),
      'extended.largestRises': rises,
      'extended.residuals': records.map(({ extended }) => extended.residual),
      'basic.objectives': rowsOrRow(
        records.map(({ basic }) => basic.objectives.filter(Number.isFinite)),
      ),
      'basic.diverged': diverged,
      'basic.largestRises': basicRises,
      'short.residuals': records.map(({ short }) => short.residual),
      'short.sweeps': records.map(({ short }) => short.objectives.length - 1),
      'quasiNewton.objectives': records.map(({ quasiNewton }) => quasiNewton),
    },
    measured,
    expected,
    interval: null,
    verdict: verdict === 'holds' && stuck > 0 ? 'fails' : verdict,
    summary: `At T = ${given.horizon} the basic method multiplies J by up to ${(1 + Math.max(...basicRises)).toPrecision(3)} in a sweep and leaves the limits of the flow in ${diverged} of ${records.length} problems; with augmentation J falls at every sweep (largest change ${(100 * measured).toPrecision(2)} %). At T = ${given.shortHorizon} the basic method converges in all of ${records.length} problems.`,
    figures: [figureOf(given, records[0])],
  };
}

function figureOf(given: SolversInstance, { basic, extended, quasiNewton }: SolversRecord): Figure {
  const line = (series: string, y: readonly number[]) => {
    const finite = y.filter(Number.isFinite);
    return { kind: 'line' as const, series, x: finite.map((_, i) => i), y: finite };
  };
  return {
    id: 'A.solvers',
    title: 'Successive approximations',
    caption: `Objective after each sweep over the layers, T = ${given.horizon}: the basic method and its extended form, in which every sweep descends; dashed, what L-BFGS finds from the same start (another stationary point, as the problem has many).`,
    x: { label: 'sweeps' },
    y: { label: 'J', scale: 'log' },
    marks: [
      line('basic', basic.objectives),
      line('extended', extended.objectives),
      { kind: 'rule', axis: 'y', at: quasiNewton, label: 'L-BFGS' },
    ],
  };
}

async function run(context: ClaimContext<SolversInstance>): Promise<Finding> {
  const full = context.setting === 'full';
  const given: SolversInstance = context.instance ?? {
    ...instanceSchema.parse({}),
    problems: full ? 16 : 4,
    ...(full ? { sweeps: 40 } : {}),
  };
  const records = await overExperiments(
    context,
    given.problems,
    'successive approximations',
    (index) => measure(context, given, index),
  );
  return findingOf(given, records);
}

/** Successive approximations and their extended form (Li, Chen, Tai and E, arXiv 1710.09513). */
export const solvers = legacy<SolversInstance>({
  id: 'A.solvers',
  paper: 'A',
  title: 'Layer by layer minimisation of the Hamiltonian',
  statement:
    'The method of successive approximations, $\\theta_t \\leftarrow \\arg\\min_\\theta \\mathbb E[H(h_t, p_t, \\theta)]$, diverges on long horizons; with the augmented Hamiltonian $H + \\tfrac\\rho2|f - \\dot h|^2 + \\tfrac\\rho2|D_hf^\\top p + \\dot p|^2$ and $\\rho$ large enough every sweep lowers $J$.',
  trust: 'S',
  quantity: 'largest relative rise of J in the extended method',
  references: [
    {
      key: 'li2018maximum',
      title: 'Maximum Principle Based Algorithms for Deep Learning',
      authors: ['Li', 'Chen', 'Tai', 'E'],
      year: 2018,
      arxiv: '1710.09513',
    },
  ],
  instance: instanceSchema,
  run,
});
