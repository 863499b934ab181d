import type { FloatArray } from '../../kernels/backend.ts';
import type { Metric } from '../../minimise/lbfgs.ts';
import { partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';

/**
 * The metric of a problem's own running cost: `M = (λ + μ/T²) ε + μ D` on the controls, D the second difference of the
 * H¹ penalty, and the identity on all else. In it the number of a solver's steps does not grow with the layers.
 */
export function penaltyMetric({ layout, grid, penalty }: ControlProblem): Metric {
  const { layers, parametersPerLayer: P } = layout;
  const { times } = grid;
  const { regularisation, smoothness } = penalty;
  const scale = regularisation + smoothness / times[layers] ** 2 || 1;
  const coupling = Float64Array.from(
    { length: Math.max(0, layers - 1) },
    (_, k) => (2 * smoothness) / (times[k + 2] - times[k]),
  );
  const diagonal = Float64Array.from({ length: layers }, (_, k) => {
    const own = scale * (times[k + 1] - times[k]);
    return own + (coupling[k - 1] ?? 0) + (coupling[k] ?? 0);
  });
  // Thomas's elimination: pivots once, then two sweeps for each right-hand side.
  for (let k = 1; k < layers; k++) diagonal[k] -= coupling[k - 1] ** 2 / diagonal[k - 1];
  return (g, x) => {
    x.set(g);
    const nodes: FloatArray = partOf(layout, x, 'controls');
    for (let k = 1; k < layers; k++) {
      const factor = coupling[k - 1] / diagonal[k - 1];
      for (let i = k * P; i < (k + 1) * P; i++) nodes[i] += factor * nodes[i - P];
    }
    for (let k = layers - 1; k >= 0; k--) {
      const above = k + 1 < layers ? coupling[k] : 0;
      for (let i = k * P; i < (k + 1) * P; i++) {
        nodes[i] = (nodes[i] + (above === 0 ? 0 : above * nodes[i + P])) / diagonal[k];
      }
    }
  };
}
