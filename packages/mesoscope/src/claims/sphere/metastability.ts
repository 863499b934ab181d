import * as z from 'zod';
import { randomStream } from '../../numeric/random.ts';
import {
  distinctGap,
  type MetastableRecord,
  measureMetastability,
  randomGroups,
} from '../../sphere/metastability.ts';
import { agreement, equals, known, neverSeen, weakest } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, vector } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { metastableReferences } from './conditions.ts';

/** Radians by which groups must lie apart for a time apart to be long. */
const leastGap = 0.3;

const metastableGroups = experiments({
  label: 'groups on the circle',
  shared: {
    exponents: z
      .array(z.number().positive().max(30))
      .min(5)
      .default([6, 7.5, 9, 10.5, 12, 13.5])
      .describe('β(1 − cos φ₀) of the smallest gap φ₀, increasing: β is chosen to meet them')
      .refine((list) => list.every((value, i) => i === 0 || value > list[i - 1]), {
        message: 'must increase',
      }),
  },
  own: { groups: experimentCount(6, 'random groups: two, and three or four, by turns') },
  data: {
    angles: vector.min(2).describe('m angles of groups, in radians, in any order'),
    masses: z
      .array(z.number().positive())
      .min(2)
      .describe('m numbers > 0: how many tokens are in the groups, or shares of them'),
  },
  full: { groups: 30 },
  check: (given) =>
    given.explicit && Math.min(...gapsOf(onCircle(given).angles)) < leastGap
      ? [
          {
            path: 'angles',
            message: `must lie ${leastGap} radians or more apart; groups that are closer are one`,
          },
        ]
      : [],
  pieces: (given) => (given.explicit ? 1 : given.groups),
});
type MetastableGroups = ReturnType<typeof metastableGroups.parse>;

export function metastabilityConclusion(groups: readonly MetastableRecord[]): Conclusion {
  const lead = Math.min(...groups.map((one) => one.lead));
  const gap = groups.map((one) => one.gap);
  const two = groups.flatMap(({ quadrature }) => quadrature);
  const slopes = groups.map(({ slope, gap: angle }) => ({
    measured: slope.measured / (1 - Math.cos(angle)),
    open: slope.open / (1 - Math.cos(angle)),
  }));
  return {
    hypotheses: [
      {
        name: 'one gap is the smallest, by 0.1 radians or more, and below π (smallest lead)',
        holds: lead >= distinctGap && gap.every((one) => one < Math.PI - 1e-9),
        value: lead,
      },
    ],
    resolution: [
      {
        name: 'the closest groups meet before the time is up',
        holds: groups.every(({ completed }) => completed),
        value: `${groups.filter(({ completed }) => completed).length} of ${groups.length}`,
      },
    ],
    checks: [
      weakest(
        slopes.map((slope) =>
          equals({
            name: 'slope of log(βT) in β, over 1 − cos φ₀',
            failsIf: 'the time apart grows with β otherwise than like e^{β(1 − cos φ₀)}/β',
            ...known(slope.measured, slope.open),
            expected: 1,
            rivals: [0, 0.5, 2],
          }),
        ),
      ),
      ...(two.length === 0
        ? []
        : [
            agreement({
              name: 'time apart of two groups, and its integral',
              failsIf: 'two groups follow another equation than that of their angle',
              of: two,
            }),
          ]),
      neverSeen({
        name: 'merges of a pair more than 0.1 radians farther apart than the closest one',
        failsIf: 'the groups do not merge one pair after the other, the closest first',
        seen: groups.reduce((sum, { outOfOrder }) => sum + outOfOrder, 0),
      }),
    ],
    evidence: {
      beta: groups.map(({ betas }) => betas),
      'time.first': groups.map(({ times }) => times),
      gap,
      slope: groups.map(({ slope }) => slope.measured),
      'slope.expected': gap.map((angle) => 1 - Math.cos(angle)),
    },
    summary: groups.every(({ completed }) => completed)
      ? `At the largest β the closest groups stay apart for ${groups.map(({ times }) => times[times.length - 1].toPrecision(2)).join(', ')} units of time.`
      : 'Some groups do not meet within the time that they are waited for.',
    figures: groups.some(({ completed }) => completed) ? [timesFigure(groups), stairs(groups)] : [],
  };
}

