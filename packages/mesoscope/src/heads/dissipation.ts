import type { HeadExperiment } from './experiment.ts';
import { headFlow } from './flow.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import { headDistance } from './matching.ts';
import { stepContraction } from './step-contraction.ts';

/** Steps of the flow up to T, by the classical Runge–Kutta scheme; the last path is the one that is shown. */
export const flowSteps = [32, 64, 128];
/** Steps of gradient descent up to T. */
export const descentSteps = [32, 64, 128, 256, 512];
/** Steps of {@link shortStep} from the start to a law whose distance is measured, each half of the one before. */
const strides = [16, 8, 4, 2, 1];
/** In units of T. */
const shortStep = 1 / 512;

/** ξ(t): not constant, so that energy is seen with a schedule. */
const schedule = (t: number) => 1 + 0.5 * Math.cos(2 * t);

/** What a law loses in risk, beside the squares of its slope and of its speed. */
export interface Dissipation {
  /** `(R(0) − R(T)) / ∫ξ∫|∇Ψ|²dρ dt` along the flow, for each number of {@link flowSteps}: Simpson's rule. */
  readonly ratios: number[];
  /** {@link stepContraction} of {@link flowSteps}. */
  readonly contraction: number;
  /** `|1 − (R(0) − R(T))/Σ_k ηξ∫|∇Ψ|²dρ_k|` of gradient descent with step η, for each number of {@link descentSteps}. */
  readonly deviations: number[];
  /** h, each half of the one before. */
  readonly lags: number[];
  /** `W_2(ρ_0, ρ_h)/(hξ(∫|∇Ψ|²dρ)^{1/2})` for each h: the metric speed over the slope. */
  readonly speeds: number[];
  /** What rounding leaves open in the ratios. */
  readonly rounding: number;
  readonly times: number[];
  /** −dR/dt by difference quotients. */
  readonly decrease: number[];
  /** `ξ∫|∇Ψ|²dρ`. */
  readonly slopes: number[];
  /** `(R(0) − R(T))/R(0)`. */
  readonly lost: number;
}

interface State {
  readonly time: number;
  readonly risk: number;
  readonly slopeSquare: number;
  /** `ξ∫|∇Ψ|²dρ`. */
  readonly rate: number;
  readonly law: HeadLaw;
}

/** Follows the flow and gradient descent of a law up to T. */
export function measureDissipation({ problem, law }: HeadExperiment, horizon: number): Dissipation {
  const follow = (steps: number, scheme: 'rk4' | 'euler', step = horizon / steps): State[] =>
    Array.from(
      headFlow(problem, law, { step, steps, scheme, schedule }),
      ({ time, risk, slopeSquare, law: now }) => ({
        time,
        risk,
        slopeSquare,
        rate: schedule(time) * slopeSquare,
        law: headLaw(now.shape, now.parameters.slice(), now.weights),
      }),
    );
  const paths = flowSteps.map((steps) => follow(steps, 'rk4'));
  const [path] = paths.slice(-1);
  const short = shortStep * horizon;
  const near = follow(strides[0], 'rk4', short);
  const descents = descentSteps.map((steps) => follow(steps, 'euler'));
  const step = horizon / (path.length - 1);
  const inner = path.slice(1, -1);
  const [{ risk, slopeSquare }] = path;
  const lost = risk - path[path.length - 1].risk;
  const ends = paths.map((states) => states[states.length - 1].law.parameters);
  return {
    contraction: stepContraction(ends, path.length - 1),
    ratios: paths.map((states) => balance(states, horizon)),
    deviations: descents.map((states) => leftOver(states, horizon)),
    lags: strides.map((stride) => stride * short),
    speeds: strides.map((stride) => {
      const distance = headDistance(law, near[stride].law);
      return distance / (stride * short * schedule(0) * Math.sqrt(slopeSquare));
    }),
    rounding: (4 * Number.EPSILON * Math.abs(risk)) / Math.abs(lost),
    times: inner.map(({ time }) => time),
    decrease: inner.map((_, k) => (path[k].risk - path[k + 2].risk) / (2 * step)),
    slopes: inner.map((state) => state.rate),
    lost: lost / Math.abs(risk),
  };
}

function balance(path: readonly State[], horizon: number): number {
  const steps = path.length - 1;
  const integral = path.reduce((sum, { rate }, k) => {
    const weight = k === 0 || k === steps ? 1 : k % 2 === 1 ? 4 : 2;
    return sum + (weight * rate * horizon) / (3 * steps);
  }, 0);
  return (path[0].risk - path[steps].risk) / integral;
}

/** The decrease of descent against the sum of what its steps should lose. */
function leftOver(states: readonly State[], horizon: number): number {
  const steps = states.length - 1;
  const sum = states.slice(0, -1).reduce((total, { rate }) => total + (horizon / steps) * rate, 0);
  return Math.abs(1 - (states[0].risk - states[steps].risk) / sum);
}
