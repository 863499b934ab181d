import * as z from 'zod';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { plainAttention, type SphereKind } from '../../sphere/attention.ts';
import { type Gathering, type GatheringRecord, measureGathering } from '../../sphere/consensus.ts';
import { kindField, tokenComplaints, tokensField } from '../../sphere/schema.ts';
import { uniformTokens } from '../../sphere/tokens.ts';
import { type Check, type Condition, equals, known, neverSeen, weakest } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { deterministicOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { reached, sphereReferences } from './conditions.ts';

const gatherings = experiments({
  label: 'flows to one point',
  shared: {
    horizon: z
      .number()
      .positive()
      .default(200)
      .describe('T, in units of the slowest time scale: 1 for softmax, e^{−β} for unnormalised'),
  },
  own: { flows: experimentCount(6, 'random tokens on spheres of dimension 2 to 4') },
  data: {
    tokens: tokensField,
    beta: z.number().min(0).max(300).describe('β, so that B = βI'),
    kind: kindField,
  },
  full: { flows: 30, horizon: 1000 },
  check: (given) => (given.explicit ? tokenComplaints(given.tokens) : []),
  pieces: (given) => (given.explicit ? 1 : given.flows),
});
type Gatherings = ReturnType<typeof gatherings.parse>;

/** The checks that full and causal attention share: where tokens end, how fast, and what the linearisation leaves out. */
export function gatheringChecks(
  flows: readonly GatheringRecord[],
  words: { readonly rate: string; readonly rivals: readonly number[] },
): Check[] {
  const rates = flows.flatMap(({ rate }) => rate ?? []);
  return [
    neverSeen({
      name: 'flows that come to rest elsewhere than in one point',
      failsIf: 'tokens stop moving before they have gathered',
      seen: flows.filter(({ flow }) => flow.ended === 'at rest' && !flow.still).length,
    }),
    ...(rates.length === 0
      ? []
      : [
          weakest(
            rates.map(({ measured, open }) =>
              equals({
                name: words.rate,
                failsIf: 'the tokens gather at another rate than their linearisation at one point',
                ...known(measured, open),
                expected: 1,
                rivals: words.rivals,
              }),
            ),
          ),
        ]),
    deterministicOrder({
      name: 'order in 1/s of what the linearisation leaves out of clouds of size s',
      failsIf: 'a small cloud moves otherwise than the linearisation says',
      scales: [1, 2, 4, 8, 16],
      rows: flows.map(({ errors }) => errors),
      accuracy: flows.map(({ accuracy }) => accuracy),
      suprema: true,
      ...{ order: -2, side: 'at least as fast' },
    }),
  ];
}

/** The resolution that tokens gathered, or came to rest, before the time was up; and that they moved at all. */
export function gatheringResolution(flows: readonly GatheringRecord[]): Condition[] {
  const moving = flows.filter(({ flow }) => flow.ended === 'moving').length;
  return [
    reached(flows.map(({ flow }) => flow)),
    {
      name: 'the tokens gather or come to rest before the horizon',
      holds: moving === 0,
      value: moving === 0 ? 'yes' : `${moving} of ${flows.length} still move`,
    },
    notTrivial(
      flows.every(({ flow }) => flow.still)
        ? 'no token moves: one point, or an equilibrium, of which almost every start knows nothing'
        : undefined,
    ),
  ];
}

/** Angles against time, one curve a flow. */
export function gatheringFigure(
  id: string,
  caption: string,
  flows: readonly GatheringRecord[],
  angle: (flow: Gathering) => readonly number[],
): Figure {
  return {
    ...{ id, title: 'Tokens gather in one point', caption },
    x: { label: 'time t' },
    y: { label: 'angle, radians', scale: 'log' },
    marks: flows.map(({ flow }, i) => ({
      ...{ kind: 'line' as const, series: `flow ${i + 1}` },
      ...{ x: flow.times, y: angle(flow) },
    })),
  };
}

export function clusteringConclusion(
  given: { readonly beta?: number },
  flows: readonly GatheringRecord[],
): Conclusion {
  const span = Math.min(...flows.map(({ flow }) => flow.span));
  const gathered = flows.filter(({ flow }) => flow.ended === 'gathered').length;
  return {
    hypotheses: [
      {
        name: 'the tokens span three dimensions or more, or β ≤ 1',
        holds: span >= 3 || (given.beta ?? Number.POSITIVE_INFINITY) <= 1,
        value: span,
      },
    ],
    resolution: gatheringResolution(flows),
    checks: gatheringChecks(flows, {
      rate: 'rate of the largest angle, over 1 for softmax, over e^β for unnormalised',
      rivals: [0.5, 2],
    }),
    evidence: {
      span: flows.map(({ flow }) => flow.span),
      rate: flows.map(({ rate }) => rate?.measured ?? -1),
      'time.last': flows.map(({ flow }) => flow.times[flow.times.length - 1] ?? 0),
    },
    summary: `In ${gathered} of ${flows.length} flows the tokens gather in one point.`,
    figures: [
      gatheringFigure(
        'E.clustering',
        'Largest angle between two tokens. Expected: every curve ends in a straight line, of slope −1 for softmax.',
        flows,
        ({ diameters }) => diameters,
      ),
    ],
  };
}

/** Tokens on the sphere gather in one point (arXiv 2312.10794). */
export const sphereClustering = claim<Gatherings, GatheringRecord>({
  id: 'E.clustering',
  title: 'Tokens on the sphere gather in one point',
  statement:
    'For $B = \\beta I$, $V = I$ and almost every start, all tokens tend to one point where $d \\ge 3$, $\\beta \\ge 0$, or $\\beta \\le 1$; near it they move as $\\dot u_i = w\\sum_j (u_j - u_i)$, $w = 1/n$ for softmax and $e^\\beta/n$ for unnormalised attention, so that their angles fall like $e^{-t}$, or $e^{-e^\\beta t}$.',
  trust: { statement: 'S', rate: 'D' },
  references: sphereReferences,
  given: gatherings,
  measure({ backend, given, seed, index }) {
    const one = given.explicit
      ? given
      : randomGathering(randomStream(seed, 'tokens that gather', index), index);
    const d = one.tokens[0].length;
    const attention = plainAttention(d, one.beta, one.kind);
    return measureGathering(backend, { attention, tokens: one.tokens, horizon: given.horizon });
  },
  conclude: (flows, { given }) => clusteringConclusion(given.explicit ? given : {}, flows),
});

/** Tokens of moderate β, softmax and unnormalised by turns. */
function randomGathering(stream: RandomStream, index: number) {
  const kind: SphereKind = index % 2 === 0 ? 'softmax' : 'unnormalised';
  const tokens = uniformTokens(stream, 6 + stream.integer(7), 3 + stream.integer(3));
  return { kind, beta: 2 * stream.uniform(), tokens };
}
