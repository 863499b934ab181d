import type { Backend } from '../../kernels/backend.ts';
import type { ControlModel } from '../control-model.ts';
import { sampleParameters } from '../refinement.ts';
import type { Optimum } from './optimum.ts';

/**
 * Gaps `J_L(θ*|grid) − V_L` of one problem at all depths but the last two. Those two give the continuous minimiser, by
 * extrapolation `θ* = 2θ_{2L} − θ_L` at every depth.
 */
export function recoveryGaps(
  backend: Backend,
  modelOf: (layers: number) => ControlModel,
  solutions: readonly Optimum[],
): number[] {
  const [half, finest] = solutions.slice(-2);
  return backend.scoped(() => {
    const models = [half, finest].map(({ layers }) => modelOf(layers).problem);
    return solutions.slice(0, -2).map(({ layers, objective }) =>
      backend.scoped(() => {
        const { problem, parameters, batch } = modelOf(layers);
        const [coarse, fine] = [half, finest].map((solution, i) =>
          sampleParameters(models[i].layout, models[i].grid, solution.parameters, problem.grid),
        );
        parameters.set(fine.map((x, i) => 2 * x - coarse[i]));
        return problem.evaluate(parameters, batch).objective - objective;
      }),
    );
  });
}
