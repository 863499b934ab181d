import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import { denseMatrix } from '../../control/depth/adjoint-experiment.ts';
import type { ParameterPart } from '../../control/parameters.ts';
import { initialParameters, partOf } from '../../control/parameters.ts';
import { MesoscopeError } from '../../errors.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend } from '../../kernels/backend.ts';
import { matrix } from './depth-instance.ts';

/** A control problem on explicit data: sequences with their classes, a readout, and the layer to be controlled. */
export const controlInstanceShape = {
  h0: z.array(matrix).min(1).describe('S sequences of n tokens of d numbers'),
  labels: z
    .array(z.union([z.int().min(0), z.array(z.int().min(0)).min(1)]))
    .min(1)
    .describe('a class for each sequence, or a list of n for each if the readout sees every token'),
  U: matrix.describe('the readout, C × d'),
  pooling: z
    .enum(['position', 'last', 'mean'])
    .default('mean')
    .describe('what the readout sees: every token, the last one, or their mean'),
  heads: z.int().min(1).default(1).describe('attention heads'),
  keyDimension: z.int().min(1).default(2).describe('k, rows of a head’s Q and K'),
  hidden: z.int().min(1).default(4).describe('width of the feed-forward part'),
  activation: z.enum(['tanh', 'relu', 'gelu', 'silu']).default('tanh'),
  causal: z.boolean().default(false).describe('token i sees tokens j ≤ i only'),
  horizon: z.number().positive().default(1).describe('T'),
  regularisation: z.number().min(0).describe('λ of ∫ (λ/2)|θ|² dt'),
};

const shape = z.strictObject(controlInstanceShape);

export type ControlInstance = z.infer<typeof shape>;

/**
 * The problem of an instance on L layers, its controls at a random start and its readout as given.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value` where data, labels and readout do not fit together
 */
export function explicitModel(
  backend: Backend,
  instance: ControlInstance,
  options: {
    readonly layers: number;
    readonly seed: number;
    readonly smoothness?: number;
    readonly frozen?: readonly ParameterPart[];
  },
): ControlModel {
  const { h0, labels, U, pooling, horizon, regularisation } = instance;
  const { heads, keyDimension, hidden, activation, causal } = instance;
  const tokens = h0[0].length;
  const dimension = h0[0][0].length;
  h0.forEach((sequence, s) => {
    requireLength(`h0[${s}]`, sequence, tokens);
    sequence.forEach((token, j) => {
      requireLength(`h0[${s}][${j}]`, token, dimension);
    });
  });
  requireLength('labels', labels, h0.length);
  const columns = pooling === 'position' ? tokens : 1;
  labels.forEach((label, s) => {
    requireLength(`labels[${s}]`, [label].flat(), columns);
  });
  const readout = denseMatrix(backend, 'U', U, dimension);
  const problem = createControlProblem(backend, {
    field: transformerBlock({
      dimension,
      heads,
      keyDimension,
      hidden,
      activation,
      causal,
      normalisation: 'none',
    }),
    grid: uniformGrid(horizon, options.layers),
    tokens,
    samples: h0.length,
    classes: U.length,
    pooling,
    regularisation,
    smoothness: options.smoothness ?? 0,
    frozen: options.frozen ?? [],
  });
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, options.seed));
  partOf(problem.layout, parameters, 'readout').set(readout);
  const batch = { samples: h0.length, states: h0.flat(2), labels: labels.flat() };
  return { problem, parameters, batch };
}

function requireLength(path: string, received: readonly unknown[], expected: number): void {
  if (received.length === expected) return;
  const lengths = { received: [received.length], expected: [expected] };
  throw new MesoscopeError({ code: 'shape-mismatch', path, ...lengths });
}
