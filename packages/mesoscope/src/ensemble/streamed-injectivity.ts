import type { Law } from '../law/law.ts';
import { logSumExp } from '../law/tilt.ts';
import { qrDecomposition, singularValueDecomposition } from '../numeric/decompositions.ts';
import { block, type Matrix, zeros } from '../numeric/matrix.ts';
import { type RandomStream, randomStream } from '../numeric/random.ts';
import { type LinearMap, smallestEigenpair } from '../numeric/smallest-eigenpair.ts';
import { requireMemory, requireWhole } from './checks.ts';
import {
  type Injectivity,
  type InjectivityOptions,
  judgeDesign,
  probePoints,
  roundingTolerance,
} from './injectivity.ts';
import { streamedTriangle, triangularSolver } from './streamed-triangle.ts';

export interface StreamedInjectivityOptions extends InjectivityOptions {
  readonly observe?: (done: number, total: number, label: string) => Promise<void> | void;
}

/**
 * As `testInjectivity` for thousands of contexts. The null functions stand in the first columns of the design, whose rows
 * are reflected into a triangle one after the other: the rest of the triangle is that of the design without them, with
 * the same singular values. A resampled design is not factorised again: its smallest singular value is the smallest
 * eigenvalue of `A_⊥ᵀW A_⊥`, W the counts of the probes, found from products and preconditioned by the triangle.
 *
 * @throws MesoscopeError `out-of-memory`, `invalid-value`
 */
export async function streamInjectivity(
  contexts: readonly Law[],
  options: StreamedInjectivityOptions = {},
): Promise<Injectivity> {
  const { modulo = 'affine', seed = 1, resamples = 40, observe } = options;
  const count = contexts.length;
  const d = contexts[0].dimension;
  const probes = options.probes ?? 4 * (count + d + 1);
  requireWhole('probes', probes);
  const nulls = modulo === 'affine' ? d + 1 : 1;
  const columns = nulls + count;
  // The design, its triangle, and what the decomposition takes.
  requireMemory(
    8 * columns * (probes + 6 * columns),
    `Take fewer contexts or probes: a design of ${probes} × ${columns} is asked for.`,
  );
  const points = probePoints(contexts, probes, seed);
  const design = zeros(probes, columns);
  const triangle = streamedTriangle(columns);
  const factor = 1 / Math.sqrt(probes);
  for (let a = 0; a < probes; a++) {
    if (a % 48 === 0) await observe?.(a, probes, 'rows of the design');
    const row = design.data.subarray(a * columns, (a + 1) * columns);
    const xi = points.data.subarray(a * d, (a + 1) * d);
    row[0] = factor;
    for (let b = 1; b < nulls; b++) row[b] = factor * xi[b - 1];
    contexts.forEach((law, i) => {
      row[nulls + i] = factor * logSumExp(law, xi);
    });
    triangle.add(row);
  }
  await observe?.(0, 1, `singular values of a triangle of ${count} columns`);
  const rest = block(triangle.finish(), nulls, nulls, count, count);
  const decomposition = singularValueDecomposition(rest);
  const size = largestColumn(design, nulls);
  const solver = triangularSolver(rest);
  const last = Float64Array.from(
    { length: count },
    (_, i) => decomposition.right.data[(i + 1) * count - 1],
  );
  const bootstrap: number[] = [];
  const stream = randomStream(seed, 'resampled probes');
  for (let r = 0; r < resamples; r++) {
    await observe?.(r, resamples, 'resampled probes');
    const { value } = await smallestEigenpair({
      apply: resampledGram(design, nulls, counts(probes, stream)),
      precondition(v, out) {
        out.set(v);
        solver.lower(out, 1);
        solver.upper(out, 1);
      },
      start: last,
      floor: (roundingTolerance * size) ** 2,
    });
    bootstrap.push(Math.sqrt(Math.max(value, 0)));
  }
  return judgeDesign(decomposition, size, bootstrap);
}

/** How often each of M probes is drawn in M draws. */
function counts(probes: number, stream: RandomStream): Float64Array {
  const out = new Float64Array(probes);
  for (let a = 0; a < probes; a++) out[stream.integer(probes)]++;
  return out;
}

/** `v ↦ A_⊥ᵀ W A_⊥ v`, `A_⊥` the columns of the contexts without their W-weighted fit by the null columns. */
function resampledGram(
  { rows, columns, data }: Matrix,
  nulls: number,
  weights: Float64Array,
): LinearMap {
  const roots = weights.map(Math.sqrt);
  const weighted = zeros(rows, nulls);
  for (let a = 0; a < rows; a++) {
    for (let b = 0; b < nulls; b++) weighted.data[a * nulls + b] = roots[a] * data[a * columns + b];
  }
  const Q = qrDecomposition(weighted).Q.data;
  const y = new Float64Array(rows);
  const fit = new Float64Array(nulls);
  return (v, out) => {
    fit.fill(0);
    for (let a = 0; a < rows; a++) {
      let sum = 0;
      const from = a * columns + nulls;
      for (let i = 0; i < v.length; i++) sum += data[from + i] * v[i];
      y[a] = roots[a] * sum;
      for (let b = 0; b < nulls; b++) fit[b] += Q[a * nulls + b] * y[a];
    }
    out.fill(0);
    for (let a = 0; a < rows; a++) {
      if (roots[a] === 0) continue;
      let rest = y[a];
      for (let b = 0; b < nulls; b++) rest -= Q[a * nulls + b] * fit[b];
      rest *= roots[a];
      const from = a * columns + nulls;
      for (let i = 0; i < v.length; i++) out[i] += rest * data[from + i];
    }
  };
}

/** Largest length of a column from `first` on. */
function largestColumn({ rows, columns, data }: Matrix, first: number): number {
  const squares = new Float64Array(columns);
  for (let a = 0; a < rows; a++) {
    for (let i = first; i < columns; i++) squares[i] += data[a * columns + i] ** 2;
  }
  return Math.sqrt(squares.reduce((x, y) => Math.max(x, y), 0));
}
