import { plainStages } from '../flow/runge-kutta.ts';
import { rk4 } from '../flow/scheme.ts';
import { requireCount, requirePositive, requireThat } from '../numeric/checks.ts';
import type { RandomStream } from '../numeric/random.ts';
import { addScaled } from '../numeric/vector.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

export interface HeadFlowOptions {
  /** η: time of one step. */
  readonly step: number;
  /** Steps to take. */
  readonly steps: number;
  /** ξ(t) > 0; default 1. */
  readonly schedule?: (time: number) => number;
  /**
   * `euler` (default): gradient descent on the particles, `θ_i ← θ_i − ηξ∇Ψ(θ_i;ρ)`, that is N times the gradient of the
   * N-head risk; `rk4`: the classical Runge–Kutta step of the flow.
   */
  readonly scheme?: 'euler' | 'rk4';
  /**
   * One-sample stochastic gradient descent: every step sees one sequence, drawn uniformly. Default: all sequences. Only
   * with `euler`.
   */
  readonly draw?: RandomStream;
  /** Langevin noise `√(2ητ)` times standard normals on every parameter. Default: none. */
  readonly noise?: { readonly temperature: number; readonly random: RandomStream };
}

/** A law of heads on its way, before the step that starts at it. */
export interface HeadFlowState {
  readonly step: number;
  readonly time: number;
  /** Changes as the flow goes on: copy what is to be kept. */
  readonly law: HeadLaw;
  /** `R(ρ)`; with `draw`, S times the part of the sequence drawn. */
  readonly risk: number;
  readonly crossEntropy: number;
  /** `∫|∇Ψ|²dρ`, what −dR/dt should be (times ξ). */
  readonly slopeSquare: number;
  /** `∇Ψ(θ_i;ρ)`, N × P. */
  readonly gradient: Float64Array;
}

/**
 * The Wasserstein gradient flow `∂_tρ = ξ(t) div(ρ∇Ψ)` of a law of heads with fixed weights, step by step. Yields
 * `steps + 1` states, the last one at the end. Heads that leave the ball of the problem are projected onto it.
 *
 * @throws MesoscopeError `invalid-value` for a step or a number of steps that is not positive, or `draw` with `rk4`
 */
export function* headFlow(
  problem: HeadProblem,
  start: HeadLaw,
  options: HeadFlowOptions,
): Generator<HeadFlowState, void> {
  const { step: eta, steps, schedule = () => 1, scheme = 'euler', draw, noise } = options;
  requirePositive('step', eta);
  requireCount('steps', steps, 0);
  const fits = draw === undefined || scheme === 'euler';
  requireThat(fits, 'scheme', scheme, '"euler" where sequences are drawn');
  const law = headLaw(start.shape, start.parameters.slice(), start.weights);
  const { parameters } = law;
  const gradient = new Float64Array(parameters.length);
  const stages = scheme === 'rk4' ? createStages(problem, law) : undefined;
  for (let k = 0; ; k++) {
    const time = k * eta;
    const drawn = draw?.integer(problem.data.sequences);
    const { risk, crossEntropy } = problem.descend(law, gradient, drawn);
    const slopeSquare = meanSquare(gradient, law);
    yield { step: k, time, law, risk, crossEntropy, slopeSquare, gradient };
    if (k === steps) return;
    if (stages === undefined) addScaled(parameters, -eta * schedule(time), gradient);
    else stages.advance(gradient, (fraction) => eta * schedule(time + fraction * eta));
    if (noise !== undefined) {
      const deviation = Math.sqrt(2 * eta * noise.temperature);
      for (let j = 0; j < parameters.length; j++) {
        parameters[j] += deviation * noise.random.normal();
      }
    }
    project(parameters, law.count, problem.radius);
  }
}

/** The remaining stages of the classical Runge–Kutta step, after the first one's gradient. */
function createStages(problem: HeadProblem, { parameters, weights, shape }: HeadLaw) {
  const stages = plainStages(rk4, parameters.length);
  const [first] = stages.slopes;
  const moved = headLaw(shape, stages.argument, weights);
  return {
    advance(gradient: Float64Array, stepAt: (fraction: number) => number): void {
      first.fill(0);
      addScaled(first, -stepAt(0), gradient);
      stages.compute(
        (fraction, _argument, slope) => {
          problem.descend(moved, slope);
          const step = stepAt(fraction);
          for (let j = 0; j < slope.length; j++) slope[j] *= -step;
        },
        parameters,
        1,
        1,
      );
      stages.advance(parameters, 1);
    },
  };
}

/** `Σ_i w_i |g_i|²`. */
export function meanSquare(gradient: Float64Array, { count, weights }: HeadLaw): number {
  const P = gradient.length / count;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    let square = 0;
    for (let j = i * P; j < (i + 1) * P; j++) square += gradient[j] * gradient[j];
    sum += weights[i] * square;
  }
  return sum;
}

/** Moves every head that is outside the ball of radius r to the ball's nearest point. */
function project(parameters: Float64Array, count: number, radius: number): void {
  if (radius === Number.POSITIVE_INFINITY) return;
  const P = parameters.length / count;
  for (let i = 0; i < count; i++) {
    let square = 0;
    for (let j = i * P; j < (i + 1) * P; j++) square += parameters[j] * parameters[j];
    if (square <= radius * radius) continue;
    const factor = radius / Math.sqrt(square);
    for (let j = i * P; j < (i + 1) * P; j++) parameters[j] *= factor;
  }
}
