import { descend, growHeads } from '../../heads/growth.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { featureSpread, labelledFeatures } from '../../heads/labelled-features.ts';
import { type Interval, meanInterval } from '../../numeric/fit.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { fitOrder } from '../convergence-order.ts';
import { type ClaimContext, type Expected, type Finding, judge, legacy } from '../legacy.ts';
import { rateFigure } from './figures.ts';
import {
  drawHeads,
  explicitExperiment,
  type HeadExperiment,
  type HeadInstance,
  headInstance,
  isSpread,
  randomExperiment,
} from './instance.ts';
import { checkOrder, contains } from './order-check.ts';
import { type SamplingErrors, sampledHeads, samplingErrors } from './sampling-errors.ts';

const optimisedHeads = [1, 2, 4, 8, 16, 32];

/** A scaled quantity over its limit. */
interface LimitRatio {
  readonly mean: number;
  /** Over experiments; null for one. */
  readonly interval: Interval | null;
}

/**
 * The limit of a ratio `r_N = r + c/N + O(1/N²)`, extrapolated from the two largest N, of which one is twice the other:
 * `2r_{2N} − r_N` in each experiment.
 */
function limitRatio(
  measured: readonly Measured[],
  ratioAt: (errors: SamplingErrors, scale: number) => number,
): LimitRatio {
  const last = sampledHeads.length - 1;
  return meanInterval(
    measured.map(({ away }) => 2 * ratioAt(away, last) - ratioAt(away, last - 1)),
  );
}

interface Measured {
  readonly away: SamplingErrors;
  /** Fluctuation of heads drawn from the optimal law. */
  readonly atOptimum: SamplingErrors;
  /** Best `R_N` found minus the optimal risk, for N equal weights. */
  readonly optimised: number[];
  /** `(1/4N) E|Φ − z|²` under the optimal law. */
  readonly optimisedBound: number[];
  readonly optimalRisk: number;
  readonly certifiedGap: number;
}

function measure(
  { problem, law }: HeadExperiment,
  draws: number,
  random: RandomStream,
): Measured | undefined {
  const features = labelledFeatures(problem, law.parameters);
  const away = samplingErrors(features, law.weights, law, draws, random);
  if (problem.regularisation === 0 && problem.radius === Number.POSITIVE_INFINITY) return undefined;
  let best = law;
  let certificate = { risk: Number.NaN, gap: Number.NaN };
  for (const state of growHeads(problem, {
    tolerance: 1e-4,
    rounds: 16,
    search: { starts: 48 },
  })) {
    best = state.law;
    certificate = state.certificate;
  }
  const optimal = labelledFeatures(problem, best.parameters);
  const atOptimum = samplingErrors(optimal, best.weights, best, draws, random);
  const spread = featureSpread(optimal, best.weights);
  return {
    away,
    atOptimum,
    optimised: optimisedHeads.map((N) => {
      const starts = [1, 2].map(() => drawHeads(best, N, random.uniform).law);
      starts.push(roundedWeights(best, N));
      const risks = starts.map((start) => problem.risk(descend(problem, start, 100)).risk);
      return Math.min(...risks) - certificate.risk;
    }),
    optimisedBound: optimisedHeads.map((N) => spread / (4 * N)),
    optimalRisk: certificate.risk,
    certifiedGap: certificate.gap,
  };
}

