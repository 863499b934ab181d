import type { ControlModel } from '../../control/control-model.ts';
import { partOf } from '../../control/parameters.ts';
import type { ControlProblem } from '../../control/problem.ts';
import { prolongParameters } from '../../control/refinement.ts';
import type { FloatArray } from '../../kernels/backend.ts';

export interface StationarityOptions {
  /** The density `sup_k |E[D_θfᵀp] + ∇g|_2` at which a point counts as stationary; default 1e-10. */
  readonly tolerance?: number;
  /** The most gradients; default 2000. */
  readonly gradients?: number;
}

export interface Descent {
  /** `sup_k |∂J/∂θ_k| / ε_k` where it stopped: the violation of the first-order condition. */
  readonly residual: number;
  readonly gradients: number;
  readonly objective: number;
}

/**
 * Moves the controls of a model, in place, to a point where `E[D_θfᵀp] + ∇g = 0`, by gradient steps of Barzilai and
 * Borwein's length `s·s / s·y` (IMA J. Numer. Anal. 8, 1988); a step after which J is not below the largest of the last
 * ten values is halved (Grippo, Lampariello and Lucidi, SIAM J. Numer. Anal. 23, 1986). Gradients and lengths are those
 * of the penalty's own metric ({@link penaltyMetric}), in which the number of steps does not grow with the layers.
 */
export function descend(model: ControlModel, options: StationarityOptions = {}): Descent {
  const { problem, parameters, batch } = model;
  const { tolerance = 1e-10, gradients = 2000 } = options;
  const { backend, layout } = problem;
  return backend.scoped(() => {
    const [gradient, direction, trial, next] = Array.from({ length: 4 }, () =>
      backend.allocate(layout.length),
    );
    const towards = penaltyMetric(problem);
    let { objective } = problem.gradient(parameters, batch, gradient);
    let residual = stationarityResidual(problem, gradient);
    let step = 1;
    const recent = [objective];
    let count = 1;
    while (residual > tolerance && count < gradients && Number.isFinite(objective)) {
      towards(gradient, direction);
      const square = dot(gradient, direction);
      let accepted = false;
      for (let halving = 0; halving < 40 && !accepted; halving++) {
        for (let i = 0; i < trial.length; i++) trial[i] = parameters[i] - step * direction[i];
        const value = problem.gradient(trial, batch, next).objective;
        count++;
        // Below rounding of J the comparison says nothing.
        accepted = value <= Math.max(...recent) - 1e-4 * step * square || step * square < 1e-14;
        if (accepted) objective = value;
        else step /= 2;
      }
      if (!accepted) break;
      let curvature = 0;
      for (let i = 0; i < trial.length; i++) {
        curvature += (trial[i] - parameters[i]) * (next[i] - gradient[i]);
      }
      const length = step * step * square;
      step = curvature > 0 ? length / curvature : 2 * step;
      parameters.set(trial);
      gradient.set(next);
      recent.push(objective);
      if (recent.length > 10) recent.shift();
      residual = stationarityResidual(problem, gradient);
    }
    return { residual, gradients: count, objective };
  });
}

/**
 * Solves `M x = g` for the controls, `M = (λ + μ/T²) ε + μ D`, D the second difference of the H¹ penalty: g as the
 * gradient in the metric of the running cost itself. Other parameters stay as they are in g.
 */
function penaltyMetric(problem: ControlProblem): (g: FloatArray, x: FloatArray) => void {
  const { layout, grid, penalty } = problem;
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
    const nodes = partOf(layout, x, 'controls');
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

/** `sup_k |∂J/∂θ_k|_2 / ε_k`. */
export function stationarityResidual(problem: ControlProblem, gradient: FloatArray): number {
  const { layout, grid } = problem;
  const count = layout.parametersPerLayer;
  const controls = partOf(layout, gradient, 'controls');
  let largest = 0;
  for (let k = 0; k < layout.layers; k++) {
    const layer = controls.subarray(k * count, (k + 1) * count);
    largest = Math.max(largest, Math.sqrt(dot(layer, layer)) / (grid.times[k + 1] - grid.times[k]));
  }
  return largest;
}

/** Parameters of a coarser problem, prolonged linearly to twice the layers, as a start for the finer one. */
export function startFrom(coarse: ControlModel, fine: ControlModel): void {
  const { layout, grid } = coarse.problem;
  fine.parameters.set(prolongParameters(layout, grid, coarse.parameters, 'linear'));
}

function dot(x: FloatArray, y: FloatArray): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}
