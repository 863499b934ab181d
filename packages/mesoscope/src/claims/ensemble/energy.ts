import * as z from 'zod';
import {
  type CurveCollapse,
  collapse,
  collapseParticles,
  type EnergyIdentity,
  measureCurveCollapse,
  measureEnergyIdentity,
  trainingOf,
} from '../../ensemble/energy-identity.ts';
import { agreement } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder, sampledOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { experimentOf, headCount, keyDimension, requireInputs, trainedFields } from './instance.ts';

const given = experiments({
  label: 'training',
  shared: {
    starts: experimentCount(6, 'random starts', 2),
    heads: headCount(8, 'H of the networks of 4 layers that the identity is measured on'),
    steps: increasing([16, 32, 64, 128, 256], 4, 'numbers of steps of the training time'),
    horizon: z.number().positive().default(0.4).describe('training time τ that is covered'),
    keyDimension,
  },
  own: {},
  data: trainedFields,
  full: { starts: 20 },
  check: requireInputs,
  pieces: ({ starts }) => starts,
});

export type Energies = ReturnType<typeof given.parse>;
export type MeasuredEnergy = EnergyIdentity & CurveCollapse;

export function energyConclusion(
  measured: readonly MeasuredEnergy[],
  { steps, horizon }: Pick<Energies, 'steps' | 'horizon'>,
): Conclusion {
  const rowsOf = (part: 'defects' | 'heads' | 'refined') => measured.map((one) => one[part]);
  const identity = deterministicOrder({
    name: "order of the energy identity's defect in the number of steps",
    failsIf: 'the loss falls by something else than ∫‖∇L‖²dτ, up to the order of explicit steps',
    ...{ scales: steps, rows: rowsOf('defects'), order: -1, side: 'at least as fast' },
    accuracy: Math.max(...measured.map(({ accuracy }) => accuracy)),
  });
  const permuted = agreement({
    name: 'loss curves before and after a permutation of heads',
    failsIf: 'the curve depends on more than the law of heads',
    of: measured.map((one) => one.permuted),
  });
  const heads = sampledOrder({
    name: 'order of the distance between loss curves of one law in LH',
    failsIf: 'curves of H heads collapse more slowly than (LH)^(−1/2)',
    ...{ scales: collapseParticles, rows: rowsOf('heads'), order: -0.5, among: 2 },
    side: 'at least as fast',
  });
  const refined = sampledOrder({
    name: 'order of the distance between loss curves of L and of 2L layers in L',
    failsIf: 'curves of independent heads at each depth collapse more slowly than L^(−1/2)',
    ...{ scales: collapse.refinedLayers, rows: rowsOf('refined'), order: -0.5, among: 2 },
    side: 'at least as fast',
  });
  const finite = measured.every(({ defects, curves }) =>
    [...defects, ...curves.flat()].every(Number.isFinite),
  );
  const still = rowsOf('defects')
    .flat()
    .every((defect) => defect === 0);
  const [first] = measured;
  const times = first.reference.map((_, i) => (horizon * i) / collapse.steps);
  const permutation = Math.max(...measured.map(({ permuted: p }) => p.difference / p.scale));
  return {
    hypotheses: [],
    resolution: [
      {
        name: 'the loss stays finite over the training time, which is short enough for explicit steps',
        holds: finite,
        value: finite ? 'finite' : 'left the numbers',
      },
      notTrivial(still ? 'the gradient vanishes at the start, and the loss rests' : undefined),
    ],
    checks: [identity, permuted, heads, refined],
    evidence: {
      'identity.steps': steps,
      'identity.errors': rowsOf('defects'),
      'permutation.differences': measured.map((one) => one.permuted.difference),
      'collapse.particles': collapseParticles,
      'collapse.errors': rowsOf('heads'),
      'refinement.layers': collapse.refinedLayers,
      'refinement.differences': rowsOf('refined'),
    },
    summary: `The loss falls by ∫‖∇L‖² up to a defect that falls ${decayInWords('steps', identity)}; ${finite ? `permuting heads changes the curve by ${permutation.toExponential(1)} of the loss` : 'the loss leaves the numbers'}; the distance between curves of H heads falls ${decayInWords('(LH)', heads)}, that between L and 2L layers of independent heads ${decayInWords('L', refined)}.`,
    figures: [
      convergenceFigure({
        id: 'D.energy',
        title: 'The energy identity along training',
        caption:
          'Relative difference between the fall of the loss and the integral of the squared conditional-Wasserstein gradient over the same training time, over the number of steps. Band: range over problems. Expected: order 1, that of explicit steps.',
        scale: 'steps',
        quantity: '|ΔL + ∫‖∇L‖²dτ| / |ΔL|',
        curves: [{ series: 'defect', scales: steps, rows: rowsOf('defects'), slope: -1 }],
      }),
      convergenceFigure({
        id: 'D.energy.collapse',
        title: 'Loss curves depend on the law of heads only',
        caption: `Largest distance between the loss curve of H independent heads at each of ${collapse.layers} depths and that of ${collapse.referenceHeads} others of the same law, over the number of particles whose sampling error both have together, L/(1/H + 1/${collapse.referenceHeads}). Band: range over problems. Expected: order ½ at least.`,
        scale: `particles L/(1/H + 1/${collapse.referenceHeads})`,
        quantity: 'sup_τ |L − L_ref|',
        curves: [
          { series: 'H heads', scales: collapseParticles, rows: rowsOf('heads'), slope: -0.5 },
        ],
      }),
      {
        id: 'D.energy.curves',
        title: 'Loss curves of L × H heads',
        caption: `Loss over training time with independent heads of one law (first problem); dashed: ${collapse.layers} × ${collapse.referenceHeads} heads. Expected: curves draw together as LH grows.`,
        x: { label: 'training time τ' },
        y: { label: 'loss' },
        marks: [
          ...collapse.drawn.map(({ layers, heads: count }, i) => ({
            kind: 'line' as const,
            series: `${layers} × ${count}`,
            x: times,
            y: first.curves[i],
          })),
          {
            kind: 'reference',
            label: `${collapse.layers} × ${collapse.referenceHeads}`,
            x: times,
            y: first.reference,
          },
        ],
      },
    ],
  };
}

/** Energy dissipation along the gradient flow of a law of heads (arXiv 2605.17660). */
export const energy = claim<Energies, MeasuredEnergy>({
  id: 'D.energy',
  title: 'Energy dissipation of training',
  statement:
    '$\\frac{dL}{d\\tau} = -\\|\\nabla L\\|^2 = -LH \\sum_{l,h} |\\partial L/\\partial\\theta_{l,h}|^2$, and the curve depends on the law of heads only.',
  trust: { statement: 'P' },
  given,
  measure({ backend, given, seed, index }) {
    const training = trainingOf(experimentOf(given, seed, index), given.horizon);
    return {
      ...measureEnergyIdentity(backend, training, given),
      ...measureCurveCollapse(backend, training),
    };
  },
  conclude: (measured, { given }) => energyConclusion(measured, given),
});
