import {
  affine,
  attention,
  bound,
  claim,
  experiments,
  notTrivial,
  parametersFromMatrices,
  randomStream,
  simulate,
  sumOf,
} from 'mesoscope';
import { experimentCount, matrix } from 'mesoscope/claims';
import * as z from 'zod';

/** The range of the first coordinate. @param {readonly (readonly number[])[]} tokens */
const width = (tokens) => Math.max(...tokens.map(([x]) => x)) - Math.min(...tokens.map(([x]) => x));

/** Averaging keeps tokens in their convex hull: `mesoscope verify ./convex-hull.js`. */
export const convexHull = claim({
  id: 'X.convex-hull',
  title: 'Averaging never leaves the convex hull',
  statement: 'Along $\\dot x_i = \\sum_j P_{ij} x_j - x_i$ no range of a coordinate grows.',
  trust: { statement: 'D' },
  given: experiments({
    label: 'averaging flows',
    shared: { beta: z.number().default(1).describe('β of the scores β⟨x, y⟩') },
    own: { flows: experimentCount(10, 'random sequences of 8 tokens on the line') },
    data: { h0: matrix.describe('n tokens of one number') },
    pieces: (given) => (given.explicit ? 1 : given.flows),
  }),
  measure({ backend, given, seed, index }) {
    const random = randomStream(seed, 'convex hull', index);
    const tokens = given.explicit ? given.h0 : Array.from({ length: 8 }, () => [random.normal()]);
    const field = sumOf({
      attention: attention({ dimension: 1, heads: 1, keyDimension: 1, scale: given.beta }),
      affine: affine({ dimension: 1 }),
    });
    const heads = { 'attention.Q': [[[1]]], 'attention.K': [[[1]]], 'attention.V': [[[1]]] };
    const rest = { 'affine.W': [[-1]], 'affine.b': [0] };
    const parameters = parametersFromMatrices(field, { ...heads, ...rest });
    return simulate(backend, { field, parameters, tokens, horizon: 3 }).states.map(width);
  },
  conclude(measured) {
    const pairs = measured.flatMap((widths) =>
      widths.slice(1).map((value, k) => ({ value, bound: widths[k] })),
    );
    const still = pairs.every(({ bound }) => bound === 0);
    return {
      hypotheses: [],
      resolution: [notTrivial(still ? 'all tokens are equal' : undefined)],
      checks: [bound({ name: 'range after over before a step', failsIf: 'a range grows', pairs })],
      evidence: { ranges: measured.map((widths) => widths[widths.length - 1]) },
      summary: `${pairs.length} steps were compared.`,
      figures: [],
    };
  },
});
