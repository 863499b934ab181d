import type { Backend } from '../kernels/backend.ts';
import { fitLine, type Interval } from '../numeric/fit.ts';
import { headFlow } from './flow.ts';
import { headLawOf } from './head-law.ts';
import { decayTime, fitLojasiewicz } from './lojasiewicz.ts';
import { createHeadProblem } from './problem.ts';
import { sequenceData } from './sequences.ts';

/** A run whose limit is degenerate. */
export interface AlgebraicDecay {
  /** `τ = ∫ξdt`. */
  readonly times: number[];
  readonly excess: number[];
  readonly slopes: number[];
  /** a over the last three decades of the excess. */
  readonly exponent: number;
  /** Range of the two halves of the window, widened by its width. */
  readonly exponentInterval: Interval;
  /** `−d log(R − R_∞)/d log τ` over the same stretch. */
  readonly rate: number;
  readonly rateInterval: Interval;
  /** Time that the fit of the first half of the stretch predicts for the second half, over the measured one. */
  readonly timeRatio: number;
}

/** Limits whose exponent is known by hand: how many factors of a product vanish there, a, and the rate `1/(2a − 1)`. */
export const degenerateLimits = [
  { factors: 3, exponent: 5 / 6, rate: 3 / 2 },
  { factors: 2, exponent: 3 / 4, rate: 2 },
] as const;

/**
 * A limit with exponent a = 1 − 1/2m, known by hand. Two tokens (1, −1), a label at the second that is either class with
 * probability ½, no penalty, heads in a ball: with `V = (v, −v)/√2` the logits are `−V tanh(qk)`, so that near 0
 * `R − log 2 = v²q²k²/4`. Where all m = 3 of q = k = v = s vanish, `ṡ = −s⁵/2`: slope and excess are `√3 s⁵/2` and `s⁶/4`,
 * hence a = 5/6, and the excess falls like `t^{-3/2} = t^{-1/(2a−1)}`. Where q = 1 stays, up to O(s²), and m = 2 vanish, the excess
 * is of degree 4: a = 3/4, `t^{-2}`. Balance of k and v is kept up to the cubic term of tanh, by which `k² − v²` grows on the
 * whole way to 0 by `(2/9)s⁶` for m = 3, by `s⁴/3` for m = 2: the start makes up for it. The schedule ξ(t) = 1 + t reaches long times.
 */
export function algebraicDecay(backend: Backend, factors: 2 | 3): AlgebraicDecay {
  const sequence = [[1], [-1]];
  const labels = [
    [-1, 0],
    [-1, 1],
  ];
  const problem = createHeadProblem(backend, sequenceData([sequence, sequence], labels, 2), {
    keyDimension: 1,
    regularisation: 0,
    radius: 2,
  });
  const s = factors === 3 ? 0.25 : 0.1;
  const q = factors === 3 ? s : 1;
  const v = Math.sqrt((s * s + (factors === 3 ? (2 / 9) * s ** 6 : s ** 4 / 3)) / 2);
  const start = headLawOf([{ Q: [[q]], K: [[s]], V: [[v], [-v]] }]);
  const times: number[] = [];
  const excess: number[] = [];
  const slopes: number[] = [];
  for (const { time, risk, slopeSquare } of headFlow(problem, start, {
    step: 0.5,
    steps: 1600,
    scheme: 'rk4',
    schedule: (t) => 1 + t,
  })) {
    times.push(time + (time * time) / 2);
    excess.push(risk - Math.LN2);
    slopes.push(Math.sqrt(slopeSquare));
  }
  const from = excess.findIndex((value) => value <= 1e-6);
  const to = excess.findIndex((value) => value <= 1e-9);
  const middle = excess.findIndex((value) => value <= 10 ** -7.5);
  const fit = (a: number, b: number) => fitLojasiewicz(excess.slice(a, b), slopes.slice(a, b));
  const exponentOf = (a: number, b: number) => fit(a, b).exponent;
  const rateOf = (a: number, b: number) =>
    -fitLine(times.slice(a, b).map(Math.log), excess.slice(a, b).map(Math.log)).slope;
  return {
    times,
    excess,
    slopes,
    exponent: exponentOf(from, to),
    exponentInterval: widened(exponentOf(from, middle), exponentOf(middle, to)),
    rate: rateOf(from, to),
    rateInterval: widened(rateOf(from, middle), rateOf(middle, to)),
    timeRatio:
      decayTime(fit(from, middle), excess[middle], excess[to]) / (times[to] - times[middle]),
  };
}

/** Corrections fall with the excess: what the later half differs by from the earlier bounds what is left. */
function widened(earlier: number, later: number): Interval {
  const width = Math.abs(later - earlier);
  return [later - width, later + width];
}
