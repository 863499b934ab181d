import * as z from 'zod';
import { randomStream } from '../../numeric/random.ts';
import {
  type EquiangularRecord,
  measureEquiangular,
  randomEquiangular,
} from '../../sphere/equiangular.ts';
import { kindField, tokenComplaints, tokensField } from '../../sphere/schema.ts';
import { agreement, equals, known, weakest } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { reached, sphereReferences } from './conditions.ts';

const equiangularFlows = experiments({
  label: 'equiangular flows',
  shared: {},
  own: { flows: experimentCount(8, 'random n, β and inner products') },
  data: {
    tokens: tokensField,
    beta: z.number().max(300).describe('β, so that B = βI'),
    kind: kindField,
  },
  full: { flows: 40 },
  check: (given) => (given.explicit ? tokenComplaints(given.tokens) : []),
  pieces: (given) => (given.explicit ? 1 : given.flows),
});
type EquiangularFlows = ReturnType<typeof equiangularFlows.parse>;

export function equiangularConclusion(flows: readonly EquiangularRecord[]): Conclusion {
  const moving = flows.filter(({ times }) => times.length > 0);
  const equal = flows.filter((one) => one.equal).length;
  return {
    hypotheses: [
      {
        name: 'all inner products of the start are equal',
        holds: equal === flows.length,
        value: `${equal} of ${flows.length}`,
      },
    ],
    resolution: [
      reached(flows),
      notTrivial(
        flows.some(({ atRest }) => atRest)
          ? 'the start is an equilibrium: one point, or as far apart as n tokens can be'
          : undefined,
      ),
    ],
    checks: [
      agreement({
        name: 'inner products of the tokens, and the closed equation',
        failsIf: 'the tokens do not stay equiangular, or follow another equation',
        of: moving.map((one) => ({ ...one, scale: 1 })),
      }),
      ...(moving.length === 0
        ? []
        : [
            weakest(
              moving.map(({ rate }) =>
                equals({
                  name: 'rate of 1 − ρ near one point, over 2 for softmax, over 2e^β for unnormalised',
                  failsIf: 'tokens gather at another rate than the slope of the equation at ρ = 1',
                  ...known(rate.measured / rate.expected, rate.open / rate.expected),
                  expected: 1,
                  rivals: [0.5, 2],
                }),
              ),
            ),
          ]),
    ],
    evidence: {
      n: flows.map((one) => one.case.n),
      beta: flows.map((one) => one.case.beta),
      kind: flows.map((one) => (one.case.kind === 'softmax' ? 0 : 1)),
      difference: flows.map(({ difference }) => difference),
      uncertainty: flows.map(({ uncertainty }) => uncertainty),
      'rate.measured': flows.map(({ rate }) => rate.measured),
      'rate.expected': flows.map(({ rate }) => rate.expected),
    },
    summary:
      moving.length === 0
        ? 'No tokens were followed.'
        : `Tokens and the closed equation differ by at most ${Math.max(...moving.map(({ difference }) => difference)).toExponential(1)} in their inner products.`,
    figures: [
      {
        id: 'E.equiangular',
        title: 'Equiangular tokens follow one equation',
        caption:
          'Inner product of the tokens (dots) and the closed equation (dashed), against time in units of the time at which 1 − ρ = 1e−5.',
        x: { label: 'time, as a share' },
        y: { label: 'inner product ρ' },
        marks: moving.flatMap(({ case: { kind }, times, particles, closed }) => {
          const x = times.map((t) => t / times[times.length - 1]);
          const some = x.flatMap((_, k) => (k % Math.ceil(x.length / 20) === 0 ? [k] : []));
          return [
            { kind: 'reference' as const, label: '', x, y: closed },
            {
              kind: 'dots' as const,
              series: kind,
              x: some.map((k) => x[k]),
              y: some.map((k) => particles[k]),
            },
          ];
        }),
      },
    ],
  };
}

/** Equiangular tokens follow one scalar equation (arXiv 2312.10794). */
export const equiangular = claim<EquiangularFlows, EquiangularRecord>({
  id: 'E.equiangular',
  title: 'Equiangular tokens follow one equation',
  statement:
    'For $B = \\beta I$, $V = I$ and $\\langle x_i,x_j\\rangle = \\rho$ for all $i \\ne j$ at the start, this stays so, and $\\dot\\rho = 2w(1-\\rho)(1+(n-1)\\rho)$, $w = e^{\\beta\\rho}/(e^\\beta+(n-1)e^{\\beta\\rho})$ for softmax, $w = e^{\\beta\\rho}/n$ for unnormalised attention; $1-\\rho$ falls like $e^{-2t}$, or $e^{-2e^\\beta t}$.',
  trust: { statement: 'S', rate: 'D' },
  references: sphereReferences,
  given: equiangularFlows,
  measure({ backend, given, seed, index }) {
    const one = given.explicit
      ? given
      : randomEquiangular(randomStream(seed, 'equiangular tokens', index), index);
    return measureEquiangular(backend, one);
  },
  conclude: (flows) => equiangularConclusion(flows),
});
