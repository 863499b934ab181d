import * as z from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import type { ParameterPart } from '../../control/parameters.ts';
import { initialParameters, partOf } from '../../control/parameters.ts';
import { MesoscopeError } from '../../errors.ts';
import type { Field } from '../../field/field.ts';
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
    /** θ_ref, for the layer's field; default 0. */
    readonly referenceOf?: (field: Field) => ArrayLike<number>;
  },
): ControlModel {
  const { h0, labels, U, pooling, horizon, regularisation } = instance;
  const { heads, keyDimension, hidden, activation, causal } = instance;
  const tokens = h0[0].length;
  const dimension = h0[0][0].length;
  const [complaint] = dataComplaints(instance);
  if (complaint !== undefined)
    throw new MesoscopeError({ code: 'invalid-configuration', issues: [complaint] });
  const field = transformerBlock({
    dimension,
    heads,
    keyDimension,
    hidden,
    activation,
    causal,
    normalisation: 'none',
  });
  const problem = createControlProblem(backend, {
    field,
    grid: uniformGrid(horizon, options.layers),
    tokens,
    samples: h0.length,
    classes: U.length,
    pooling,
    regularisation,
    smoothness: options.smoothness ?? 0,
    frozen: options.frozen ?? [],
    reference: options.referenceOf?.(field),
  });
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, options.seed));
  partOf(problem.layout, parameters, 'readout').set(U.flat());
  const batch = { samples: h0.length, states: h0.flat(2), labels: labels.flat() };
  return { problem, parameters, batch };
}

/** What is wrong with sequences, labels and readout beside each other, by path. */
export function dataComplaints({
  h0,
  labels,
  U,
  pooling,
}: Pick<ControlInstance, 'h0' | 'labels' | 'U' | 'pooling'>): { path: string; message: string }[] {
  const [n, d, columns] = [
    h0[0].length,
    h0[0][0].length,
    pooling === 'position' ? h0[0].length : 1,
  ];
  const complaint = (path: string, received: number, expected: number, what: string) =>
    received === expected
      ? []
      : [{ path, message: `must have ${expected} ${what} (received ${received})` }];
  return [
    ...h0.flatMap((sequence, s) => [
      ...complaint(`h0[${s}]`, sequence.length, n, 'tokens, as the first sequence'),
      ...sequence.flatMap((token, j) => complaint(`h0[${s}][${j}]`, token.length, d, 'numbers')),
    ]),
    ...U.flatMap((row, c) => complaint(`U[${c}]`, row.length, d, 'numbers')),
    ...complaint('labels', labels.length, h0.length, 'entries, one a sequence'),
    ...labels.flatMap((label, s) => {
      const classes = [label].flat();
      const beyond = classes.find((y) => y >= U.length);
      return [
        ...complaint(`labels[${s}]`, classes.length, columns, 'classes'),
        ...(beyond === undefined
          ? []
          : [
              {
                path: `labels[${s}]`,
                message: `must be below ${U.length}, the classes of U (received ${beyond})`,
              },
            ]),
      ];
    }),
  ];
}
