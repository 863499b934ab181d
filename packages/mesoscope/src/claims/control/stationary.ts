import { partOf } from '../../control/parameters.ts';
import type { ControlProblem } from '../../control/problem.ts';
import { prolongParameters } from '../../control/refinement.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import type { ControlModel } from './control-model.ts';

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
 * ten values is halved (Grippo, Lampariello and Lucidi, SIAM J. Numer. Anal. 23, 1986).
 */
export function descend(model: ControlModel, options: StationarityOptions = {}): Descent {
  const { problem, parameters, batch } = model;
  const { tolerance = 1e-10, gradients = 2000 } = options;
  const { backend, layout } = problem;
  return backend.scoped(() => {
    const [gradient, trial, next] = Array.from({ length: 3 }, () =>
      backend.allocate(layout.length),
    );
    let { objective } = problem.gradient(parameters, batch, gradient);
    let residual = stationarityResidual(problem, gradient);
    let step = layout.layers;
    const recent = [objective];
    let count = 1;
    while (residual > tolerance && count < gradients && Number.isFinite(objective)) {
      const square = dot(gradient, gradient);
      let accepted = false;
      for (let halving = 0; halving < 40 && !accepted; halving++) {
        for (let i = 0; i < trial.length; i++) trial[i] = parameters[i] - step * gradient[i];
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
