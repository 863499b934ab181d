import { type Interval, meanInterval } from '../../numeric/fit.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { type ClaimContext, type Expected, type Finding, judge, legacy } from '../legacy.ts';
import { type AlgebraicDecay, algebraicDecay, degenerate } from './algebraic-decay.ts';
import {
  explicitExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';
import { type Decay, type LongRun, largestSpectrum, levels, longRun } from './long-run.ts';
import { decayFigure, inequalityFigure } from './long-time-figures.ts';
import { contains } from './order-check.ts';

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  const [count, steps] = setting === 'full' ? [16, 16000] : [5, 6000];
  const measured = await overExperiments(
    context,
    instance === undefined ? count : 1,
    'long flows',
    (index) =>
      longRun(
        instance === undefined
          ? randomExperiment(backend, seed, index, { regularisation: 0.2, heads: 12 })
          : explicitExperiment(backend, instance),
        steps,
      ),
  );
  const compact =
    instance === undefined || instance.regularisation > 0 || instance.radius !== undefined;
  const inside =
    instance?.radius === undefined ||
    measured.every(({ largestHead }) => largestHead < 0.999 * (instance.radius ?? 0));
  return finding(
    measured,
    compact,
    inside,
    backend.scoped(() => algebraicDecay(backend)),
  );
}

function finding(
  measured: readonly LongRun[],
  compact: boolean,
  inside: boolean,
  algebraic: AlgebraicDecay,
): Finding {
  const decays = measured.flatMap(({ decay }) => (decay === undefined ? [] : [decay]));
  const arrived = decays.length === measured.length;
  const resting = decays.every(({ slowest }) => slowest > 0);
  const assumptions = [
    {
      name: 'λ > 0 or heads in a ball, so that the flow stays in a compact set',
      holds: compact,
      value: Math.max(...measured.map(({ largestHead }) => largestHead)),
    },
    { name: 'no head rests on the boundary of the ball', holds: inside, value: `${inside}` },
    {
      name: `the run is long enough (R − R_∞ falls to ${levels.end} of its start) and small enough (at most ${largestSpectrum} numbers in all heads)`,
      holds: arrived,
      value: Math.max(...measured.map(({ excess }) => excess[excess.length - 1] / excess[0])),
    },
    {
      name: 'the limit is no saddle: no negative eigenvalue',
      holds: resting,
      value: Math.min(...decays.map(({ slowest }) => slowest)),
    },
  ];
  const usable = assumptions.every(({ holds }) => holds);
  const tolerance =
    decays.length === 0 ? 0 : meanInterval(decays.map(({ uncertainty }) => uncertainty.ratio)).mean;
  const expected: Expected = { kind: 'value', value: 1, tolerance };
  const ratios = decays.map(({ comparison }) => comparison.ratio);
  const { mean, interval } = usable ? meanInterval(ratios) : { mean: Number.NaN, interval: null };
  const exponent = usable ? exponentOver(decays) : undefined;
  const shrinking = measured.every(
    ({ distances }) => distances[distances.length - 1] <= 1e-2 * distances[0],
  );
  const parts = [
    { holds: shrinking, text: 'the law does not approach its limit in W₂' },
    {
      holds: exponent === undefined || contains(exponent.overLinear, 0),
      text: `the exponent differs from that of the linearised flow by ${exponent?.overLinear.map((x) => x.toExponential(1)).join(' … ')}`,
    },
    {
      holds: decays.every(
        ({ comparison, uncertainty }) => comparison.leastQuotient >= 1 - uncertainty.quotient,
      ),
      text: `slope² falls to ${Math.min(...decays.map(({ comparison }) => comparison.leastQuotient)).toFixed(5)} of 2μ(R − R_∞)`,
    },
    {
      holds: contains(algebraic.exponentInterval, degenerate.exponent),
      text: `the degenerate limit has exponent ${algebraic.exponent.toFixed(4)}, not 5/6`,
    },
    {
      holds: contains(algebraic.rateInterval, degenerate.rate),
      text: `the degenerate limit is approached like t^−${algebraic.rate.toFixed(4)}, not t^{−3/2}`,
    },
  ];
  const broken = parts.filter(({ holds }) => !holds);
  const judged = judge(assumptions, mean, interval, expected);
  return {
    assumptions,
    evidence: {
      ...decayEvidence(measured, decays),
      ...(exponent === undefined
        ? {}
        : {
            'lojasiewicz.exponent.mean': exponent.mean,
            'lojasiewicz.exponent.overLinearised': exponent.overLinear,
          }),
      'degenerate.timeRatio': algebraic.timeRatio,
      'degenerate.exponent': algebraic.exponent,
      'degenerate.exponent.interval': algebraic.exponentInterval,
      'degenerate.exponent.expected': degenerate.exponent,
      'degenerate.rate': algebraic.rate,
      'degenerate.rate.interval': algebraic.rateInterval,
      'degenerate.rate.expected': degenerate.rate,
    },
    measured: mean,
    expected,
    interval,
    verdict: judged === 'holds' && broken.length > 0 ? 'fails' : judged,
    summary: summary(compact, usable, mean, exponent, measured, algebraic, broken),
    figures: [decayFigure(measured[0]), inequalityFigure(measured, algebraic)],
  };
}

