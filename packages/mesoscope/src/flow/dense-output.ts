import type { FloatArray } from '../kernels/backend.ts';
import { requireThat } from '../numeric/checks.ts';

/** The interpolant of one step: `h(from + xε) = Σ_m c_m x^m`, `c` stored one after the other. */
export interface DenseStep {
  readonly from: number;
  readonly to: number;
  readonly coefficients: Float64Array;
}

/**
 * Builds `h(from + xε) = h + factor Σ_i k_i Σ_m dense_im x^{m+1}`.
 *
 * @param factor - default ε, for slopes k_i
 */
export function denseStep(
  dense: readonly (readonly number[])[],
  { from, to }: { readonly from: number; readonly to: number },
  state: FloatArray,
  slopes: readonly FloatArray[],
  factor = to - from,
): DenseStep {
  const size = state.length;
  const coefficients = new Float64Array((dense[0].length + 1) * size);
  coefficients.set(state);
  for (let stage = 0; stage < dense.length; stage++) {
    const slope = slopes[stage];
    for (let m = 0; m < dense[stage].length; m++) {
      const weight = dense[stage][m] * factor;
      if (weight === 0) continue;
      const power = (m + 1) * size;
      for (let i = 0; i < size; i++) coefficients[power + i] += weight * slope[i];
    }
  }
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
 * Writes the state at depth t into `out`, from interpolants one after the other, in either direction.
 *
 * @throws MesoscopeError `invalid-value` if t lies outside what was integrated
 */
export function evaluateDense(steps: readonly DenseStep[], t: number, out: FloatArray): void {
  const [from, to] = [steps[0]?.from ?? Number.NaN, steps[steps.length - 1]?.to ?? Number.NaN];
  requireThat(
    (t >= from && t <= to) || (t <= from && t >= to),
    't',
    t,
    steps.length === 0
      ? 'a solution with dense output'
      : `a depth between ${Math.min(from, to)} and ${Math.max(from, to)}`,
    'Integrate with dense: true, and look at the status: the flow may have stopped early.',
  );
  const direction = to < from ? -1 : 1;
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const probe = (low + high) >> 1;
    if (direction * (steps[probe].to - t) < 0) low = probe + 1;
    else high = probe;
  }
  evaluateDenseStep(steps[low], t, out);
}
