import type { FloatArray } from '../kernels/backend.ts';
import { norm } from '../numeric/vector.ts';
import { partOf } from './parameters.ts';
import type { ControlProblem } from './problem.ts';

/** Violations of the first-order conditions. */
export interface Stationarity {
  /** `sup_k |∂J/∂θ_k| / ε_k = sup_k |E[D_θfᵀp] + ∇g|`. */
  readonly controls: number;
  /** Euclidean norm of ∂J in embedding, positions and readout, 0 where they are frozen. */
  readonly others: number;
}

/** The first-order conditions at a gradient of the problem. */
export function stationarity(problem: ControlProblem, gradient: FloatArray): Stationarity {
  const { layout, grid } = problem;
  const P = layout.parametersPerLayer;
  const nodes = partOf(layout, gradient, 'controls');
  let controls = 0;
  for (let k = 0; k < layout.layers; k++) {
    const size = norm(nodes.subarray(k * P, (k + 1) * P));
    controls = Math.max(controls, size / (grid.times[k + 1] - grid.times[k]));
  }
  const parts = (['embedding', 'positions', 'readout'] as const).map((part) =>
    norm(partOf(layout, gradient, part)),
  );
  return { controls, others: Math.hypot(...parts) };
}
