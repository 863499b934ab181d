import { symmetricEigen } from '../../numeric/decompositions.ts';
import { fromRows, symmetricPart, toRows, transpose } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { type LeaderRecord, measureLeaders, randomFollowers } from '../../sphere/hardmax.ts';
import { tokenComplaints, tokensField } from '../../sphere/schema.ts';
import { agreement, neverSeen } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, matrix } from '../fields.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';

const hardmaxFlows = experiments({
  label: 'hardmax flows',
  shared: {},
  own: { flows: experimentCount(6, 'random A and tokens') },
  data: {
    tokens: tokensField,
    A: matrix.describe('score ⟨Ax, y⟩, d × d, symmetric positive definite'),
  },
  full: { flows: 40 },
  check: (given) => (given.explicit ? tokenComplaints(given.tokens) : []),
  pieces: (given) => (given.explicit ? 1 : given.flows),
});
type HardmaxFlows = ReturnType<typeof hardmaxFlows.parse>;

export function leadersConclusion(
  given: { readonly A?: readonly (readonly number[])[] },
  flows: readonly LeaderRecord[],
): Conclusion {
  const sum = (of: (one: LeaderRecord) => number) => flows.reduce((all, one) => all + of(one), 0);
  const leaders = sum((one) => one.leaders.length);
  const tokens = sum((one) => one.tokens);
  return {
    hypotheses: [
      {
        name: 'A is symmetric positive definite',
        holds: given.A === undefined || isPositive(given.A),
        value: given.A === undefined ? 'by construction' : 'as given',
      },
    ],
    resolution: [
      {
        name: 'changes of whom to follow come to an end, in the same order at a coarser tolerance',
        holds: flows.every(({ completed }) => completed),
        value: `${flows.filter(({ completed }) => completed).length} of ${flows.length}`,
      },
      notTrivial(leaders === tokens ? 'every token leads, so that none moves' : undefined),
    ],
    checks: [
      neverSeen({
        name: 'leaders that cease to lead',
        failsIf: 'a token that follows itself follows another one later',
        seen: sum((one) => one.lost),
      }),
      neverSeen({
        name: 'leaders that move',
        failsIf: 'a token that follows itself does not stay where it is',
        seen: sum((one) => one.movedLeaders),
      }),
      neverSeen({
        name: 'tokens that follow no leader after the last change',
        failsIf: 'tokens end elsewhere than at leaders',
        seen: sum((one) => one.astray),
      }),
      agreement({
        name: 'distance to the leader after the last change, and e^{−t}',
        failsIf: 'tokens near their leader otherwise than like e^{−t}',
        of: flows.flatMap(({ decay }) => decay),
      }),
    ],
    evidence: {
      tokens: flows.map((one) => one.tokens),
      leaders: flows.map((one) => one.leaders.length),
      changes: flows.map((one) => one.changes),
      'time.settled': flows.map((one) => one.settled),
    },
    summary: `${leaders} of ${tokens} tokens lead; the others follow one of them for good after t = ${Math.max(...flows.map(({ settled }) => settled)).toPrecision(3)} at the latest.`,
    figures: flows[0].flow.states[0][0].length < 2 ? [] : [pathsFigure(flows[0])],
  };
}

/** Whether a matrix is symmetric, entry by entry, and positive definite. */
export function isPositive(rows: readonly (readonly number[])[]): boolean {
  const A = fromRows(rows);
  const mirrored = toRows(transpose(A));
  const symmetric = rows.every((row, i) => row.every((entry, j) => entry === mirrored[i][j]));
  return symmetric && symmetricEigen(symmetricPart(A)).values.every((value) => value > 0);
}

/** Where the tokens of the first flow go: states at changes joined by lines. */
function pathsFigure({ flow: { states }, leaders }: LeaderRecord) {
  return {
    id: 'E.leaders',
    title: 'Tokens follow leaders',
    caption:
      'The first two coordinates of the tokens of the first flow, from their start (thin lines) to the end of it. Dots: leaders, which never move.',
    equalAxes: true,
    x: { label: 'coordinate 1' },
    y: { label: 'coordinate 2' },
    marks: [
      ...states[0].map((_, i) => ({
        ...{ kind: 'line' as const, series: 'tokens' },
        x: states.map((x) => x[i][0]),
        y: states.map((x) => x[i][1]),
      })),
      {
        ...{ kind: 'dots' as const, series: 'leaders' },
        x: leaders.map((i) => states[0][i][0]),
        y: leaders.map((i) => states[0][i][1]),
      },
    ],
  };
}

/** Under hardmax attention tokens end at leaders (arXiv 2407.01602, in discrete time). */
export const leaders = claim<HardmaxFlows, LeaderRecord>({
  id: 'E.leaders',
  title: 'Under hardmax attention tokens end at leaders',
  statement:
    'For $\\dot x_i = x_{\\sigma(i)} - x_i$, $\\sigma(i) = \\operatorname{argmax}_j\\langle Ax_i,x_j\\rangle$, $A$ symmetric positive definite and almost every start, tokens with $\\sigma(i) = i$ stay for ever; after finite time every other token follows one of them, and nears it like $e^{-t}$.',
  trust: { statement: 'D', 'discrete time': 'S' },
  references: [
    {
      key: 'alcalde2024hardmax',
      title: 'Clustering in pure-attention hardmax transformers and its role in sentiment analysis',
      authors: ['Alcalde', 'Fantuzzi', 'Zuazua'],
      year: 2024,
      arxiv: '2407.01602',
    },
  ],
  given: hardmaxFlows,
  measure({ given, seed, index }) {
    if (given.explicit) return measureLeaders(fromRows(given.A), given.tokens);
    const { A, tokens } = randomFollowers(randomStream(seed, 'followers', index));
    return measureLeaders(A, tokens);
  },
  conclude: (flows, { given }) => leadersConclusion(given.explicit ? given : {}, flows),
});
