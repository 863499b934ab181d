import { MesoscopeError } from '../errors.ts';
import type { DepthGrid } from '../flow/types.ts';
import type { FloatArray } from '../kernels/backend.ts';

/** The running cost `∫ (λ/2)|θ|² dt + ∫ (μ/2)|θ̇|² dt` of controls that are constant on each layer. */
export interface ControlPenalty {
  /** λ ≥ 0. */
  readonly regularisation: number;
  /** μ ≥ 0. */
  readonly smoothness: number;
}

/** Refuses λ < 0, μ < 0 and what is not finite. @throws MesoscopeError `invalid-value` */
export function checkPenalty(penalty: ControlPenalty): void {
  for (const [path, received] of Object.entries(penalty)) {
    if (!(received >= 0 && Number.isFinite(received))) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path,
        received,
        expected: 'a finite number of at least 0',
      });
    }
  }
}

/**
 * `Σ_k ε_k (λ/2)|θ_k|² + Σ_k (μ/2)|θ_{k+1} − θ_k|²/δ_k`, with `δ_k = (ε_k + ε_{k+1})/2` the distance between the
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
  const { regularisation, smoothness } = penalty;
  const { times } = grid;
  const layers = times.length - 1;
  const count = nodes.length / layers;
  let value = 0;
  if (regularisation > 0) {
    for (let k = 0; k < layers; k++) {
      const weight = regularisation * (times[k + 1] - times[k]);
      for (let i = k * count; i < (k + 1) * count; i++) {
        value += 0.5 * weight * nodes[i] * nodes[i];
        if (gradient !== undefined) gradient[i] += weight * nodes[i];
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

/** `g(θ_k) = (λ/2)|θ_k|²` for every layer k. */
export function penaltyDensity(
  nodes: FloatArray,
  layers: number,
  regularisation: number,
): Float64Array<ArrayBuffer> {
  const count = nodes.length / layers;
  return Float64Array.from({ length: layers }, (_, k) => {
    let square = 0;
    for (let i = k * count; i < (k + 1) * count; i++) square += nodes[i] * nodes[i];
    return 0.5 * regularisation * square;
  });
}
