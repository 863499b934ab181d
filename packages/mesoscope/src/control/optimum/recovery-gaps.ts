import type { Backend } from '../../kernels/backend.ts';
import type { ControlModel } from '../control-model.ts';
import { sampleParameters } from '../refinement.ts';
import type { Optimum } from './optimum.ts';

/**
 * Gaps `J_L(θ*|grid) − V_L` of one problem at all depths but the last two. The last three give the continuous minimiser up
 * to O(1/L³), by extrapolation `θ* = (8θ_{4L} − 6θ_{2L} + θ_L)/3` at every depth.
 */
export function recoveryGaps(
  backend: Backend,
  modelOf: (layers: number) => ControlModel,
  solutions: readonly Optimum[],
): number[] {
  const last = solutions.slice(-3);
  return backend.scoped(() => {
    const models = last.map(({ layers }) => modelOf(layers).problem);
    return solutions.slice(0, -2).map(({ layers, objective }) =>
      backend.scoped(() => {
        const { problem, parameters, batch } = modelOf(layers);
        const [coarse, half, finest] = last.map((solution, i) =>
          sampleParameters(models[i].layout, models[i].grid, solution.parameters, problem.grid),
        );
        parameters.set(finest.map((x, i) => (8 * x - 6 * half[i] + coarse[i]) / 3));
        return problem.evaluate(parameters, batch).objective - objective;
      }),
    );
  });
}
