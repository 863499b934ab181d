import {
  type AlgebraicDecay,
  algebraicDecay,
  degenerateLimits,
} from '../../heads/algebraic-decay.ts';
import { randomExperiment } from '../../heads/experiment.ts';
import {
  type Decay,
  type LongRun,
  largestSpectrum,
  levels,
  longRun,
} from '../../heads/long-run.ts';
import { atMost, type Check, equals, known, weakest } from '../check.ts';
import { claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure, Mark } from '../figure.ts';
import { experiments } from '../given.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { checkHeads, explicitExperiment, headData, penalty } from './instance.ts';

const given = experiments({
  label: 'long flows',
  shared: {
    regularisation: penalty.default(0.2),
    steps: experimentCount(6000, 'steps of the flow at the most', 100),
  },
  own: {
    flows: experimentCount(5, 'random laws of 12 heads; after them come the degenerate limits'),
  },
  data: headData,
  full: { flows: 16, steps: 10_000 },
  check: checkHeads,
  pieces: (given) => (given.explicit ? 1 : given.flows + degenerateLimits.length),
});

interface Measured {
  readonly run?: LongRun;
  readonly algebraic?: AlgebraicDecay;
  readonly compact: boolean;
}

/** Long time: compactness and the Łojasiewicz rate (arXiv 2606.10469). */
export const longTime = claim<ReturnType<typeof given.parse>, Measured>({
  id: 'B.long-time',
  title: 'Long time: the Łojasiewicz exponent sets the rate',
  statement:
    'The flow approaches its stationary set; where $(\\int|\\nabla\\Psi|^2 d\\rho)^{1/2} \\ge c\\,(R - R_\\infty)^a$ the risk decays exponentially at rate $c^2$ ($a = \\tfrac12$) or like $t^{-1/(2a-1)}$ ($a \\in (\\tfrac12,1)$).',
  trust: { statement: 'P' },
  given,
  measure({ backend, given, seed, index }) {
    const { regularisation, steps } = given;
    if (!given.explicit && index >= given.flows) {
      const { factors } = degenerateLimits[index - given.flows];
      return { algebraic: algebraicDecay(backend, factors), compact: true };
    }
    const experiment = given.explicit
      ? explicitExperiment(backend, given)
      : randomExperiment(backend, seed, index, { regularisation, heads: 12 });
    const { problem } = experiment;
    const compact = problem.regularisation > 0 || problem.radius < Number.POSITIVE_INFINITY;
    return { run: longRun(experiment, compact ? steps : 100), compact };
  },
  conclude(measured) {
    const runs = measured.flatMap(({ run }) => run ?? []);
    const algebraic = measured.flatMap(({ algebraic }) => algebraic ?? []);
    const decays = runs.flatMap(({ decay }) => decay ?? []);
    const compact = measured.every((one) => one.compact);
    const resting = runs.some(({ excess, slopes }) => excess[0] < 1e-12 || slopes[0] < 1e-12);
    const checks: Check[] = [
      ...(decays.length === 0 ? [] : spectrumChecks(decays)),
      ...(runs.length === 0
        ? []
        : [
            atMost({
              name: 'W₂ to the limit at the end, over that at the start',
              failsIf: 'the law does not approach the limit of its flow',
              measured: Math.max(
                ...runs.map(({ distances }) => distances[distances.length - 1] / distances[0]),
              ),
              expected: 0.01,
            }),
          ]),
      ...algebraic.flatMap(degenerateChecks),
    ];
    const slowest = Math.min(...decays.map((decay) => decay.slowest));
    return {
      hypotheses: [
        {
          name: 'λ > 0 or heads in a ball, so that the flow stays in a compact set',
          holds: compact,
          value: compact ? 'yes' : 'λ = 0 and no ball: heads may run away',
        },
      ],
      resolution: [
        notTrivial(resting ? 'the law is at rest' : undefined),
        {
          name: 'no head rests on the boundary of the ball, where the spectrum inside says nothing',
          holds: runs.every(({ inside }) => inside),
          value: Math.max(0, ...runs.map(({ largestHead }) => largestHead)),
        },
        {
          name: `the run is long enough (R − R_∞ falls to ${levels.end} of its start) and small enough (at most ${largestSpectrum} numbers in all heads)`,
          holds: decays.length === runs.length,
          value: resting
            ? 'there is nothing to run'
            : Math.max(0, ...runs.map(({ excess }) => excess[excess.length - 1] / excess[0])),
        },
        {
          name: 'the limit is no saddle: no negative eigenvalue',
          holds: decays.every((decay) => decay.slowest > 0),
          value: slowest,
        },
      ],
      checks,
      evidence: {
        'lojasiewicz.exponent': decays.map(({ late }) => late.exponent),
        'lojasiewicz.exponent.linearised': decays.map(({ lateExponent }) => lateExponent),
        'lojasiewicz.constant': decays.map(({ late }) => late.constant),
        'lojasiewicz.exponent.earlier': decays.map(({ early }) => early.exponent),
        'lojasiewicz.quotient.least': decays.map(({ leastQuotient }) => leastQuotient),
        'lojasiewicz.quotient.uncertainty': decays.map(({ uncertainty }) => uncertainty.quotient),
        'spectrum.slowest': decays.map((decay) => decay.slowest),
        'decay.timeRatio': decays.map(({ ratio }) => ratio),
        'decay.timeRatio.uncertainty': decays.map(({ uncertainty }) => uncertainty.ratio),
        'risk.rounding': runs.map(({ rounding }) => rounding),
        'risk.limit': runs.map(({ limit }) => limit),
        'stationary.distance.first': runs.map(({ distances }) => distances[0]),
        'stationary.distance.last': runs.map(({ distances }) => distances[distances.length - 1]),
        'stationary.slope.last': runs.map(({ slopes }) => slopes[slopes.length - 1]),
        'degenerate.timeRatio': algebraic.map(({ timeRatio }) => timeRatio),
        'degenerate.exponent': algebraic.map(({ exponent }) => exponent),
        'degenerate.rate': algebraic.map(({ rate }) => rate),
      },
      summary: resting
        ? nothing
        : `The decay of the last three decades takes ${decays.map(({ ratio }) => ratio.toFixed(5)).join(', ')} of the time that the spectrum at the limit predicts; there a = ${decays.map(({ late }) => late.exponent.toFixed(3)).join(', ')}.${algebraic.map(({ exponent, rate }, i) => ` Where ${degenerateLimits[i].factors} factors vanish at the limit, a = ${exponent.toFixed(4)} and the risk falls like t^−${rate.toFixed(4)}.`).join('')}`,
      figures: [...runs.slice(0, 1).map(decayFigure), inequalityFigure(runs, algebraic)],
    };
  },
});

