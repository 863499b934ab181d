import { MesoscopeError } from '../../errors.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { shapeMismatch } from '../../numeric/checks.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Pooling } from '../readout.ts';
import { createTerminalLoss, type TerminalLoss } from '../terminal-loss.ts';
import {
  type DepthExperiment,
  type DepthInstance,
  explicitExperiment,
  linearExperiment,
  randomExperiment,
} from './depth-experiment.ts';

/** A flow over depth and the loss at its end. */
export interface AdjointExperiment extends DepthExperiment {
  readonly loss: TerminalLoss;
}

/** One sequence, the layer that acts on it, and what its end is compared with. */
export interface AdjointInstance extends DepthInstance {
  /** C × d; default random. */
  readonly U?: readonly (readonly number[])[] | undefined;
  /** One class for each token, or one if the readout pools; default random. */
  readonly labels?: readonly number[] | undefined;
  readonly pooling: Pooling;
}

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

/** A random flow with random labels and a random readout, entries of deviation `size/√d`. */
export function randomAdjointExperiment(
  backend: Backend,
  seed: number,
  index: number,
  options: {
    readonly horizon: number;
    readonly pooling: Pooling;
    /** Default 1. */
    readonly size?: number;
  },
): AdjointExperiment {
  const { horizon, pooling, size = 1 } = options;
  const experiment = randomExperiment(backend, seed, index, horizon);
  const { tokens, samples, field } = experiment;
  const d = field.dimension;
  const random = randomStream(seed, 'readout', index);
  const rows = randomMatrix(random, randomClasses, d).map((row) => row.map((x) => size * x));
  const readout = denseMatrix(backend, 'U', rows, d);
  const columns = pooling === 'position' ? tokens : 1;
  const labels = Array.from({ length: samples * columns }, () => random.integer(randomClasses));
  const specification = { readout, classes: randomClasses, labels, pooling };
  const loss = createTerminalLoss(backend, { dimension: d, tokens, samples }, specification);
  return { ...experiment, loss };
}

/**
 * One token under `ḣ = a h` from h_0 = 1, read as logits ±r h with the label −: where the softmax has decided for the other class, the
 * costate is `2r e^{a(T−t)}`, the bound itself.
 */
export function linearAdjointExperiment(
  backend: Backend,
  options: { readonly growth: number; readonly horizon: number; readonly readout: number },
): AdjointExperiment {
  const experiment = linearExperiment(backend, { ...options, forced: false });
  const readout = denseMatrix(backend, 'U', [[options.readout], [-options.readout]], 1);
  const loss = createTerminalLoss(
    backend,
    { dimension: 1, tokens: 1, samples: 1 },
    { readout, classes: 2, labels: [1] },
  );
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
    throw shapeMismatch(path, [rows.length, rows[0]?.length ?? 0], ['at least 2', columns]);
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
