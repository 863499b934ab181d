import { MesoscopeError } from '../errors.ts';
import type { DepthGrid } from '../flow/types.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { refuse } from '../numeric/checks.ts';

/** The running cost `∫ (λ/2)|θ − θ_ref|² dt + ∫ (μ/2)|θ̇|² dt` of controls that are constant on each layer. */
export interface ControlPenalty {
  /** λ ≥ 0. */
  readonly regularisation: number;
  /** μ ≥ 0. */
  readonly smoothness: number;
  /** θ_ref, the same P numbers at every depth; undefined: 0. */
  readonly reference?: ArrayLike<number> | undefined;
}

/**
 * Refuses λ < 0, μ < 0, a θ_ref of other than P numbers, and what is not finite.
 *
 * @throws MesoscopeError `invalid-value`, `shape-mismatch`
 */
export function checkPenalty(penalty: ControlPenalty, parametersPerLayer: number): void {
  const { regularisation, smoothness, reference } = penalty;
  for (const [path, received] of Object.entries({ regularisation, smoothness })) {
    if (!(received >= 0 && Number.isFinite(received))) {
      refuse(path, received, 'a finite number of at least 0');
    }
  }
  if (reference === undefined) return;
  const path = 'reference';
  if (reference.length !== parametersPerLayer) {
    const lengths = { received: [reference.length], expected: [parametersPerLayer] };
    throw new MesoscopeError({ code: 'shape-mismatch', path, ...lengths });
  }
  const stray = Array.from(reference).find((x) => !Number.isFinite(x));
  if (stray === undefined) return;
  refuse(path, stray, 'finite numbers');
}

/**
 * `Σ_k ε_k (λ/2)|θ_k − θ_ref|² + Σ_k (μ/2)|θ_{k+1} − θ_k|²/δ_k`, with `δ_k = (ε_k + ε_{k+1})/2` the distance between the
 * middles of neighbouring layers. Adds its derivative to `gradient` where one is given.
 *
 * @param nodes - L × P, one row a layer
 * @param gradient - L × P
 */
export function controlPenalty(
  nodes: FloatArray,
  grid: DepthGrid,
  penalty: ControlPenalty,
  gradient?: FloatArray,
): number {
  const { regularisation, smoothness, reference } = penalty;
  const { times } = grid;
  const layers = times.length - 1;
  const count = nodes.length / layers;
  let value = 0;
  if (regularisation > 0) {
    for (let k = 0; k < layers; k++) {
      const weight = regularisation * (times[k + 1] - times[k]);
      for (let i = k * count; i < (k + 1) * count; i++) {
        const distance = nodes[i] - (reference?.[i - k * count] ?? 0);
        value += 0.5 * weight * distance * distance;
        if (gradient !== undefined) gradient[i] += weight * distance;
      }
    }
  }
  if (smoothness > 0) {
    for (let k = 0; k + 1 < layers; k++) {
      const weight = (2 * smoothness) / (times[k + 2] - times[k]);
      for (let i = k * count; i < (k + 1) * count; i++) {
        const jump = nodes[i + count] - nodes[i];
        value += 0.5 * weight * jump * jump;
        if (gradient === undefined) continue;
        gradient[i] -= weight * jump;
        gradient[i + count] += weight * jump;
      }
    }
  }
  return value;
}

/** `g(θ_k) = (λ/2)|θ_k − θ_ref|²` for every layer k. */
export function penaltyDensity(
  nodes: FloatArray,
  layers: number,
  { regularisation, reference }: ControlPenalty,
): Float64Array<ArrayBuffer> {
  const count = nodes.length / layers;
  return Float64Array.from({ length: layers }, (_, k) => {
    let square = 0;
    for (let i = 0; i < count; i++) square += (nodes[k * count + i] - (reference?.[i] ?? 0)) ** 2;
    return 0.5 * regularisation * square;
  });
}
