import * as z from 'zod';
import { flowOfInstance } from '../../gaussian/gaussian-flow.ts';
import {
  attractingFlow,
  compareWithHull,
  type HullComparison,
} from '../../gaussian/measure/hull.ts';
import { gaussianFlowFields, headComplaints } from '../../gaussian/schema.ts';
import { bound, neverSeen } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import type { Figure, Mark } from '../figure.ts';
import { experiments } from '../given.ts';
import { completed, horizonField, softmax } from './conditions.ts';

const clouds = experiments({
  label: 'clouds',
  shared: {
    horizon: horizonField(10),
    tokens: z
      .array(z.int().min(2))
      .min(1)
      .default([64, 256, 1024])
      .describe('numbers of tokens n, at least 2: a single one has no spread'),
  },
  own: {},
  data: gaussianFlowFields,
  full: { tokens: [64, 256, 1024, 4096] },
  check: (given) => (given.explicit ? headComplaints(given) : []),
  pieces: ({ tokens }) => tokens.length,
});
type Clouds = ReturnType<typeof clouds.parse>;

export function finiteTokensConclusion(
  { horizon, attention }: { readonly horizon: number; readonly attention?: string },
  measured: readonly (HullComparison | null)[],
): Conclusion {
  const found = measured.flatMap((one) => one ?? []);
  const blowUp = found[0]?.lawBlowUp ?? null;
  const hull = bound({
    name: 'size of n tokens over the bound e^{ct}R + |b|(e^{ct} − 1)/c',
    failsIf: 'a token leaves the hull of the values faster than c = Σ|V_h| + |W| allows',
    pairs: found.flatMap(({ particleTrace, bounds, largest }) => [
      ...bounds.map((bound, k) => ({ value: Math.sqrt(particleTrace[k]), bound })),
      { value: largest, bound: bounds[bounds.length - 1] },
    ]),
    uncertainty: Math.max(0, ...found.map((one) => one.stepError)),
  });
  const lost = found.filter((one) => !one.particleTrace.every(Number.isFinite)).length;
  const alive = neverSeen({
    name: 'clouds that become infinite',
    failsIf: 'n tokens blow up',
    seen: lost,
  });
  const last = found[found.length - 1];
  return {
    hypotheses: [
      softmax(attention),
      {
        name: 'the closure blows up before the horizon',
        holds: blowUp !== null,
        value: blowUp ?? `not before ${horizon}`,
      },
    ],
    resolution: [completed('the closure', found)],
    checks: [hull, alive],
    evidence: {
      tokens: found.map((one) => one.tokens),
      'blowUpTime.integrated': blowUp ?? 'none',
      'closure.blowUpTimes': found.flatMap((one) => one.blowUpTime ?? []),
      departure: found.flatMap((one) => one.departure ?? []),
      'departure.tiltRatio': found.map(({ times, departure, tiltRatio }) => {
        const k = times.findIndex((t) => t >= (departure ?? horizon));
        return tiltRatio[k < 0 ? tiltRatio.length - 1 : k];
      }),
      'particles.finalTrace': found.map(
        ({ particleTrace }) => particleTrace[particleTrace.length - 1],
      ),
      'particles.lateGrowthRate': found.map((one) => one.lateRate),
      'particles.stepError': found.map((one) => one.stepError),
      'bound.rate': last?.rate ?? 0,
    },
    summary:
      blowUp === null || last === undefined
        ? `The closure does not blow up before depth ${horizon}; n tokens reach ${hull.measured.toPrecision(2)} of their bound.`
        : `The closure blows up at depth ${blowUp.toPrecision(4)}; n tokens live on, at most ${hull.measured.toPrecision(3)} of the bound e^{(Σ|V_h|+|W|)t}, and grow at the end at rate ${last.lateRate.toPrecision(3)}.`,
    figures: last === undefined ? [] : [departureFigure(found, blowUp)],
  };
}

function departureFigure(found: readonly HullComparison[], lawBlowUp: number | null): Figure {
  const last = found[found.length - 1];
  const ceiling = 10 * Math.max(...found.flatMap((one) => Array.from(one.particleTrace)));
  const kept = Array.from(last.closureTrace).filter((value) => value < ceiling).length;
  const closure: Mark = {
    kind: 'line',
    series: 'Gaussian closure',
    x: Array.from(last.times).slice(0, kept),
    y: last.closureTrace.slice(0, kept),
  };
  const label = `blow-up of the law, t* = ${lawBlowUp?.toPrecision(3)}`;
  const rule: Mark[] =
    lawBlowUp === null ? [] : [{ kind: 'rule', axis: 'x', at: lawBlowUp, label }];
  return {
    id: 'C.finite-n',
    title: 'The closure blows up, tokens do not',
    caption: `Trace of the covariance: the Gaussian closure (started from the moments of the largest cloud) and clouds of n tokens. Dots: where a cloud departs from its closure by 20 %.`,
    x: { label: 'depth t' },
    y: { label: 'tr Σ', scale: 'log' },
    marks: [
      ...rule,
      closure,
      ...found.flatMap(({ tokens, times, particleTrace, departure }): Mark[] => {
        const series = `n = ${tokens}`;
        const line: Mark = { kind: 'line', series, x: times, y: particleTrace };
        const k = departure === null ? -1 : times.findIndex((t) => t >= departure);
        return k < 0
          ? [line]
          : [line, { kind: 'dots', series, x: [times[k]], y: [particleTrace[k]] }];
      }),
    ],
  };
}

/** n tokens stay in their hull where the Gaussian closure becomes infinite. */
export const finiteTokens = claim<Clouds, HullComparison | null>({
  id: 'C.finite-n',
  title: 'Finitely many tokens never blow up',
  statement:
    'Softmax outputs lie in the convex hull of the values, so $\\max_i |x_i(t)| \\le e^{(\\sum_h|V_h| + |W|)t}\\max_i|x_i(0)|$ (for $b = 0$), also where the closure $(m, \\Sigma)$ becomes infinite in finite depth.',
  trust: { statement: 'D' },
  given: clouds,
  measure({ backend, given, seed, index }) {
    const flow = given.explicit
      ? flowOfInstance(given, given.horizon)
      : attractingFlow(given.horizon);
    return compareWithHull(backend, flow, { tokens: given.tokens[index], seed });
  },
  conclude: (found, { given }) =>
    finiteTokensConclusion(
      given.explicit ? given : { horizon: given.horizon, attention: 'softmax' },
      found,
    ),
});
