import { headFlow } from '../../heads/flow.ts';
import { descend } from '../../heads/growth.ts';
import { headLaw } from '../../heads/head-law.ts';
import { decayTime, fitLojasiewicz, type LojasiewiczFit } from '../../heads/lojasiewicz.ts';
import { headDistance } from '../../heads/matching.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { type Claim, type ClaimContext, type Expected, type Finding, judge } from '../claim.ts';
import { overExperiments } from '../control/over-experiments.ts';
import {
  explicitExperiment,
  type HeadExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';

/** Excess risks, as fractions of the first, between which the exponent is fitted, and to which its prediction is tested. */
const fitted = [1e-5, 1e-8] as const;
const tested = 1e-11;

interface Measured {
  readonly times: number[];
  readonly excess: number[];
  readonly slopes: number[];
  /** W_2 to the limit of the flow. */
  readonly distances: number[];
  readonly fit: LojasiewiczFit | undefined;
  /** Predicted over measured time from the end of the fitted stretch to the tested excess. */
  readonly ratio: number;
  /** Rate of exponential decay over the tested stretch, and c². */
  readonly measuredRate: number;
  readonly predictedRate: number;
  readonly limit: number;
  readonly largestHead: number;
}

/** Runs the flow until its excess over the limit has fallen to the tested fraction, or for the given number of steps. */
function measure({ problem, law }: HeadExperiment, steps: number): Measured {
  const step = 1;
  const laws: Float64Array[] = [];
  const path: { time: number; risk: number; slope: number }[] = [];
  let last = law;
  for (const { time, risk, slopeSquare, law: now } of headFlow(problem, law, {
    step,
    steps,
    scheme: 'rk4',
  })) {
    path.push({ time, risk, slope: Math.sqrt(slopeSquare) });
    if (path.length % 50 === 1) laws.push(now.parameters.slice());
    last = now;
    if (slopeSquare < 1e-15) break;
  }
  const end = descend(problem, headLaw(law.shape, last.parameters.slice(), law.weights), 500);
  const limit = Math.min(problem.risk(end).risk, ...path.map(({ risk }) => risk));
  const excess = path.map(({ risk }) => risk - limit);
  const indexAt = (fraction: number) => excess.findIndex((value) => value <= fraction * excess[0]);
  const [from, to, until] = [indexAt(fitted[0]), indexAt(fitted[1]), indexAt(tested)];
  const times = path.map(({ time }) => time);
  const common = {
    times,
    excess,
    slopes: path.map(({ slope }) => slope),
    distances: laws.map((parameters) =>
      headDistance(headLaw(law.shape, parameters, law.weights), end),
    ),
    limit,
    largestHead: largestNorm(end.parameters, law.count),
  };
  if (from < 0 || until < 0 || to - from < 8 || until - to < 8) {
    const unknown = Number.NaN;
    return {
      ...common,
      fit: undefined,
      ratio: unknown,
      measuredRate: unknown,
      predictedRate: unknown,
    };
  }
  const fit = fitLojasiewicz(excess.slice(from, to), common.slopes.slice(from, to));
  const duration = times[until] - times[to];
  return {
    ...common,
    fit,
    ratio: decayTime(fit, excess[to], excess[until]) / duration,
    measuredRate: Math.log(excess[to] / excess[until]) / duration,
    predictedRate: fit.constant ** 2,
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
  return finding(measured, compact);
}

function finding(measured: readonly Measured[], compact: boolean): Finding {
  const arrived = measured.every(({ fit }) => fit !== undefined);
  const assumptions = [
    {
      name: 'λ > 0 or heads in a ball, so that the flow stays in a compact set',
      holds: compact,
      value: Math.max(...measured.map(({ largestHead }) => largestHead)),
    },
    {
      name: `the run is long enough: R − R_∞ falls to ${tested} of its start`,
      holds: arrived,
      value: Math.max(...measured.map(({ excess }) => excess[excess.length - 1] / excess[0])),
    },
  ];
  // The fit is made before the stretch on which it is tested; slower modes may still take over within it.
  const expected: Expected = { kind: 'value', value: 1, tolerance: 0.1 };
  const ratios = measured.map(({ ratio }) => ratio);
  const { mean, interval } =
    arrived && compact ? meanInterval(ratios) : { mean: Number.NaN, interval: null };
  const judged = judge(assumptions, mean, interval, expected);
  const exponents = measured.map(({ fit }) => fit?.exponent ?? Number.NaN);
  const [first] = measured;
  const shrinking = measured.every(
    ({ distances }) => distances[distances.length - 1] <= 1e-2 * distances[0],
  );
  return {
    assumptions,
    evidence: {
      'lojasiewicz.exponent': exponents,
      'lojasiewicz.constant': measured.map(({ fit }) => fit?.constant ?? Number.NaN),
      'decay.predictedRate': measured.map(({ predictedRate }) => predictedRate),
      'decay.measuredRate': measured.map(({ measuredRate }) => measuredRate),
      'decay.timeRatio': ratios,
      'stationary.distance.first': measured.map(({ distances }) => distances[0]),
      'stationary.distance.last': measured.map(({ distances }) => distances[distances.length - 1]),
      'stationary.slope.last': measured.map(({ slopes }) => slopes[slopes.length - 1]),
      'risk.limit': measured.map(({ limit }) => limit),
    },
    measured: mean,
    expected,
    interval,
    verdict: judged === 'holds' && !shrinking ? 'fails' : judged,
    summary: !compact
      ? 'Without regularisation on unbounded parameters the heads run away: no compactness.'
      : arrived
        ? `Slope = c (R − R_∞)^a with a = ${exponents.map((a) => a.toFixed(3)).join(', ')} over three decades; the decay that this predicts for the next three takes ${mean.toFixed(3)} of the measured time. The law comes within ${Math.max(...measured.map(({ distances }) => distances[distances.length - 1])).toExponential(1)} of its limit in W₂.`
        : 'The flow had not come close enough to its limit to test the prediction.',
    figures: [
      {
        id: 'B.long-time',
        title: 'Decay to the limit',
        caption:
          'Risk over its limit along the flow, and the slope (∫|∇Ψ|²dρ)^{1/2}; dashed: the decay that the Łojasiewicz fit of the three decades before the circle predicts. First experiment.',
        x: { label: 'time t' },
        y: { label: 'R − R_∞, slope', scale: 'log' },
        marks: [
          ...positiveLine('R − R_∞', first.times, first.excess),
          ...positiveLine('slope', first.times, first.slopes),
          ...predictionMarks(first),
        ],
      },
      {
        id: 'B.long-time.inequality',
        title: 'Łojasiewicz inequality',
        caption: 'Slope against excess risk along each run; a = 1/2 is exponential decay.',
        x: { label: 'R − R_∞', scale: 'log' },
        y: { label: 'slope', scale: 'log' },
        marks: measured.flatMap(({ excess, slopes }, e) => {
          const kept = excess.map((_, k) => k).filter((k) => excess[k] > 1e-13 && slopes[k] > 0);
          return [
            {
              kind: 'line' as const,
              series: `experiment ${e + 1}`,
              x: kept.map((k) => excess[k]),
              y: kept.map((k) => slopes[k]),
            },
          ];
        }),
      },
    ],
  };
}

function positiveLine(series: string, x: readonly number[], y: readonly number[]) {
  const kept = y.map((_, k) => k).filter((k) => y[k] > 1e-14);
  return [{ kind: 'line' as const, series, x: kept.map((k) => x[k]), y: kept.map((k) => y[k]) }];
}

function predictionMarks({ fit, excess, times }: Measured) {
  if (fit === undefined) return [];
  const start = excess.findIndex((value) => value <= fitted[1] * excess[0]);
  const levels = Array.from({ length: 20 }, (_, i) => excess[start] * 10 ** (-i * 0.16));
  return [
    {
      kind: 'reference' as const,
      label: `a = ${fit.exponent.toFixed(2)}`,
      x: levels.map((level) => times[start] + decayTime(fit, excess[start], level)),
      y: levels,
    },
    { kind: 'dots' as const, series: 'R − R_∞', x: [times[start]], y: [excess[start]] },
  ];
}

/** Long time: compactness and the Łojasiewicz rate (arXiv 2606.10469). */
export const longTime: Claim<HeadInstance> = {
  id: 'B.long-time',
  paper: 'B',
  title: 'Long time: the Łojasiewicz exponent sets the rate',
  statement:
    'The flow approaches its stationary set; where $(\\int|\\nabla\\Psi|^2 d\\rho)^{1/2} \\ge c\\,(R - R_\\infty)^a$ the risk decays exponentially at rate $c^2$ ($a = \\tfrac12$) or like $t^{-1/(2a-1)}$ ($a \\in (\\tfrac12,1)$).',
  trust: 'P',
  quantity: 'predicted over measured decay time',
  instance: headInstance,
  run: runExperiment,
};
