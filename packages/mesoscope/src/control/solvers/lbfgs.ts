import { MesoscopeError } from '../../errors.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { searchLine } from './line-search.ts';
import type { Metric } from './penalty-metric.ts';
import { dot, euclideanNorm } from './vectors.ts';

/** Writes the gradient at `parameters` into `gradient` and returns the value; a value that is not finite is refused as a step. */
export type SmoothObjective = (parameters: FloatArray, gradient: FloatArray) => number;

export interface LbfgsOptions {
  readonly backend: Backend;
  /** Deterministic: the same value for the same parameters. */
  readonly objective: SmoothObjective;
  /** In the backend's memory; changed in place. */
  readonly parameters: FloatArray;
  /** Pairs of steps and gradient changes that are kept; default 20. */
  readonly memory?: number;
  /** The most iterations; default 500. */
  readonly iterations?: number;
  /** Stops when `norm` of the gradient is at most this; default 1e-9. */
  readonly tolerance?: number;
  /** How the gradient is measured; default its Euclidean norm. */
  readonly norm?: (gradient: FloatArray) => number;
  /** What the inverse second derivative is built upon, up to a factor; default the identity. */
  readonly metric?: Metric;
  /** Called after each step. */
  readonly report?: (report: LbfgsReport) => void;
}

export interface LbfgsReport {
  /** Steps taken. */
  readonly iteration: number;
  readonly value: number;
  readonly gradientNorm: number;
  /** Gradients evaluated so far. */
  readonly gradients: number;
}

/**
 * Why it stopped. `converged`: the gradient is small; `stalled`: no step along the search direction, nor along the
 * gradient, lowers the value beyond rounding; `iterations-done`; `not-finite`: already at the start.
 */
export type LbfgsStatus = 'converged' | 'stalled' | 'iterations-done' | 'not-finite';

export interface LbfgsResult extends LbfgsReport {
  readonly status: LbfgsStatus;
}

/** What a status means, and what to try. */
export const lbfgsStatusSentence: Readonly<Record<LbfgsStatus, string>> = {
  converged: 'The gradient fell to the tolerance.',
  stalled:
    'No step lowers the objective beyond rounding. Try a larger tolerance, or a smoother field: attention with hardmax and relu have kinks.',
  'iterations-done':
    'All iterations were taken; the gradient need not be small. Allow more, or start nearer.',
  'not-finite': 'The objective is not finite at the start. Try smaller controls or more layers.',
};

/**
 * L-BFGS: the two-loop recursion over the last pairs of steps and gradient changes, with steps that satisfy the strong
 * Wolfe conditions (Nocedal & Wright, Numerical Optimization, algorithms 7.5 and 3.5), near rounding their approximate
 * form (Hager & Zhang, SIAM J. Optim. 16, 2005). For small deterministic problems: memory 2 m vectors.
 *
 * @throws MesoscopeError `invalid-value` for a memory or a number of iterations below 1
 */
export function minimiseLbfgs(options: LbfgsOptions): LbfgsResult {
  const { backend, objective, parameters, norm = euclideanNorm } = options;
  const { memory = 20, iterations = 500, tolerance = 1e-9, metric } = options;
  requireCount('memory', memory);
  requireCount('iterations', iterations);
  return backend.scoped(() => {
    const length = parameters.length;
    const [gradient, trial, trialGradient] = [0, 1, 2].map(() => backend.allocate(length));
    const direction = new Float64Array(length);
    const scratch = new Float64Array(length);
    const pairs: Pair[] = [];
    let gradients = 1;
    let value = objective(parameters, gradient);
    let gradientNorm = norm(gradient);
    for (let iteration = 0; ; iteration++) {
      const here = { iteration, value, gradientNorm, gradients };
      if (!Number.isFinite(value + gradientNorm)) return { ...here, status: 'not-finite' };
      if (gradientNorm <= tolerance) return { ...here, status: 'converged' };
      if (iteration === iterations) return { ...here, status: 'iterations-done' };
      let found: number | undefined;
      while (found === undefined) {
        const first = descentDirection(gradient, pairs, { direction, scratch }, metric);
        found = searchLine({
          value,
          slope: dot(gradient, direction),
          first,
          evaluate(step) {
            gradients++;
            for (let i = 0; i < length; i++) trial[i] = parameters[i] + step * direction[i];
            const at = objective(trial, trialGradient);
            return { value: at, slope: dot(trialGradient, direction) };
          },
        });
        if (found === undefined) {
          if (pairs.length === 0) return { ...here, gradients, status: 'stalled' };
          // The remembered curvature may be what is wrong: once more along the gradient.
          pairs.length = 0;
        }
      }
      remember(pairs, memory, { parameters, gradient, trial, trialGradient });
      parameters.set(trial);
      gradient.set(trialGradient);
      value = found;
      gradientNorm = norm(gradient);
      options.report?.({ iteration: iteration + 1, value, gradientNorm, gradients });
    }
  });
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly curvature: number;
}

/** Writes `−H g` by the two-loop recursion and returns the first step to try along it. */
function descentDirection(
  gradient: FloatArray,
  pairs: readonly Pair[],
  { direction, scratch }: { readonly direction: Float64Array; readonly scratch: Float64Array },
  metric: Metric | undefined,
): number {
  for (let i = 0; i < direction.length; i++) direction[i] = -gradient[i];
  const last = pairs.at(-1);
  if (last === undefined) {
    scratch.set(direction);
    metric?.(scratch, direction);
    return 1 / Math.max(1, euclideanNorm(direction));
  }
  const alphas = new Float64Array(pairs.length);
  for (let j = pairs.length - 1; j >= 0; j--) {
    const { step, change, curvature } = pairs[j];
    alphas[j] = dot(step, direction) / curvature;
    addScaled(direction, change, -alphas[j]);
  }
  let size = dot(last.change, last.change);
  if (metric !== undefined) {
    metric(last.change, scratch);
    size = dot(last.change, scratch);
    scratch.set(direction);
    metric(scratch, direction);
  }
  const scale = last.curvature / size;
  for (let i = 0; i < direction.length; i++) direction[i] *= scale;
  pairs.forEach(({ step, change, curvature }, j) => {
    addScaled(direction, step, alphas[j] - dot(change, direction) / curvature);
  });
  return 1;
}

function remember(
  pairs: Pair[],
  memory: number,
  vectors: Readonly<Record<'parameters' | 'gradient' | 'trial' | 'trialGradient', FloatArray>>,
): void {
  const { parameters, gradient, trial, trialGradient } = vectors;
  const step = Float64Array.from(trial, (x, i) => x - parameters[i]);
  const change = Float64Array.from(trialGradient, (x, i) => x - gradient[i]);
  const curvature = dot(step, change);
  if (!(curvature > 1e-14 * euclideanNorm(step) * euclideanNorm(change))) return;
  pairs.push({ step, change, curvature });
  if (pairs.length > memory) pairs.shift();
}

function addScaled(x: Float64Array, y: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i] += factor * y[i];
}

function requireCount(path: string, received: number): void {
  if (Number.isInteger(received) && received >= 1) return;
  throw new MesoscopeError({
    code: 'invalid-value',
    path,
    received,
    expected: 'a whole number ≥ 1',
  });
}
