import * as z from 'zod';
import { fromRows } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { randomFollowers } from '../../sphere/hardmax.ts';
import { measurePolytope, type PolytopeRecord } from '../../sphere/rescaled.ts';
import { tokenComplaints, tokensField } from '../../sphere/schema.ts';
import { equals, known, neverSeen, weakest } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, matrix } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { reached, rescaledReferences } from './conditions.ts';
import { isPositive } from './leaders.ts';

const rescaledFlows = experiments({
  label: 'rescaled flows',
  shared: {
    horizon: z
      .number()
      .positive()
      .max(15)
      .default(10)
      .describe('T; scores are multiplied by e^{2t}'),
  },
  own: { flows: experimentCount(6, 'random A and tokens') },
  data: {
    tokens: tokensField,
    A: matrix.describe('score ⟨Ax, y⟩, d × d, symmetric positive definite'),
  },
  full: { flows: 40 },
  check: (given) => (given.explicit ? tokenComplaints(given.tokens) : []),
  pieces: (given) => (given.explicit ? 1 : given.flows),
});
type RescaledFlows = ReturnType<typeof rescaledFlows.parse>;

export function polytopeConclusion(
  given: { readonly A?: readonly (readonly number[])[] },
  flows: readonly PolytopeRecord[],
): Conclusion {
  const sum = (of: (one: PolytopeRecord) => number) => flows.reduce((all, one) => all + of(one), 0);
  const rates = flows.flatMap(({ rate }) => rate ?? []);
  const [tokens, vertices] = [sum((one) => one.tokens), sum((one) => one.vertices.length)];
  const left = Math.max(
    ...flows.map(({ distances }) =>
      distances[0] > 0 ? distances[distances.length - 1] / distances[0] : 0,
    ),
  );
  const definite = given.A === undefined || isPositive(given.A);
  return {
    hypotheses: [
      {
        name: 'A is symmetric positive definite',
        holds: definite,
        value: given.A === undefined ? 'by construction' : String(definite),
      },
    ],
    resolution: [
      reached(flows),
      {
        name: 'tokens have gone to within a hundredth of their way (largest share)',
        holds: left < 0.01,
        value: left,
      },
      notTrivial(vertices === tokens ? 'every token is a vertex, so that none moves' : undefined),
    ],
    checks: [
      neverSeen({
        name: 'directions and times in which the convex hull grows',
        failsIf: 'the hull of the rescaled tokens grows by more than the solver leaves open',
        seen: sum((one) => one.growths),
      }),
      neverSeen({
        name: 'tokens that follow no vertex at the end',
        failsIf: 'tokens tend to other points than the vertices of the limit',
        seen: sum((one) => one.astray),
      }),
      ...(rates.length === 0
        ? []
        : [
            weakest(
              rates.map(({ measured, open }) =>
                equals({
                  name: 'rate at which tokens near their vertices',
                  failsIf: 'tokens near the vertices otherwise than like e^{−t}',
                  ...known(measured, open),
                  expected: 1,
                  rivals: [0, 0.5, 2],
                }),
              ),
            ),
          ]),
    ],
    evidence: {
      tokens: flows.map((one) => one.tokens),
      vertices: flows.map((one) => one.vertices.length),
      rate: flows.map(({ rate }) => rate?.measured ?? -1),
      'distance.last': flows.map(({ distances }) => distances[distances.length - 1]),
    },
    summary: `${tokens} rescaled tokens tend to ${vertices} vertices; the hull never grows.`,
    figures: [pathsFigure(flows[0])],
  };
}

function pathsFigure({ states, vertices }: PolytopeRecord): Figure {
  const end = states[states.length - 1];
  return {
    id: 'E.polytope',
    title: 'Rescaled tokens tend to the vertices of a polytope',
    caption:
      'The first two coordinates of e^{−t}x for the tokens of the first flow: their paths, and the vertices that they end at. Most tokens go straight to a vertex.',
    equalAxes: true,
    x: { label: 'coordinate 1' },
    y: { label: 'coordinate 2' },
    marks: [
      ...end.map((_, i) => ({
        ...{ kind: 'line' as const, series: 'tokens' },
        x: states.map((x) => x[i][0]),
        y: states.map((x) => x[i][1]),
      })),
      {
        ...{ kind: 'dots' as const, series: 'vertices' },
        x: vertices.map((i) => end[i][0]),
        y: vertices.map((i) => end[i][1]),
      },
    ],
  };
}

/** Rescaled tokens tend to a polytope (arXiv 2305.05465). */
export const polytope = claim<RescaledFlows, PolytopeRecord>({
  id: 'E.polytope',
  title: 'Rescaled tokens tend to the vertices of a polytope',
  statement:
    'Without norms, with $V = I$ and scores $\\langle Ax,y\\rangle$, $A$ symmetric positive definite, $z = e^{-t}x$ solves $\\dot z_i = \\sum_j P_{ij}(z_j - z_i)$ with scores $e^{2t}\\langle Az_i,z_j\\rangle$: its convex hull never grows, and for almost every start each $z_i$ tends to a vertex of a polytope, like $e^{-t}$; faces and 0 are left to exceptional starts.',
  trust: { statement: 'S', 'vertices and rate': 'D' },
  references: rescaledReferences,
  given: rescaledFlows,
  measure({ given, seed, index }) {
    const stream = randomStream(seed, 'rescaled tokens', index);
    const flow = given.explicit
      ? { A: fromRows(given.A), tokens: given.tokens }
      : randomFollowers(stream);
    return measurePolytope(flow.A, flow.tokens, given.horizon, stream);
  },
  conclude: (flows, { given }) => polytopeConclusion(given.explicit ? given : {}, flows),
});
