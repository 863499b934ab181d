import { MesoscopeError } from '../errors.ts';
import type { FloatArray } from '../kernels/backend.ts';
import type { EmbeddedScheme } from './scheme.ts';

/** The interpolant of one step: `h(from + xε) = Σ_m c_m x^m`, `c` stored one after the other. */
export interface DenseStep {
  readonly from: number;
  readonly to: number;
  readonly coefficients: Float64Array;
}

/** Builds the interpolant of a step from its state and slopes `k_i`. */
export function denseStep(
  scheme: EmbeddedScheme,
  from: number,
  to: number,
  state: FloatArray,
  slopes: readonly FloatArray[],
): DenseStep {
  const size = state.length;
  const degree = scheme.dense[0].length;
  const coefficients = new Float64Array((degree + 1) * size);
  coefficients.set(state);
  scheme.dense.forEach((row, stage) => {
    const slope = slopes[stage];
    row.forEach((value, m) => {
      const factor = value * (to - from);
      if (factor === 0) return;
      const start = (m + 1) * size;
      for (let i = 0; i < size; i++) coefficients[start + i] += factor * slope[i];
    });
  });
  return { from, to, coefficients };
}

/** Writes the interpolated state at depth t into `out`. */
export function evaluateDenseStep(step: DenseStep, t: number, out: FloatArray): void {
  const size = out.length;
  const { coefficients } = step;
  const x = (t - step.from) / (step.to - step.from);
  const degree = coefficients.length / size - 1;
  for (let i = 0; i < size; i++) {
    let value = coefficients[degree * size + i];
    for (let m = degree - 1; m >= 0; m--) value = value * x + coefficients[m * size + i];
    out[i] = value;
  }
}

/**
 * Writes the state at depth t into `out`, from interpolants in order of depth.
 *
 * @throws MesoscopeError `invalid-value` if t lies outside what was integrated
 */
export function evaluateDense(steps: readonly DenseStep[], t: number, out: FloatArray): void {
  if (steps.length === 0 || !(t >= steps[0].from && t <= steps[steps.length - 1].to)) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 't',
      received: t,
      expected:
        steps.length === 0
          ? 'a solution with dense output'
          : `a depth between ${steps[0].from} and ${steps[steps.length - 1].to}`,
      wayOut:
        'Integrate with dense: true, and look at the status: the flow may have stopped early.',
    });
  }
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const probe = (low + high) >> 1;
    if (steps[probe].to < t) low = probe + 1;
    else high = probe;
  }
  evaluateDenseStep(steps[low], t, out);
}
