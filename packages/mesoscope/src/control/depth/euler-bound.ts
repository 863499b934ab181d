import { createFlow } from '../../flow/flow.ts';
import { horizonOf } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import { rk4 } from '../../flow/scheme.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { DepthExperiment } from './depth-experiment.ts';

/** Grönwall's bound on the distance of Euler's recursion to the flow. */
export interface EulerBound {
  /** `½ (sup|∂_tf| + L_h F)(e^{L_hT} − 1)/L_h`: the bound is this times the longest step. */
  readonly perStep: number;
  /** `L_h = sup ‖D_hf‖` along the flow. */
  readonly lipschitzInState: number;
  /** `sup |∂_tf(h_t, θ_t)| ≤ L_θ L_t`. */
  readonly lipschitzInDepth: number;
  /** `F = sup |f|`. */
  readonly speed: number;
}

/** Layers at whose ends the constants are measured, at the least. */
const leastProbes = 16;

/**
 * The bound with constants measured along the flow's own paths, in the Frobenius norm of a sequence's state.
 * Controls may jump where every grid has a depth: Euler's error per step is that of the layer it lies in.
 */
export function eulerBound(backend: Backend, experiment: DepthExperiment): EulerBound {
  const { field, tokens, samples, controls, initial } = experiment;
  const cells = controls.breakpoints.length + 1;
  return backend.scoped(() => {
    const grid = experiment.grid(cells * Math.ceil(leastProbes / cells));
    const flow = createFlow(backend, { field, tokens, samples, scheme: rk4 });
    const trajectory = flow.forward({ grid, controls, initial });
    if (trajectory.status.kind !== 'completed') {
      return { perStep: NaN, lipschitzInState: NaN, lipschitzInDepth: NaN, speed: NaN };
    }
    const probe = createFieldProbe(backend, { field, tokens, samples });
    const { stateLipschitz, timeVariation, speed } = probe.along(trajectory, { tolerance: 1e-3 });
    const T = horizonOf(grid);
    const growth = stateLipschitz === 0 ? T : Math.expm1(stateLipschitz * T) / stateLipschitz;
    return {
      perStep: 0.5 * (timeVariation + stateLipschitz * speed) * growth,
      lipschitzInState: stateLipschitz,
      lipschitzInDepth: timeVariation,
      speed,
    };
  });
}
