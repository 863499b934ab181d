import * as z from 'zod';
import {
  type CoupledRuns,
  coupledRuns,
  headCounts,
  sgdHeads,
  stepCounts,
} from '../../heads/coupled-runs.ts';
import { isSpread, randomExperiment } from '../../heads/experiment.ts';
import { claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { sampledOrder } from '../order.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { checkHeads, explicitExperiment, headData, penalty, resolvedSteps } from './instance.ts';

const given = experiments({
  label: 'groups of coupled runs',
  shared: {
    regularisation: penalty.default(0.02),
    horizon: z.number().positive().default(2).describe('T'),
    groups: experimentCount(16, 'independent groups of draws', 2),
    draws: experimentCount(16, 'draws of each group, of which root mean squares are taken', 4),
  },
  own: { atoms: experimentCount(256, 'heads of the limit law', 2) },
  data: headData,
  full: { groups: 48, atoms: 512 },
  check: checkHeads,
  pieces: ({ groups }) => groups,
});

/** Undefined of a law of one head, whose draws are all that head. */
interface Measured {
  readonly runs: CoupledRuns | undefined;
}

/** What is measured: its name and words, over which scales, and the errors. */
const sweeps = [
  sweep('risk.byHeads', 'in N of sup_t |R(ρ^N_t) − R(ρ_t)|', headCounts, (r) => r.byHeads.risk),
  sweep(
    'coupled.byHeads',
    'in N of the distance to copies in the limit',
    headCounts,
    (r) => r.byHeads.coupled,
  ),
  sweep('wasserstein.byHeads', 'in N of W₂ to the copies at T', headCounts, (r) => r.wasserstein),
  sweep('risk.byStep', 'in 1/η of sup_t |R − R′|', stepCounts, (r) => r.byStep.risk),
  sweep(
    'coupled.byStep',
    'in 1/η of the distance to the flow',
    stepCounts,
    (r) => r.byStep.coupled,
  ),
  sweep(
    'risk.together',
    'in N of sup_t |R − R′|, with η = T/N',
    headCounts,
    (r) => r.together.risk,
  ),
  sweep(
    'coupled.together',
    'in N of the distance to copies, with η = T/N',
    headCounts,
    (r) => r.together.coupled,
  ),
];

function sweep(
  name: string,
  words: string,
  scales: readonly number[],
  errors: (runs: CoupledRuns) => readonly number[],
) {
  return { name, words: `order ${words}`, scales, errors };
}

/** Finite-time propagation of chaos for stochastic gradient descent (arXiv 2606.10469). */
export const chaos = claim<ReturnType<typeof given.parse>, Measured>({
  id: 'B.chaos',
  title: 'Heads decouple: propagation of chaos',
  statement:
    'For $N$ heads and step $\\eta$, $\\sup_{t\\le T}|R(\\rho^N_t) - R(\\rho_t)|$ and $W_2(\\rho^N_t, \\rho_t)$ along coupled copies are $O(N^{-1/2} + \\eta^{1/2})$.',
  trust: { statement: 'P' },
  given,
  measure({ backend, given, seed, index }) {
    const { regularisation, horizon, draws } = given;
    // Small values: the mean of R(ρ^N) − R(ρ), of order 1/N, then is small beside the fluctuation.
    const experiment = given.explicit
      ? explicitExperiment(backend, given)
      : randomExperiment(backend, seed, 0, {
          ...{ regularisation, heads: given.atoms, value: 0.5, sequences: 8 },
        });
    const options = { horizon, seed, group: index, draws };
    return { runs: isSpread(experiment.law) ? coupledRuns(experiment, options) : undefined };
  },
  conclude(pieces, { given: { horizon } }) {
    const runs = pieces.flatMap(({ runs }) => runs ?? []);
    const trivial = trivialIn(runs);
    const rows = runs.length === 0 ? [] : sweeps.map(({ errors }) => runs.map(errors));
    const checks = rows.map((row, i) =>
      sampledOrder({
        name: sweeps[i].words,
        failsIf: 'N heads leave their limit, or a step its flow, at another order than ½',
        ...{ scales: sweeps[i].scales, rows: row, order: -0.5, side: 'at least as fast' },
        ...{ among: sweeps.length, rivals: [-0.25, 0] },
      }),
    );
    const power = (scale: string, name: string) => {
      const { measured: order } = checks[sweeps.findIndex((sweep) => sweep.name === name)];
      return Number.isFinite(order)
        ? `${scale}^${order.toFixed(3)}`
        : `no measurable power of ${scale}`;
    };
    const figure = (
      which: 'byHeads' | 'byStep' | 'together',
      scales: readonly number[],
      words: { readonly title: string; readonly caption: string; readonly scale: string },
    ) =>
      convergenceFigure({
        ...{ id: `B.chaos.${which}`, quantity: 'distance', ...words },
        curves: (['risk', 'coupled'] as const).map((of) => ({
          series: of === 'risk' ? 'sup |R − R′|' : 'coupled distance',
          ...{ scales, rows: runs.map((run) => run[which][of]), slope: -0.5 },
        })),
      });
    return {
      hypotheses: [],
      resolution: [
        notTrivial(trivial),
        resolvedSteps(runs.flatMap(({ contraction }) => contraction ?? [])),
      ],
      checks,
      evidence: {
        heads: headCounts,
        steps: stepCounts.map((count) => horizon / count),
        ...Object.fromEntries(
          rows.flatMap((row, i) => [
            [sweeps[i].name, row],
            [`${sweeps[i].name}.order`, checks[i].measured],
          ]),
        ),
      },
      summary:
        trivial !== undefined
          ? nothing
          : `Up to T = ${horizon} the risk of N drawn heads stays within ${power('N', 'risk.byHeads')} of the limit, their law within ${power('N', 'wasserstein.byHeads')} in W₂; one-sample descent within ${power('(1/η)', 'risk.byStep')} of the flow in risk, ${power('(1/η)', 'coupled.byStep')} in distance; with η = ${horizon}/N both together within ${power('N', 'risk.together')} and ${power('N', 'coupled.together')}.`,
      figures: [
        figure('byHeads', headCounts, {
          title: 'N heads follow the limit',
          caption:
            'Flows of N heads drawn from a law, against the flow of that law and the copies of the heads in it. Expected slope −1/2.',
          scale: 'heads N',
        }),
        figure(
          'byStep',
          stepCounts.map((count) => count / horizon),
          {
            title: 'One-sample descent follows the flow',
            caption: `One-sample gradient descent with step η against the flow of the same ${sgdHeads} heads. Expected slope −1/2 in 1/η.`,
            scale: '1/η',
          },
        ),
        figure('together', headCounts, {
          title: 'One-sample descent of N heads follows the limit',
          caption: `N heads drawn from a law, moved by one-sample gradient descent with step η = ${horizon}/N, against that law's flow. Expected slope −1/2, from N^{-1/2} + η^{1/2}.`,
          scale: 'heads N',
        }),
      ],
    };
  },
});

/** What is trivial about runs, if anything is. */
function trivialIn(runs: readonly CoupledRuns[]): string | undefined {
  if (runs.length === 0) return 'heads drawn from a law of one head are that head';
  return runs.every(({ byHeads }) => byHeads.coupled.every((distance) => distance === 0))
    ? 'no head feels another, so that each moves with its copy'
    : undefined;
}
