import { headFlow } from '../../heads/flow.ts';
import { descend } from '../../heads/growth.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { linearDecay, timeToFall } from '../../heads/linear-decay.ts';
import { fitLojasiewicz, type LojasiewiczFit } from '../../heads/lojasiewicz.ts';
import { headDistance } from '../../heads/matching.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { type Interval, meanInterval } from '../../numeric/fit.ts';
import { type Claim, type ClaimContext, type Expected, type Finding, judge } from '../claim.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure, Mark } from '../figure.ts';
import { type AlgebraicDecay, algebraicDecay, degenerate } from './algebraic-decay.ts';
import {
  explicitExperiment,
  type HeadExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';
import { contains } from './order-check.ts';

/** Excess risks, as fractions of the first, at which the decay is judged, from far to near the limit. */
const levels = { early: 1e-5, linear: 1e-6, later: 1e-7, late: 1e-8, end: 1e-11 } as const;
type Level = keyof typeof levels;

/** Parameters of all heads together, up to which the spectrum at the limit is computed. */
const largestSpectrum = 600;

interface Measured {
  readonly times: number[];
  readonly excess: number[];
  readonly slopes: number[];
  /** W_2 to the limit of the flow. */
  readonly distances: number[];
  readonly limit: number;
  readonly largestHead: number;
  /** What the limit's spectrum says; undefined if the run was too short, or too large. */
  readonly decay: Decay | undefined;
}

interface Decay {
  /** Predicted over measured time from the level `later` to the end, by the linearised flow at the limit. */
  readonly ratio: number;
  /** The same from the level `linear`: terms beyond the linear ones, of the order of √(R − R_∞), are √10 times as large. */
  readonly earlierRatio: number;
  /** Smallest eigenvalue other than 0 at the limit. */
  readonly slowest: number;
  /** Least `slope²/(R − R_∞)` on the last three decades, over twice the slowest eigenvalue: at least 1 in the limit. */
  readonly leastQuotient: number;
  /** Łojasiewicz fit over the last three decades, and over the three before. */
  readonly late: LojasiewiczFit;
  readonly early: LojasiewiczFit;
  /** `R − R_∞` that the linearised flow predicts, t after the level `later`. */
  readonly predicted: (time: number) => number;
  readonly from: number;
}

/** Runs the flow until it rests, or for the given number of steps. */
function measure({ problem, law }: HeadExperiment, steps: number): Measured {
  const isSmall = law.parameters.length <= largestSpectrum;
  const laws: Float64Array[] = [];
  const path: { time: number; risk: number; slope: number }[] = [];
  let last = law;
  for (const { time, risk, slopeSquare, law: now } of headFlow(problem, law, {
    step: 1,
    steps,
    scheme: 'rk4',
  })) {
    path.push({ time, risk, slope: Math.sqrt(slopeSquare) });
    if (isSmall || path.length % 50 === 1) laws.push(now.parameters.slice());
    last = now;
    if (slopeSquare < 1e-16) break;
  }
  const end = descend(problem, headLaw(law.shape, last.parameters.slice(), law.weights), 500);
  const limit = Math.min(problem.risk(end).risk, ...path.map(({ risk }) => risk));
  const excess = path.map(({ risk }) => risk - limit);
  const run = {
    times: path.map(({ time }) => time),
    excess,
    slopes: path.map(({ slope }) => slope),
    distances: laws
      .filter((_, k) => !isSmall || k % 50 === 0)
      .map((parameters) => headDistance(headLaw(law.shape, parameters, law.weights), end)),
    limit,
    largestHead: largestNorm(end.parameters, law.count),
  };
  return { ...run, decay: isSmall ? decayOf(problem, run, laws, end) : undefined };
}

function decayOf(
  problem: HeadProblem,
  { times, excess, slopes }: Omit<Measured, 'decay'>,
  laws: readonly Float64Array[],
  end: HeadLaw,
): Decay | undefined {
  const at = (level: Level) => excess.findIndex((value) => value <= levels[level] * excess[0]);
  const [early, linear, later, late, until] = (
    ['early', 'linear', 'later', 'late', 'end'] as const
  ).map(at);
  if (early < 0 || until < 0 || until - late < 8 || late - early < 8) return undefined;
  const linearised = linearDecay(problem, end);
  const predictionFrom = (k: number) =>
    linearised.excessAfter(headLaw(end.shape, laws[k], end.weights));
  const ratioFrom = (k: number) =>
    timeToFall(predictionFrom(k), excess[until]) / (times[until] - times[k]);
  const slowest = linearised.rates[0];
  const quotients = excess.slice(late, until).map((value, k) => slopes[late + k] ** 2 / value);
  return {
    ratio: ratioFrom(later),
    earlierRatio: ratioFrom(linear),
    slowest,
    leastQuotient: Math.min(...quotients) / (2 * slowest),
    late: fitLojasiewicz(excess.slice(late, until), slopes.slice(late, until)),
    early: fitLojasiewicz(excess.slice(early, late), slopes.slice(early, late)),
    predicted: predictionFrom(later),
    from: later,
  };
}

function largestNorm(parameters: Float64Array, count: number): number {
  const P = parameters.length / count;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    largest = Math.max(largest, Math.hypot(...parameters.subarray(i * P, (i + 1) * P)));
  }
  return largest;
}

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  const [count, steps] = setting === 'full' ? [16, 8000] : [5, 3000];
  const measured = await overExperiments(
    context,
    instance === undefined ? count : 1,
    'long flows',
    (index) =>
      measure(
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
  measured: readonly Measured[],
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
  const tolerance = Math.max(
    ...decays.map(({ ratio, earlierRatio }) => Math.abs(ratio - earlierRatio)),
    0,
  );
  const expected: Expected = { kind: 'value', value: 1, tolerance };
  const ratios = decays.map(({ ratio }) => ratio);
  const { mean, interval } = usable ? meanInterval(ratios) : { mean: Number.NaN, interval: null };
  const exponent = usable ? exponentOver(decays) : undefined;
  const shrinking = measured.every(
    ({ distances }) => distances[distances.length - 1] <= 1e-2 * distances[0],
  );
  const leastQuotient = Math.min(...decays.map((decay) => decay.leastQuotient));
  const parts = [
    { holds: shrinking, text: 'the law does not approach its limit in W₂' },
    {
      holds: exponent === undefined || contains(exponent.interval, 0.5),
      text: `the exponent is ${exponent?.mean.toFixed(3)}, not 1/2`,
    },
    {
      holds: leastQuotient >= 1 - tolerance,
      text: `slope² falls to ${leastQuotient.toFixed(4)} of 2μ(R − R_∞)`,
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
            'lojasiewicz.exponent.interval': exponent.interval,
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

/** The mean exponent of the last three decades; what differs from the three before bounds what is left of other modes. */
function exponentOver(decays: readonly Decay[]): { mean: number; interval: Interval } {
  const { mean, interval } = meanInterval(decays.map(({ late }) => late.exponent));
  const before = meanInterval(decays.map(({ early }) => early.exponent)).mean;
  const drift = Math.abs(mean - before);
  const [low, high] = interval ?? decays[0].late.exponentInterval ?? [mean, mean];
  return { mean, interval: [low - drift, high + drift] };
}

function decayEvidence(measured: readonly Measured[], decays: readonly Decay[]) {
  return {
    'lojasiewicz.exponent': decays.map(({ late }) => late.exponent),
    'lojasiewicz.constant': decays.map(({ late }) => late.constant),
    'lojasiewicz.exponent.earlier': decays.map(({ early }) => early.exponent),
    'lojasiewicz.quotient.least': decays.map(({ leastQuotient }) => leastQuotient),
    'spectrum.slowest': decays.map(({ slowest }) => slowest),
    'decay.timeRatio': decays.map(({ ratio }) => ratio),
    'decay.timeRatio.earlier': decays.map(({ earlierRatio }) => earlierRatio),
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
  exponent: { mean: number; interval: Interval } | undefined,
  measured: readonly Measured[],
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
  return `The decay of the last four decades takes ${ratio.toFixed(4)} of the time that the spectrum at the limit predicts. Slope = c (R − R_∞)^a with a = ${exponent.mean.toFixed(3)} over the last three. The law comes within ${Math.max(...last).toExponential(1)} of its limit in W₂. At a degenerate limit with a = 5/6 the fit gives ${algebraic.exponent.toFixed(4)}, and the risk falls like t^−${algebraic.rate.toFixed(4)}.`;
}

function decayFigure({ times, excess, slopes, decay }: Measured): Figure {
  return {
    id: 'B.long-time',
    title: 'Decay to the limit',
    caption:
      'Risk over its limit along the flow, and the slope (∫|∇Ψ|²dρ)^{1/2}; dashed: the decay that the spectrum at the limit predicts from the circle on. First experiment.',
    x: { label: 'time t' },
    y: { label: 'R − R_∞, slope', scale: 'log' },
    marks: [
      ...positiveLine('R − R_∞', times, excess),
      ...positiveLine('slope', times, slopes),
      ...(decay === undefined ? [] : predictionMarks(times, excess, decay)),
    ],
  };
}

function predictionMarks(times: readonly number[], excess: readonly number[], decay: Decay) {
  const kept = times.slice(decay.from).filter((_, k) => excess[decay.from + k] > 1e-14);
  return [
    {
      kind: 'reference' as const,
      label: `rate 2μ = ${(2 * decay.slowest).toPrecision(3)}`,
      x: kept,
      y: kept.map((t) => decay.predicted(t - times[decay.from])),
    },
    {
      kind: 'dots' as const,
      series: 'R − R_∞',
      x: [times[decay.from]],
      y: [excess[decay.from]],
    },
  ];
}

function inequalityFigure(measured: readonly Measured[], algebraic: AlgebraicDecay): Figure {
  const curve = (series: string, excess: readonly number[], slopes: readonly number[]): Mark => {
    const kept = excess.map((_, k) => k).filter((k) => excess[k] > 1e-12 && slopes[k] > 0);
    return {
      kind: 'line',
      series,
      x: kept.map((k) => excess[k]),
      y: kept.map((k) => slopes[k]),
    };
  };
  const reference = (exponent: number, label: string, excess: number, slope: number): Mark => {
    const x = [1e-11, 1e-2];
    return {
      kind: 'reference',
      label,
      x,
      y: x.map((value) => 1.5 * slope * (value / excess) ** exponent),
    };
  };
  const { excess, slopes } = algebraic;
  const k = excess.findIndex((value) => value <= 1e-6);
  const [first] = measured;
  const j = first.excess.findIndex((value) => value <= 1e-6);
  return {
    id: 'B.long-time.inequality',
    title: 'Łojasiewicz inequality',
    caption:
      'Slope against excess risk along each run: a = 1/2 is exponential decay; the degenerate limit with a = 5/6 is approached like t^{−3/2}.',
    x: { label: 'R − R_∞', scale: 'log' },
    y: { label: 'slope', scale: 'log' },
    marks: [
      ...(j < 0 ? [] : [reference(0.5, 'a = 1/2', first.excess[j], first.slopes[j])]),
      reference(degenerate.exponent, 'a = 5/6', excess[k], slopes[k]),
      ...measured.map((m, e) => curve(`experiment ${e + 1}`, m.excess, m.slopes)),
      curve('degenerate limit', excess, slopes),
    ],
  };
}

function positiveLine(series: string, x: readonly number[], y: readonly number[]) {
  const kept = y.map((_, k) => k).filter((k) => y[k] > 1e-14);
  return [{ kind: 'line' as const, series, x: kept.map((k) => x[k]), y: kept.map((k) => y[k]) }];
}

/** Long time: compactness and the Łojasiewicz rate (arXiv 2606.10469). */
export const longTime: Claim<HeadInstance> = {
  id: 'B.long-time',
  paper: 'B',
  title: 'Long time: the Łojasiewicz exponent sets the rate',
  statement:
    'The flow approaches its stationary set; where $(\\int|\\nabla\\Psi|^2 d\\rho)^{1/2} \\ge c\\,(R - R_\\infty)^a$ the risk decays exponentially at rate $c^2$ ($a = \\tfrac12$) or like $t^{-1/(2a-1)}$ ($a \\in (\\tfrac12,1)$).',
  trust: 'P',
  quantity: 'decay time predicted by the spectrum at the limit, over the measured one',
  instance: headInstance,
  run: runExperiment,
};