interface ExponentOver {
  /** Mean exponent of the last three decades. */
  readonly mean: number;
  /** Of its difference from the exponents that the linearised flows show there, widened by what is left open. */
  readonly overLinear: Interval;
}

function exponentOver(decays: readonly Decay[]): ExponentOver {
  const exponents = decays.map(({ comparison }) => comparison.late.exponent);
  const { mean, interval } = meanInterval(
    decays.map(({ comparison }) => comparison.late.exponent - comparison.lateExponent),
  );
  const { mean: open } = meanInterval(decays.map(({ uncertainty }) => uncertainty.exponent));
  const [low, high] = interval ?? [mean, mean];
  return { mean: meanInterval(exponents).mean, overLinear: [low - open, high + open] };
}

function decayEvidence(measured: readonly LongRun[], decays: readonly Decay[]) {
  const compared = decays.map(({ comparison }) => comparison);
  return {
    'lojasiewicz.exponent': compared.map(({ late }) => late.exponent),
    'lojasiewicz.exponent.linearised': compared.map(({ lateExponent }) => lateExponent),
    'lojasiewicz.constant': compared.map(({ late }) => late.constant),
    'lojasiewicz.exponent.earlier': compared.map(({ early }) => early.exponent),
    'lojasiewicz.exponent.earlier.overLinearised': compared.map(
      ({ earlierDifferences: [first] }) => first,
    ),
    'lojasiewicz.quotient.least': compared.map(({ leastQuotient }) => leastQuotient),
    'lojasiewicz.quotient.uncertainty': decays.map(({ uncertainty }) => uncertainty.quotient),
    'spectrum.slowest': decays.map(({ slowest }) => slowest),
    'decay.timeRatio': compared.map(({ ratio }) => ratio),
    'decay.timeRatio.earlier': compared.map(({ earlierRatio }) => earlierRatio),
    'decay.timeRatio.uncertainty': decays.map(({ uncertainty }) => uncertainty.ratio),
    'risk.rounding': measured.map(({ rounding }) => rounding),
    'stationary.distance.first': measured.map(({ distances }) => distances[0]),
    'stationary.distance.last': measured.map(({ distances }) => distances[distances.length - 1]),
    'stationary.slope.last': measured.map(({ slopes }) => slopes[slopes.length - 1]),
    'risk.limit': measured.map(({ limit }) => limit),
  };
}

function summary(
  compact: boolean,
  usable: boolean,
  ratio: number,
  exponent: ExponentOver | undefined,
  measured: readonly LongRun[],
  algebraic: AlgebraicDecay,
  broken: readonly { text: string }[],
): string {
  if (!compact) {
    return 'Without regularisation on unbounded parameters the heads run away: no compactness.';
  }
  if (!usable || exponent === undefined) {
    return 'The flow had not come close enough to a limit at which the prediction can be tested.';
  }
  if (broken.length > 0) {
    return `Against the claim: ${broken.map(({ text }) => text).join('; ')}.`;
  }
  const last = measured.map(({ distances }) => distances[distances.length - 1]);
  return `The decay of the last three decades takes ${ratio.toFixed(4)} of the time that the spectrum at the limit predicts. Slope = c (R − R_∞)^a with a = ${exponent.mean.toFixed(3)} there. The law comes within ${Math.max(...last).toExponential(1)} of its limit in W₂. At a degenerate limit with a = 5/6 the fit gives ${algebraic.exponent.toFixed(4)}, and the risk falls like t^−${algebraic.rate.toFixed(4)}.`;
}

/** Long time: compactness and the Łojasiewicz rate (arXiv 2606.10469). */
export const longTime = legacy<HeadInstance>({
  id: 'B.long-time',
  paper: 'B',
  title: 'Long time: the Łojasiewicz exponent sets the rate',
  statement:
    'The flow approaches its stationary set; where $(\\int|\\nabla\\Psi|^2 d\\rho)^{1/2} \\ge c\\,(R - R_\\infty)^a$ the risk decays exponentially at rate $c^2$ ($a = \\tfrac12$) or like $t^{-1/(2a-1)}$ ($a \\in (\\tfrac12,1)$).',
  trust: 'P',
  quantity: 'decay time predicted by the spectrum at the limit, over the measured one',
  instance: headInstance,
  run: runExperiment,
});
