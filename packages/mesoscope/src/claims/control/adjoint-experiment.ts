import { z } from 'zod';
import type { Pooling } from '../../control/readout.ts';
import { createTerminalLoss, type TerminalLoss } from '../../control/terminal-loss.ts';
import { MesoscopeError } from '../../errors.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { type DepthExperiment, explicitExperiment, randomExperiment } from './depth-experiment.ts';
import { depthInstanceShape, matrix } from './depth-instance.ts';

/** A flow over depth and the loss at its end. */
export interface AdjointExperiment extends DepthExperiment {
  readonly loss: TerminalLoss;
}

/** Readout and labels of an explicit instance. */
export const lossInstanceShape = {
  U: matrix.optional().describe('the readout, C × d; default: random'),
  labels: z
    .array(z.int().min(0))
    .min(1)
    .optional()
    .describe('one class for each token, or one if the readout pools; default: random'),
  pooling: z
    .enum(['position', 'last', 'mean'])
    .default('position')
    .describe('what the readout sees: every token, the last one, or their mean'),
};

export const adjointInstance = z.strictObject({ ...depthInstanceShape, ...lossInstanceShape });

export type AdjointInstance = z.infer<typeof adjointInstance>;

/** Classes of a random readout. */
const randomClasses = 5;

/** Explicit data, with a random readout or random labels where they are not given. */
export function explicitAdjointExperiment(
  backend: Backend,
  instance: AdjointInstance,
  seed: number,
): AdjointExperiment {
  const experiment = explicitExperiment(backend, instance);
  const { tokens } = experiment;
  const d = experiment.field.dimension;
  const { pooling } = instance;
  const random = randomStream(seed, 'readout');
  const count = Math.max(randomClasses, 1 + Math.max(0, ...(instance.labels ?? [])));
  const rows = instance.U ?? randomMatrix(random, count, d);
  const readout = denseMatrix(backend, 'U', rows, d);
  const classes = rows.length;
  const columns = pooling === 'position' ? tokens : 1;
  const labels = instance.labels ?? Array.from({ length: columns }, () => random.integer(classes));
  const specification = { readout, classes, labels, pooling };
  const loss = createTerminalLoss(backend, { dimension: d, tokens, samples: 1 }, specification);
  return { ...experiment, loss };
}

/**
 * A random flow with random labels and a random readout, entries of deviation `size/√d`.
 *
 * @param options.pooling - default `position`
 * @param options.size - default 1
 */
export function randomAdjointExperiment(
  backend: Backend,
  seed: number,
  index: number,
  options: { readonly pooling?: Pooling; readonly size?: number } = {},
): AdjointExperiment {
  const { pooling = 'position', size = 1 } = options;
  const experiment = randomExperiment(backend, seed, index);
  const { tokens, samples, field } = experiment;
  const d = field.dimension;
  const random = randomStream(seed, 'readout', index);
  const readout = denseMatrix(backend, 'U', randomMatrix(random, randomClasses, d), d);
  readout.forEach((entry, i) => {
    readout[i] = size * entry;
  });
  const columns = pooling === 'position' ? tokens : 1;
  const labels = Array.from({ length: samples * columns }, () => random.integer(randomClasses));
  const specification = { readout, classes: randomClasses, labels, pooling };
  const loss = createTerminalLoss(backend, { dimension: d, tokens, samples }, specification);
  return { ...experiment, loss };
}

/** Independent normal entries of deviation 1/√columns. */
export function randomMatrix(
  random: { normal(): number },
  rows: number,
  columns: number,
): number[][] {
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => random.normal() / Math.sqrt(columns)),
  );
}

/**
 * The entries of a matrix with `columns` columns and at least two rows, row-major in the backend's memory.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function denseMatrix(
  backend: Backend,
  path: string,
  rows: readonly (readonly number[])[],
  columns: number,
): FloatArray {
  if (rows.length < 2) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path,
      received: [rows.length, rows[0]?.length ?? 0],
      expected: ['at least 2', columns],
    });
  }
  rows.forEach((row, i) => {
    if (row.length === columns) return;
    const fault = { path: `${path}[${i}]`, received: [row.length], expected: [columns] };
    throw new MesoscopeError({ code: 'shape-mismatch', ...fault });
  });
  const dense = backend.allocate(rows.length * columns);
  dense.set(rows.flat());
  return dense;
}
