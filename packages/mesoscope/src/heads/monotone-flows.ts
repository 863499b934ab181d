import type { Interval } from '../numeric/fit.ts';
import { randomStream } from '../numeric/random.ts';
import type { HeadExperiment } from './experiment.ts';
import { growHeads } from './growth.ts';
import { type HeadLaw, headLaw, randomHeads } from './head-law.ts';
import {
  follow,
  largestNorm,
  type MatchedFlows,
  rateBackground,
  slowestRate,
} from './matched-flows.ts';
import {
  type LeastQuotient,
  leastQuotient,
  lowestCurvature,
  quotientOfPair,
} from './strong-monotonicity.ts';

/** Least quotient of pairs of laws in a ball, and flows to the optimum in it that the search never saw. */
export interface MonotoneFlows {
  readonly search: LeastQuotient;
  /** Quotients of the pair that the search found, for masses ε and ε/2. */
  readonly pair: readonly [number, number];
  /** λ_min(H_Ψ) at the optimum. */
  readonly upper: number;
  readonly radius: number;
  readonly flows: readonly MatchedFlows[];
  /** Least `log(W_2(0)/W_2(t))/t` of each flow. */
  readonly rates: readonly number[];
  /** By how much twice the step changes each, of fourth order, so that it bounds the error; and {@link rateBackground}. */
  readonly rateErrors: readonly number[];
  readonly optimumHeads: number;
  readonly gap: number;
}

/** A law, a second random one, and one displaced from the optimum along its lowest mode, followed in the ball of κ. */
export function monotoneFlows(
  { problem, law }: HeadExperiment,
  options: { readonly seed: number; readonly index: number; readonly starts: number },
): MonotoneFlows {
  const { seed, index, starts } = options;
  const states = [...growHeads(problem, { tolerance: 1e-10, rounds: 12, descent: 300 })];
  const { law: optimum, certificate } = states[states.length - 1];
  const random = randomStream(seed, 'second law of heads', index);
  const second = randomHeads(law.shape, law.count, random, { score: 0.1, value: 0.1 });
  const lowest = lowestCurvature(problem, optimum);
  const split = displaced(optimum, lowest);
  const laws = [law, second, split, optimum];
  const radius = Math.min(problem.radius, 1.02 * Math.max(...laws.map(largestNorm)));
  const search = leastQuotient(problem, radius, optimum, random, starts);
  const third = headLaw(law.shape, second.parameters, law.weights);
  const pairs = [
    [law, optimum, true],
    [split, optimum, true],
    [law, third, false],
  ] as const;
  const flows = pairs.map(([start, other, rests]) => follow(problem, start, other, rests));
  const rates = flows.map(slowestRate);
  return {
    search,
    pair: [quotientOfPair(problem, search, 1e-3), quotientOfPair(problem, search, 5e-4)],
    ...{ upper: lowest.value, radius, gap: certificate.gap, optimumHeads: optimum.count },
    ...{ flows, rates },
    rateErrors: pairs.map(
      ([start, other, rests], i) =>
        Math.abs(slowestRate(follow(problem, start, other, rests, 2)) - rates[i]) +
        rateBackground(flows[i]),
    ),
  };
}

/** Half of the optimum's lowest head to either side along its lowest mode: the slowest way back is near it. */
function displaced(optimum: HeadLaw, lowest: ReturnType<typeof lowestCurvature>): HeadLaw {
  const P = lowest.direction.length;
  const parameters = [0.05, -0.05].flatMap((by) =>
    Array.from(optimum.parameters, (x, j) =>
      Math.floor(j / P) === lowest.head ? x + by * lowest.direction[j % P] : x,
    ),
  );
  const halves = [...optimum.weights, ...optimum.weights].map((weight) => weight / 2);
  return headLaw(optimum.shape, Float64Array.from(parameters), halves);
}

/** The slowest rate over all flows, with the errors of each. */
export function slowestOf({ rates, rateErrors }: MonotoneFlows): {
  readonly rate: number;
  readonly interval: Interval;
} {
  return {
    rate: Math.min(...rates),
    interval: [
      Math.min(...rates.map((rate, i) => rate - rateErrors[i])),
      Math.min(...rates.map((rate, i) => rate + rateErrors[i])),
    ],
  };
}