/** The end of each run against the flow that is linearised at its limit. */
function spectrumChecks(decays: readonly Decay[]): Check[] {
  return [
    weakest(
      decays.map(({ ratio, uncertainty }) =>
        equals({
          name: 'decay time predicted by the spectrum at the limit, over the measured one',
          failsIf:
            'the risk decays at another rate than twice the slowest one of the linearised flow',
          ...known(ratio, uncertainty.ratio),
          ...{ expected: 1, rivals: [0.5, 2] },
        }),
      ),
    ),
    weakest(
      decays.map(({ late, lateExponent, uncertainty }) =>
        equals({
          name: 'exponent a of slope against R − R_∞, over that of the linearised flow',
          failsIf: 'the slope near the limit is not that of a quadratic minimum',
          ...known(late.exponent / lateExponent, uncertainty.exponent / lateExponent),
          ...{ expected: 1, rivals: [1.5, 2] },
        }),
      ),
    ),
  ];
}

/** Exponent and rate at a limit where they are known by hand. */
function degenerateChecks(
  { exponent, exponentInterval, rate, rateInterval }: AlgebraicDecay,
  i: number,
): Check[] {
  const limit = degenerateLimits[i];
  const others = degenerateLimits.filter((other) => other !== limit);
  return [
    equals({
      name: `exponent a at a limit where ${limit.factors} factors vanish`,
      failsIf: 'the slope falls with another power of R − R_∞',
      ...{ measured: exponent, interval: exponentInterval, intervalFrom: 'numerics' },
      ...{ expected: limit.exponent, rivals: [0.5, 1, ...others.map((o) => o.exponent)] },
    }),
    equals({
      name: 'power of 1/t of R − R_∞ there: 1/(2a − 1)',
      failsIf: 'the risk decays at another rate than its exponent says',
      ...{ measured: rate, interval: rateInterval, intervalFrom: 'numerics' },
      ...{ expected: limit.rate, rivals: [1, ...others.map((o) => o.rate)] },
    }),
  ];
}

/** Excess risk and slope along the flow, with the decay that the spectrum at the limit predicts. */
function decayFigure({ times, excess, slopes, decay }: LongRun): Figure {
  const from = decay?.from ?? times.length;
  const predicted = decay?.predicted ?? [];
  const kept = predicted.map((_, k) => k).filter((k) => predicted[k] > 1e-14);
  const reference: Mark = {
    ...{ kind: 'reference', label: `rate 2μ = ${(2 * (decay?.slowest ?? 0)).toPrecision(3)}` },
    x: kept.map((k) => times[from + k]),
    y: kept.map((k) => predicted[k]),
  };
  return {
    id: 'B.long-time',
    title: 'Decay to the limit',
    caption:
      'Risk over its limit along the flow, and the slope (∫|∇Ψ|²dρ)^{1/2}; dashed: the decay that the spectrum at the limit predicts. First experiment.',
    x: { label: 'time t' },
    y: { label: 'R − R_∞, slope', scale: 'log' },
    marks: [
      positiveLine('R − R_∞', times, excess),
      positiveLine('slope', times, slopes),
      ...(kept.length === 0 ? [] : [reference]),
    ],
  };
}

/** Slope against excess risk. */
function inequalityFigure(runs: readonly LongRun[], algebraic: readonly AlgebraicDecay[]): Figure {
  return {
    id: 'B.long-time.inequality',
    title: 'Łojasiewicz inequality',
    caption:
      'Slope against excess risk along each run: slope 1/2 is exponential decay; limits at which more factors vanish have a = 3/4 and 5/6.',
    x: { label: 'R − R_∞', scale: 'log' },
    y: { label: 'slope', scale: 'log' },
    marks: [
      ...runs.map((run, e) => positiveLine(`experiment ${e + 1}`, run.excess, run.slopes)),
      ...algebraic.map((run, i) =>
        positiveLine(`${degenerateLimits[i].factors} factors vanish`, run.excess, run.slopes),
      ),
    ],
  };
}

function positiveLine(series: string, x: readonly number[], y: readonly number[]): Mark {
  const kept = y.map((_, k) => k).filter((k) => y[k] > 1e-14 && (x[k] > 1e-12 || x[k] === 0));
  return { kind: 'line', series, x: kept.map((k) => x[k]), y: kept.map((k) => y[k]) };
}