/** N equal weights that come closest to those of a law: largest remainders. */
function roundedWeights(law: HeadLaw, N: number): HeadLaw {
  const P = law.parameters.length / law.count;
  const copies = law.weights.map((w) => Math.floor(w * N));
  let left = N - copies.reduce((a, b) => a + b, 0);
  const order = [...law.weights.keys()].sort(
    (i, j) => law.weights[j] * N - copies[j] - (law.weights[i] * N - copies[i]),
  );
  for (const i of order) {
    if (left === 0) break;
    copies[i]++;
    left--;
  }
  const parameters = new Float64Array(N * P);
  let to = 0;
  copies.forEach((count, i) => {
    for (let c = 0; c < count; c++) {
      parameters.set(law.parameters.subarray(i * P, (i + 1) * P), P * to++);
    }
  });
  return headLaw(law.shape, parameters);
}

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance, progress } = context;
  const [count, draws] = setting === 'full' ? [16, 1000] : [4, 200];
  const measured: Measured[] = [];
  let spread = true;
  let bounded = true;
  for (let index = 0; index < count; index++) {
    context.signal?.throwIfAborted();
    progress(index, count, instance === undefined ? 'random laws of heads' : 'groups of draws');
    backend.scoped(() => {
      const experiment =
        instance === undefined
          ? randomExperiment(backend, seed, index, { regularisation: 0.02, heads: 192, value: 4 })
          : explicitExperiment(backend, instance);
      spread &&= isSpread(experiment.law);
      if (!spread) return;
      const random = randomStream(seed, 'drawn heads', index);
      const result = measure(experiment, draws, random);
      if (result === undefined) bounded = false;
      else measured.push(result);
    });
    await new Promise((resume) => setTimeout(resume, 0));
  }
  return finding(measured, spread, bounded);
}

