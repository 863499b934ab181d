import * as z from 'zod';
import {
  controlRatio,
  firstLoss,
  flowsTogether,
  lastLoss,
  type MeasuredConvergence,
  measureConvergence,
} from '../../ensemble/convergence-experiment.ts';
import { reached } from '../../ensemble/convergence-run.ts';
import { atLeast, atMost, bound, equals } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { convergenceFigures } from './convergence-figures.ts';
import { experimentOf, headCount, keyDimension, requireInputs, trainedFields } from './instance.ts';

const given = experiments({
  label: 'gradient flows',
  shared: {
    starts: experimentCount(5, 'random starts'),
    layers: z.int().min(1).max(4096).default(4).describe('L'),
    heads: headCount(8),
    steps: z.int().min(1).default(6000).describe('of gradient flow, at most'),
    keyDimension,
  },
  own: {
    displacements: z
      .array(z.number().positive())
      .default([0.1, 0.3, 1, 3, 10])
      .describe('sizes of displacements of targets from what a start puts out, small or not'),
  },
  data: trainedFields,
  full: { starts: 20, steps: 40_000 },
  check: requireInputs,
  pieces: ({ starts }) => starts,
});

export type Convergences = ReturnType<typeof given.parse>;

export function convergenceConclusion(measured: readonly MeasuredConvergence[]): Conclusion {
  const { runs, rates, injective, shares, spent, falls, late, quotient, controls, others } =
    flowsTogether(measured);
  const decay = equals({
    name: 'decay rate of the loss over twice the Polyak–Łojasiewicz ratio',
    failsIf: 'the loss decays at another rate than 2‖∇L‖²/2L',
    measured: quotient.median,
    interval: quotient.hull,
    intervalFrom: 'numerics',
    expected: 1,
    rivals: [0.5, 2],
  });
  const fall = atMost({
    name: 'final over initial loss, from a small one',
    failsIf: 'gradient flow comes to rest above a global minimum',
    measured: Math.max(...falls),
    expected: reached,
  });
  return {
    hypotheses: [
      {
        name: 'the tangent kernel is injective at the start: μ > 0',
        holds: injective,
        value: Math.min(...rates),
      },
      {
        name: 'the initial loss is small: at most μ²/(32Λ²), with Λ the largest curvature found',
        holds: !injective || shares.every((share) => share <= 1),
        value: injective ? Math.max(...shares) : 'no radius',
      },
    ],
    resolution: [
      notTrivial(
        runs.some(({ run }) => firstLoss(run) === 0)
          ? 'a start has loss 0: there is nothing to learn'
          : undefined,
      ),
      {
        name: 'no gradient flow ran out of steps',
        holds: spent === 0,
        value: `${spent} of ${runs.length}`,
      },
    ],
    checks:
      runs.length === 0
        ? []
        : [
            decay,
            fall,
            bound({
              name: 'slowest rate μ over the Polyak–Łojasiewicz ratio, along training',
              failsIf:
                '‖∇L‖² falls below 2μL, with μ the smallest eigenvalue of the tangent kernel there',
              pairs: runs.flatMap(({ run }) =>
                run.rates.map((value, i) => ({ value: value * (1 - 1e-9), bound: run.ratios[i] })),
              ),
            }),
            bound({
              name: 'loss over L(0) exp(−μτ/2)',
              failsIf: 'the loss falls more slowly than a start within the radius guarantees',
              pairs: runs.flatMap(({ run, small }) =>
                run.records.slice(1).map(({ loss, time }) => ({
                  value: loss,
                  bound: firstLoss(run) * Math.exp((-small.mode.rate * time) / 2),
                })),
              ),
            }),
            bound({
              name: 'movement of heads over √(8L(0)/μ)',
              failsIf: 'heads move further than a start within the radius allows',
              pairs: runs.map(({ run, small }) => ({
                value: Math.max(run.length, run.movement),
                bound: Math.sqrt((8 * firstLoss(run)) / small.mode.rate),
              })),
            }),
            bound({
              name: 'half of √μ at the start over √μ along training',
              failsIf: 'the tangent kernel loses more than a start within the radius allows',
              pairs: runs.flatMap(({ run, small }) =>
                run.rates.map((rate) => ({
                  value: Math.sqrt(small.mode.rate) / 2,
                  bound: Math.sqrt(Math.max(rate, 0)),
                })),
              ),
            }),
            ...(controls.length > 0
              ? [
                  atLeast({
                    name: 'control, one layer on dependent contexts: final loss over its floor',
                    failsIf:
                      'the loss converges without injectivity too, so that the claim says nothing',
                    measured: Math.min(...controls),
                    expected: 0.5,
                  }),
                ]
              : []),
          ],
    evidence: {
      'loss.initial': runs.map(({ run }) => firstLoss(run)),
      'loss.final': runs.map(({ run }) => lastLoss(run)),
      'loss.fall': falls,
      'loss.radius': measured.map(({ small }) => small.radius),
      curvature: measured.map(({ small }) => small.curvature),
      'plRatio.initial': runs.map(({ run }) => run.ratios[0]),
      'plRatio.smallest': runs.map(({ run }) => Math.min(...run.ratios)),
      'tangentKernel.rate': rates,
      'tangentKernel.kept': runs.map(({ run, small }) => Math.min(...run.rates) / small.mode.rate),
      plRatio: late.map(({ ratio }) => ratio),
      decayRate: late.map(({ rate }) => rate),
      'decayRate.overTwicePlRatio': late.map(({ quotient }) => quotient),
      'decayRate.errors': late.map(({ error }) => error),
      'heads.movement': runs.map(({ run }) => run.movement),
      'heads.length': runs.map(({ run }) => run.length),
      'control.overFloor': controls,
      'others.initial': others.all.map(({ first }) => first),
      'others.final': others.all.map(({ last }) => last),
    },
    summary:
      runs.length === 0
        ? 'No gradient flow was followed.'
        : `From losses within the a-priori radius all gradient flows fall to ${fall.measured.toExponential(1)} of their start or less${late.length > 0 ? ` and decay at ${decay.measured.toFixed(6)} times twice the measured Polyak–Łojasiewicz ratio` : ''}.${
            others.all.length > 0
              ? ` Of ${others.all.length} others ${others.converged.length} fall by 1e-8${others.converged.length > 0 ? `, from initial losses up to ${Math.max(...others.converged).toPrecision(2)}` : ''}${others.stalled.length > 0 ? `; the smallest initial loss from which they do not is ${Math.min(...others.stalled).toPrecision(2)}` : ''}.`
              : ''
          }`,
    figures: runs.length === 0 ? [] : convergenceFigures(measured),
  };
}

/** Convergence of gradient flow from a small loss (arXiv 2605.17660). */
export const convergence = claim<Convergences, MeasuredConvergence>({
  id: 'D.convergence',
  title: 'Gradient flow reaches a global minimum',
  statement:
    'If the kernel is injective and the initial loss is small, gradient flow reaches a global minimum, at the rate of the Polyak–Łojasiewicz ratio $\\|\\nabla L\\|^2 / 2L$.',
  trust: { statement: 'P', radius: 'D' },
  given,
  measure({ backend, given: instance, seed, index }) {
    const displacements = instance.explicit ? [] : instance.displacements;
    const experiment = experimentOf(instance, seed, index);
    return {
      ...measureConvergence(backend, experiment, { ...instance, displacements }),
      control: instance.explicit ? undefined : controlRatio(experiment.seed, instance.heads),
    };
  },
  conclude: (measured) => convergenceConclusion(measured),
});
