import { headFlow } from '../../heads/flow.ts';
import { headLawOf } from '../../heads/head-law.ts';
import { decayTime, fitLojasiewicz } from '../../heads/lojasiewicz.ts';
import { createHeadProblem } from '../../heads/problem.ts';
import { sequenceData } from '../../heads/sequences.ts';
import type { Backend } from '../../kernels/backend.ts';
import { fitLine, type Interval } from '../../numeric/fit.ts';

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

/** a and the rate of decay of {@link algebraicDecay}, by hand. */
export const degenerate = { exponent: 5 / 6, rate: 3 / 2 };

/**
 * A limit with exponent a = 5/6, known by hand. Two tokens (1, −1), a label at the second that is either class with probability ½, no
 * penalty, heads in a ball: with `V = (v, −v)/√2` the logits are `−V tanh(qk)`, so that near 0 `R − log 2 = v²q²k²/4`. Where
 * q = k = v = s, `ṡ = −s⁵/2`: slope and excess are `√3 s⁵/2` and `s⁶/4`, hence a = 5/6, and the excess falls like
 * `t^{-3/2} = t^{-1/(2a−1)}`. Balance is kept up to the cubic term of tanh, by which `q² − v²` grows by `(2/9)s⁶` on the whole way to
 * 0: the start makes up for it. The schedule ξ(t) = 1 + t reaches long times.
 */
export function algebraicDecay(backend: Backend): AlgebraicDecay {
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
  const s = 0.25;
  const v = Math.sqrt((s * s + (2 / 9) * s ** 6) / 2);
  const start = headLawOf([{ Q: [[s]], K: [[s]], V: [[v], [-v]] }]);
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
