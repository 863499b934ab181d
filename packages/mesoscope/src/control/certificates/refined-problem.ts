import { refineGrid } from '../../flow/grid.ts';
import { euler } from '../../flow/scheme.ts';
import type { Scheme } from '../../flow/types.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { createControlProblem } from '../create-problem.ts';
import { type ControlLayout, parameterParts, partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';

/** The same function of depth on more layers: every layer cut into equal parts that share its θ. */
export interface RefinedProblem {
  readonly problem: ControlProblem;
  /** The parameters of the coarse problem on the finer grid, in the backend's memory; overwritten by the next call. */
  repeat(parameters: FloatArray): FloatArray;
  /** A derivative in the finer problem's parameters as one in the coarse problem's: shares of one θ are added up. */
  gather(gradient: FloatArray): Float64Array;
}

/**
 * A control problem on `factor` times the layers, without the H¹ penalty (of which controls with jumps have none).
 *
 * @param scheme - default Euler
 */
export function refineProblem(
  coarse: ControlProblem,
  factor: number,
  scheme: Scheme = euler,
): RefinedProblem {
  const problem = createControlProblem(coarse.backend, {
    ...coarse.options,
    grid: refineGrid(coarse.grid, factor),
    scheme,
    smoothness: 0,
  });
  const { layout } = problem;
  const repeated = coarse.backend.allocate(layout.length);
  const count = layout.parametersPerLayer;
  return {
    problem,
    repeat(parameters) {
      for (const part of parameterParts) {
        const source = partOf(coarse.layout, parameters, part);
        const target = partOf(layout, repeated, part);
        if (part !== 'controls') target.set(source);
        else {
          for (let k = 0; k < layout.layers; k++) {
            const from = Math.floor(k / factor) * count;
            target.set(source.subarray(from, from + count), k * count);
          }
        }
      }
      return repeated;
    },
    gather: (gradient) => gather(coarse.layout, layout, factor, gradient),
  };
}

function gather(
  coarse: ControlLayout,
  fine: ControlLayout,
  factor: number,
  gradient: FloatArray,
): Float64Array {
  const result = new Float64Array(coarse.length);
  const count = coarse.parametersPerLayer;
  for (const part of parameterParts) {
    const source = partOf(fine, gradient, part);
    const target = partOf(coarse, result, part);
    for (let i = 0; i < source.length; i++) {
      const into = part === 'controls' ? Math.floor(i / (count * factor)) * count + (i % count) : i;
      target[into] += source[i];
    }
  }
  return result;
}
