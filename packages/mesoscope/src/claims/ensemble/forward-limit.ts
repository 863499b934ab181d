import { randomHeadPath } from '../../ensemble/head-path.ts';
import {
  type ContextChange,
  type LimitErrors,
  measureContextChanges,
  measureLimitErrors,
} from '../../ensemble/limit-errors.ts';
import { bound } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder, sampledOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { experimentOf, headCount, inputFields, keyDimension, requireInputs } from './instance.ts';

const layers = 16;
const contextShifts = [1e-1, 1e-2, 1e-3];
/** A sensitivity that bends more than this between two looks, relative, may be larger between them than can be told. */
const largestBend = 0.05;

const given = experiments({
  label: 'laws of heads',
  shared: {
    laws: experimentCount(8, 'random laws of heads at every depth', 2),
    atoms: headCount(16, 'heads that each law consists of at every depth'),
    depths: increasing([4, 8, 16, 32, 64, 128], 4, 'numbers of layers L'),
    heads: increasing([1, 2, 4, 8, 16, 32], 4, `heads H sampled at each of ${layers} layers`),
    repetitions: experimentCount(64, 'independent draws of heads of each size'),
    keyDimension,
  },
  own: {},
  data: inputFields,
  full: { laws: 24 },
  check: requireInputs,
  pieces: ({ laws }) => laws,
});

export type ForwardLimits = ReturnType<typeof given.parse>;
export type ForwardLimitErrors = LimitErrors & { readonly changes: readonly ContextChange[] };

export function forwardLimitConclusion(
  measured: readonly ForwardLimitErrors[],
  { depths, heads: counts }: Pick<ForwardLimits, 'depths' | 'heads'>,
): Conclusion {
  const particles = counts.map((count) => count * layers);
  const rowsOf = (part: 'heads' | 'single' | 'depth') => measured.map((one) => one[part]);
  const heads = sampledOrder({
    name: 'order of the error of H sampled heads in LH',
    failsIf: 'sampled heads approach their law more slowly than (LH)^(−1/2)',
    ...{
      scales: particles,
      rows: rowsOf('heads'),
      order: -0.5,
      side: 'at least as fast',
      among: 2,
    },
  });
  const single = sampledOrder({
    name: 'order of the error of one sampled head a layer in L',
    failsIf:
      'depth does not average: one head a layer approaches its law more slowly than L^(−1/2)',
    ...{ scales: depths, rows: rowsOf('single'), order: -0.5, side: 'at least as fast', among: 2 },
  });
  const depth = deterministicOrder({
    name: 'order of the distance to continuous depth in L',
    failsIf: 'the whole law of heads on L layers approaches continuous depth more slowly than 1/L',
    ...{ scales: depths, rows: rowsOf('depth'), order: -1, side: 'at least as fast' },
    accuracy: Math.max(...measured.map((one) => one.referenceError)),
  });
  const changes = measured.flatMap((one) => one.changes);
  const followed = changes.filter(({ slope, bend }) => bend <= largestBend * slope);
  const lipschitz = bound({
    name: "change of the final token over the context costates' bound times W₁",
    failsIf: 'a change of context moves the token further than sup_z |∂x_1/∂μ(z)| W₁ allows',
    resolution: [
      {
        name: 'the sensitivity to the context is resolved along some change',
        holds: followed.length > 0,
        value: Math.min(...changes.map(({ slope, bend }) => bend / slope)),
      },
    ],
    pairs: followed.map(({ moved, slope, bend, distance, rounding }) => ({
      value: moved,
      bound: (slope + bend) * distance + rounding,
    })),
  });
  const still = rowsOf('depth')
    .flat()
    .every((error) => error === 0);
  return {
    hypotheses: [],
    resolution: [notTrivial(still ? 'no head moves any token' : undefined)],
    checks: [heads, single, depth, lipschitz],
    evidence: {
      depths,
      'depth.errors': rowsOf('depth'),
      'reference.errors': measured.map((one) => one.referenceError),
      'heads.particles': particles,
      'heads.errors': rowsOf('heads'),
      'singleHead.errors': rowsOf('single'),
      'lipschitz.shifts': contextShifts,
      'lipschitz.changes': changes.map(({ moved }) => moved),
      'lipschitz.distances': changes.map(({ distance }) => distance),
      'lipschitz.bounds': changes.map(({ slope }) => slope),
    },
    summary: `The error of sampled heads falls ${decayInWords('(LH)', heads)} at fixed depth and ${decayInWords('L', single)} with one head a layer, that of depth ${decayInWords('L', depth)}; changes of contexts move the output by up to ${lipschitz.measured.toPrecision(4)} of what the context costates allow for W₁.`,
    figures: [
      convergenceFigure({
        id: 'D.forward-limit.heads',
        title: 'Sampled heads at a fixed depth',
        caption: `Root-mean-square distance of final tokens between networks of ${layers} layers with H independent heads each and the whole law of heads at the same depth. Band: range over random laws. Expected: order ½.`,
        scale: 'particles LH',
        quantity: 'distance of final tokens',
        curves: [{ series: 'H heads', scales: particles, rows: rowsOf('heads'), slope: -0.5 }],
      }),
      convergenceFigure({
        id: 'D.forward-limit',
        title: 'Finite networks against the infinitely deep and wide one',
        caption:
          'Root-mean-square distance of final tokens: independent heads, one at each depth, against the whole law of heads at the same depth, and the whole law at L layers against continuous depth. Band: range over random laws. Expected: order ½ and order 1.',
        scale: 'layers L',
        quantity: 'distance of final tokens',
        curves: [
          {
            series: 'one random head a layer',
            scales: depths,
            rows: rowsOf('single'),
            slope: -0.5,
          },
          { series: 'whole law of heads', scales: depths, rows: rowsOf('depth'), slope: -1 },
        ],
      }),
    ],
  };
}

/** Finite networks approach the infinitely deep and wide forward pass (arXiv 2605.17660). */
export const forwardLimit = claim<ForwardLimits, ForwardLimitErrors>({
  id: 'D.forward-limit',
  title: 'The infinitely deep and wide forward pass',
  statement:
    'With independent heads at each depth, $|x^{L,H} - x_1| = O((LH)^{-1/2}) + O(1/L)$, even at $H = 1$: depth averages; and $x_1$ is Lipschitz in the context for $W_1$.',
  trust: { statement: 'P', rate: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const { discrete, keyDimension, seed: own } = experimentOf(given, seed, index);
    const shape = { dimension: discrete.dimension, keyDimension, atoms: given.atoms };
    const path = randomHeadPath(shape, own);
    const experiment = { inputs: discrete, path, keyDimension, seed: own };
    const { depths, heads: headCounts, repetitions } = given;
    return {
      ...measureLimitErrors(backend, experiment, { depths, headCounts, layers, repetitions }),
      changes: measureContextChanges(backend, experiment, { layers, sizes: contextShifts }),
    };
  },
  conclude: (measured, { given }) => forwardLimitConclusion(measured, given),
});
