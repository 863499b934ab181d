import * as z from 'zod';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { multiple, type SphereAttention } from '../../sphere/attention.ts';
import { type GatheringRecord, measureGathering } from '../../sphere/consensus.ts';
import { tokenComplaints, tokensField } from '../../sphere/schema.ts';
import { uniformTokens } from '../../sphere/tokens.ts';
import { identical } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, matrix } from '../fields.ts';
import { experiments } from '../given.ts';
import { gatheringChecks, gatheringFigure, gatheringResolution } from './clustering.ts';

const causalFlows = experiments({
  label: 'causal flows',
  shared: { horizon: z.number().positive().default(100).describe('T, in units of 2') },
  own: { flows: experimentCount(6, 'random B and tokens') },
  data: { tokens: tokensField, B: matrix.describe('score ⟨Bx, y⟩ of query x and key y, d × d') },
  full: { flows: 30, horizon: 1000 },
  check: (given) => (given.explicit ? tokenComplaints(given.tokens) : []),
  pieces: (given) => (given.explicit ? 1 : given.flows),
});
type CausalFlows = ReturnType<typeof causalFlows.parse>;

export function causalConclusion(flows: readonly GatheringRecord[]): Conclusion {
  const gathered = flows.filter(({ flow }) => flow.ended === 'gathered').length;
  return {
    hypotheses: [],
    resolution: gatheringResolution(flows),
    checks: [
      identical({
        name: 'the first token, and its start',
        failsIf: 'the first token, which sees only itself, moves by more than rounding',
        of: flows.map(({ flow }) => ({
          difference: flow.firstMoved,
          uncertainty: 4 * Number.EPSILON * (flow.times.length + 1),
          scale: 1,
        })),
      }),
      ...gatheringChecks(flows, {
        rate: 'rate at which the second token nears the first, over 1/2',
        rivals: [2],
      }),
    ],
    evidence: {
      rate: flows.map(({ rate }) => rate?.measured ?? -1),
      'first.moved': flows.map(({ flow }) => flow.firstMoved),
      'time.last': flows.map(({ flow }) => flow.times[flow.times.length - 1] ?? 0),
    },
    summary: `In ${gathered} of ${flows.length} causal flows all tokens gather at the first one, which does not move.`,
    figures: [
      gatheringFigure(
        'E.causal',
        'Largest angle between a token and the first one. Expected: every curve ends in a straight line of slope −1/2.',
        flows,
        ({ toFirst }) => toFirst,
      ),
    ],
  };
}

/** Causal attention with scores of any kind and values of the identity. */
function causalAttention(B: SphereAttention['heads'][0]['B']): SphereAttention {
  return { kind: 'softmax', causal: true, heads: [{ B, V: multiple(B.length, 1) }] };
}

function randomCausal(stream: RandomStream) {
  const d = 2 + stream.integer(3);
  const B = Array.from({ length: d }, () => Array.from({ length: d }, () => stream.normal()));
  return { B, tokens: uniformTokens(stream, 4 + stream.integer(6), d) };
}

/** Under a causal mask the first token attracts all others (arXiv 2411.04990). */
export const causal = claim<CausalFlows, GatheringRecord>({
  id: 'E.causal',
  title: 'Under a causal mask the first token attracts all others',
  statement:
    'With a causal mask, $V = I$, any $B$ and almost every start, $x_1$ stays and all tokens tend to it; near it $\\dot u_i = \\tfrac1i\\sum_{j\\le i} u_j - u_i$, whose eigenvalues are $-(1-\\tfrac1i)$, so that angles fall like $e^{-t/2}$.',
  trust: { statement: 'S', rate: 'D' },
  references: [
    {
      key: 'karagodin2024causal',
      title: 'Clustering in Causal Attention Masking',
      authors: ['Karagodin', 'Polyanskiy', 'Rigollet'],
      year: 2024,
      arxiv: '2411.04990',
    },
  ],
  given: causalFlows,
  measure({ backend, given, seed, index }) {
    const { B, tokens } = given.explicit
      ? given
      : randomCausal(randomStream(seed, 'causal tokens', index));
    return measureGathering(backend, {
      ...{ attention: causalAttention(B), tokens, horizon: given.horizon },
    });
  },
  conclude: (flows) => causalConclusion(flows),
});