function finding(measured: readonly Measured[], spread: boolean, bounded: boolean): Finding {
  const expected: Expected = { kind: 'value', value: -1 };
  const assumptions = [
    { name: 'the law has at least two different heads', holds: spread, value: String(spread) },
    {
      name: 'λ > 0 or heads in a ball, so that an optimal law exists',
      holds: bounded,
      value: String(bounded),
    },
  ];
  if (measured.length === 0) {
    return {
      assumptions,
      evidence: {},
      measured: Number.NaN,
      expected,
      interval: null,
      verdict: 'outside',
      summary: spread
        ? 'Without regularisation on unbounded parameters there is no optimal law to compare with.'
        : 'Heads drawn from a law of one head are that head: there is nothing to sample.',
      figures: [],
    };
  }
  const gaps = measured.map((m) => m.away.gap);
  const fluctuations = measured.map((m) => m.away.fluctuation);
  const optimumFluctuations = measured.map((m) => m.atOptimum.fluctuation);
  const gap = checkOrder('the mean gap', -1, sampledHeads, gaps);
  const fluctuation = checkOrder('the fluctuation', -0.5, sampledHeads, fluctuations);
  const atOptimum = fitOrder({ x: sampledHeads, y: optimumFluctuations });
  const gapRatio = limitRatio(
    measured,
    ({ gap, gapLimit }, n) => (sampledHeads[n] * gap[n]) / gapLimit,
  );
  const fluctuationRatio = limitRatio(
    measured,
    ({ fluctuation, fluctuationLimit }, n) =>
      (Math.sqrt(sampledHeads[n]) * fluctuation[n]) / fluctuationLimit,
  );
  const boundRatio = Math.max(
    ...measured.flatMap((m) => m.away.gap.map((value, i) => value / m.away.bound[i])),
  );
  // The optimum lies below the risk that growth reached by its certified gap at the most.
  const optimumRatio = Math.max(
    ...measured.flatMap((m) =>
      m.optimised.map((value, i) => (value + m.certifiedGap) / m.optimisedBound[i]),
    ),
  );
  const isOne = ({ interval }: LimitRatio) => interval === null || contains(interval, 1);
  const parts = [
    { holds: boundRatio <= 1, text: 'the mean gap exceeds its bound' },
    { holds: optimumRatio <= 1, text: 'the optimal gap exceeds its bound' },
    {
      holds: fluctuation.agrees,
      text: `the fluctuation falls like N^${fluctuation.slope.toFixed(2)}`,
    },
    {
      holds: isOne(gapRatio),
      text: `N times the mean gap tends to ${gapRatio.mean.toFixed(3)} of ½E⟨Φ − z, (diag p − ppᵀ)(Φ − z)⟩`,
    },
    {
      holds: isOne(fluctuationRatio),
      text: `√N times the fluctuation tends to ${fluctuationRatio.mean.toFixed(3)} of the deviation of Ψ`,
    },
  ];
  assumptions.push({
    name: 'the experiment tells the orders 1 and 1/2 from their neighbours: intervals exclude them',
    holds: gap.resolved && fluctuation.resolved,
    value: `${gap.interval.map((x) => x.toFixed(2))}; ${fluctuation.interval.map((x) => x.toFixed(2))}`,
  });
  const broken = parts.filter((part) => !part.holds);
  const judged = judge(assumptions, gap.slope, gap.interval, expected);
  return {
    assumptions,
    evidence: {
      heads: sampledHeads,
      'sampling.gap': gaps,
      'sampling.gap.bound': measured.map((m) => m.away.bound),
      'sampling.gap.boundRatio': boundRatio,
      'sampling.fluctuation': fluctuations,
      'sampling.fluctuation.slope': fluctuation.slope,
      'sampling.fluctuation.interval': fluctuation.interval,
      'sampling.gap.limitRatio': gapRatio.mean,
      ...(gapRatio.interval && { 'sampling.gap.limitRatio.interval': gapRatio.interval }),
      'sampling.fluctuation.limitRatio': fluctuationRatio.mean,
      ...(fluctuationRatio.interval && {
        'sampling.fluctuation.limitRatio.interval': fluctuationRatio.interval,
      }),
      'optimum.fluctuation.slope': atOptimum.slope,
      'optimum.fluctuation.interval': atOptimum.interval,
      'optimum.risk': measured.map((m) => m.optimalRisk),
      'optimum.gap': measured.map((m) => m.certifiedGap),
      'optimised.heads': optimisedHeads,
      'optimised.gap': measured.map((m) => m.optimised),
      'optimised.bound': measured.map((m) => m.optimisedBound),
      'optimised.boundRatio': optimumRatio,
    },
    measured: gap.slope,
    expected,
    interval: gap.interval,
    verdict: judged === 'holds' && broken.length > 0 ? 'fails' : judged,
    summary:
      broken.length === 0
        ? `The mean gap of N drawn heads falls like N^${gap.slope.toFixed(3)} and stays below (1/4N)E|Φ − z|² (largest ratio ${boundRatio.toFixed(2)}), N times it at ${gapRatio.mean.toFixed(3)} of its limit ½E⟨Φ − z, (diag p − ppᵀ)(Φ − z)⟩; its fluctuation falls like N^${fluctuation.slope.toFixed(2)}, at the optimum like N^${atOptimum.slope.toFixed(2)}. N optimised heads come within the same bound of the certified optimum (largest ratio ${optimumRatio.toFixed(2)}).`
        : `Against the claim: ${broken.map((part) => part.text).join('; ')}.`,
    figures: [
      rateFigure({
        id: 'B.finite-heads',
        title: 'N heads against the limit',
        caption:
          'Heads drawn independently from a law: the mean of R(ρ^N) − R(ρ), its bound (1/4N)E|Φ − z|², and the standard deviation; and the best risk found with N equal heads, over the certified optimum. Expected: slopes −1 and −1/2.',
        x: { label: 'heads N', scale: 'log', base: 2 },
        y: { label: 'risk over the limit', scale: 'log' },
        curves: [
          { series: 'mean gap', x: sampledHeads, rows: gaps, slope: -1 },
          { series: 'bound', x: sampledHeads, rows: measured.map((m) => m.away.bound) },
          { series: 'fluctuation', x: sampledHeads, rows: fluctuations, slope: -0.5 },
          {
            series: 'fluctuation at the optimum',
            x: sampledHeads,
            rows: optimumFluctuations,
          },
          {
            series: 'N optimised heads',
            x: optimisedHeads,
            rows: measured.map((m) => m.optimised.map((value) => Math.max(value, 1e-12))),
          },
        ],
      }),
    ],
  };
}

/** The risk of N heads approaches that of the limit law (arXiv 2606.10469). */
export const finiteHeads = legacy<HeadInstance>({
  id: 'B.finite-heads',
  paper: 'B',
  title: 'Finitely many heads reach the limit',
  statement:
    'For heads drawn from $\\rho$, $0 \\le \\mathbb{E} R(\\rho^N) - R(\\rho) \\le \\frac{1}{4N}\\,\\mathbb{E}|\\Phi - z_\\rho|^2$, with fluctuations $O(N^{-1/2})$; the optimal risk with $N$ heads is within $O(1/N)$ of the infimum over laws.',
  trust: 'P; D for the constant',
  quantity: 'log–log slope in N of the mean gap',
  instance: headInstance,
  run: runExperiment,
});