function timesFigure(groups: readonly MetastableRecord[]): Figure {
  const all = groups.flatMap(({ gap, betas }) => betas.map((beta) => beta * (1 - Math.cos(gap))));
  const ends = [Math.min(...all), Math.max(...all)];
  return {
    id: 'E.metastability',
    title: 'Time apart grows exponentially in β',
    caption:
      'β times the time until the closest groups meet, against β(1 − cos φ₀). Dashed: slope 1.',
    x: { label: 'β(1 − cos φ₀)' },
    y: { label: 'β T', scale: 'log' },
    marks: [
      { kind: 'reference', label: 'e^{β(1 − cos φ₀)}', x: ends, y: ends.map(Math.exp) },
      ...groups.map(({ gap, betas, times }, i) => ({
        ...{ kind: 'line' as const, series: `groups ${i + 1}` },
        x: betas.map((beta) => beta * (1 - Math.cos(gap))),
        y: betas.map((beta, k) => beta * times[k]),
      })),
    ],
  };
}

function stairs(groups: readonly MetastableRecord[]): Figure {
  return {
    id: 'E.metastability-stairs',
    title: 'The energy climbs in stairs',
    caption:
      'Interaction energy over its largest value, 1/2, at the middle β: flat while groups stay apart, with a step at every merge.',
    x: { label: 'time t', scale: 'log' },
    y: { label: '2 · energy' },
    marks: groups.map(({ stages }, i) => ({
      ...{ kind: 'line' as const, series: `groups ${i + 1}` },
      x: stages.flatMap(({ from, to }) => [Math.max(from, 1), to]),
      y: stages.flatMap(({ energy }) => [2 * energy, 2 * energy]),
    })),
  };
}

/** Groups of tokens stay apart for a time exponential in β (arXiv 2410.06833). */
export const metastability = claim<MetastableGroups, MetastableRecord>({
  id: 'E.metastability',
  title: 'Groups stay apart for a time exponential in β, and merge one pair after the other',
  statement:
    'On the circle, with $B = \\beta I$, $V = I$ and softmax, groups of tokens whose smallest gap is $\\varphi_0$ stay apart for a time $T \\sim C\\beta^{-1}e^{\\beta(1-\\cos\\varphi_0)}$; then the closest two merge, and so on, while the energy climbs in stairs. Two groups of $m_1$, $m_2$ tokens follow $\\dot\\varphi = -(p_1+p_2)\\sin\\varphi$, $p_1 = m_2e/(m_1+m_2e)$, $p_2 = m_1e/(m_2+m_1e)$, $e = e^{\\beta(\\cos\\varphi-1)}$.',
  trust: { statement: 'S', rate: 'D' },
  references: metastableReferences,
  given: metastableGroups,
  measure({ given, seed, index }) {
    const groups = given.explicit
      ? onCircle(given)
      : randomGroups(randomStream(seed, 'groups', index), index);
    const barrier = 1 - Math.cos(Math.min(...gapsOf(groups.angles)));
    return measureMetastability(
      groups,
      given.exponents.map((exponent) => exponent / barrier),
    );
  },
  conclude: (groups) => metastabilityConclusion(groups),
});

/** Groups in the order of their angles. */
function onCircle({ angles, masses }: { angles: readonly number[]; masses: readonly number[] }) {
  const turn = 2 * Math.PI;
  const groups = angles
    .map((angle, k) => ({ angle: angle - turn * Math.floor(angle / turn), mass: masses[k] }))
    .sort((a, b) => a.angle - b.angle);
  return { angles: groups.map(({ angle }) => angle), sizes: groups.map(({ mass }) => mass) };
}

function gapsOf(angles: readonly number[]): number[] {
  return angles.map((angle, k) => (angles[k + 1] ?? angles[0] + 2 * Math.PI) - angle);
}
