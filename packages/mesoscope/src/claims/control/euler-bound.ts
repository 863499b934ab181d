import { createFlow } from '../../flow/flow.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import { rk4 } from '../../flow/scheme.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { DepthExperiment } from './depth-experiment.ts';

/** Grönwall's bound on the distance of Euler's recursion to the flow. */
export interface EulerBound {
  /** `(T/2)(sup|∂_tf| + L_h F)(e^{L_hT} − 1)/L_h`: the bound is this over L. */
  readonly perStep: number;
  /** `L_h = sup ‖D_hf‖` along the flow. */
  readonly lipschitzInState: number;
  /** `sup |∂_tf(h_t, θ_t)| ≤ L_θ L_t`. */
  readonly lipschitzInDepth: number;
  /** `F = sup |f|`. */
  readonly speed: number;
}

/** Layers at whose ends the constants are measured. */
const probes = 16;

/** The bound with constants measured along the flow's own paths, in the Frobenius norm of a sequence's state. */
export function eulerBound(backend: Backend, experiment: DepthExperiment): EulerBound {
  const { field, tokens, samples, controls, initial, horizon: T } = experiment;
  return backend.scoped(() => {
    const flow = createFlow(backend, { field, tokens, samples, scheme: rk4 });
    const trajectory = flow.forward({ grid: uniformGrid(T, probes), controls, initial });
    const { stateLipschitz, timeVariation, speed } = createFieldProbe(backend, {
      field,
      tokens,
      samples,
    }).along(trajectory, { tolerance: 1e-3 });
    const growth = stateLipschitz === 0 ? T : Math.expm1(stateLipschitz * T) / stateLipschitz;
    return {
      perStep: (T / 2) * (timeVariation + stateLipschitz * speed) * growth,
      lipschitzInState: stateLipschitz,
      lipschitzInDepth: timeVariation,
      speed,
    };
  });
}
