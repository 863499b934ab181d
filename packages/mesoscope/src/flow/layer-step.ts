import type { Field } from '../field/field.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { packRows, unpackRows } from '../kernels/tokens.ts';
import type { Matrix } from '../numeric/matrix.ts';
import { piecewiseConstantControls } from './controls.ts';
import { createFlow } from './flow.ts';
import { uniformGrid } from './grid.ts';
import { euler } from './scheme.ts';

/** One layer of a network on n tokens. */
export interface LayerStep {
  /** θ, to be filled before a step; another layer's may follow. */
  readonly parameters: FloatArray;
  /** The tokens after the layer, n × d. Entries may be of any size. */
  step(points: Matrix): Matrix;
}

export interface LayerStepOptions {
  readonly field: Field;
  /** n. */
  readonly tokens: number;
  /** Where θ stands, in backend memory; default a buffer of its own. */
  readonly parameters?: FloatArray;
  /** Default 1. */
  readonly steps?: number;
  /** Default 1. */
  readonly length?: number;
  /** Whether the parts of a field in sequence take steps of their own; default true. */
  readonly split?: boolean;
}

/**
 * `x ← x + f(x, θ)`: a layer as Euler's step of length 1, or as `steps` of them of length length/steps, in which the parts of a field in
 * sequence each take their own. Its memory lives in the scope of the backend in which it was made.
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createLayerStep(backend: Backend, options: LayerStepOptions): LayerStep {
  const { field, tokens, steps = 1, length = 1, split = true } = options;
  const { parameters = backend.allocate(field.parameters.length) } = options;
  const initial = backend.allocate(stateLength(field.dimension, tokens));
  const flow = createFlow(backend, {
    field,
    tokens,
    samples: 1,
    scheme: euler,
    split,
    limit: Number.POSITIVE_INFINITY,
  });
  const controls = piecewiseConstantControls(uniformGrid(length, 1), parameters.length, parameters);
  const grid = uniformGrid(length, steps);
  return {
    parameters,
    step: (points) =>
      backend.scoped(() => {
        packRows(points, initial);
        const { last } = flow.forward({ grid, controls, initial, checkpoints: 'ends' });
        return unpackRows(last, tokens, field.dimension);
      }),
  };
}
