import type { Backend, FloatArray } from '../../kernels/backend.ts';
import type { LbfgsOptions, LbfgsResult } from '../../minimise/lbfgs.ts';
import { minimise } from '../../minimise/minimise.ts';

/** Writes the gradient at `parameters` into `gradient` and returns the value; a value that is not finite is refused as a step. */
export type SmoothObjective = (parameters: FloatArray, gradient: FloatArray) => number;

export interface BackendLbfgsOptions extends LbfgsOptions {
  readonly backend: Backend;
  /** Deterministic: the same value for the same parameters. */
  readonly objective: SmoothObjective;
  /** In the backend's memory; changed in place. */
  readonly parameters: FloatArray;
}

/**
 * L-BFGS for an objective that reads a backend's memory, in its precision.
 *
 * @throws MesoscopeError as `lbfgs`
 */
export function minimiseLbfgs(options: BackendLbfgsOptions): LbfgsResult {
  const { backend, objective, parameters } = options;
  return backend.scoped(() => {
    const trial = backend.allocate(parameters.length);
    const gradient = backend.allocate(parameters.length);
    const result = minimise(
      (point) => {
        trial.set(point);
        // What the backend's precision leaves of the point.
        point.set(trial);
        return { value: objective(trial, gradient), gradient };
      },
      parameters,
      options,
    );
    parameters.set(result.point);
    return result;
  });
}
