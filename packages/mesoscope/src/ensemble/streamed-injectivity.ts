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

export interface StreamedInjectivityOptions extends Omit<InjectivityOptions, 'modulo'> {
  readonly observe?: (done: number, total: number, label: string) => Promise<void> | void;
}

/** Many contexts judged modulo affine functions, and modulo constants. */
export interface StreamedInjectivity {
  readonly affine: Injectivity;
  /** Without bootstrap; undefined where the contexts are independent modulo affine functions, and so modulo constants. */
  readonly constant: Injectivity | undefined;
}

/**
 * As `testInjectivity` for thousands of contexts. The null functions stand in the first columns of the design, the
 * constant first of all, and its rows are reflected into a triangle one after the other: what stands right of and below
 * the null columns has the singular values of the design without them. A resampled design is not factorised again: its
 * smallest singular value is the smallest eigenvalue of `A_⊥ᵀW A_⊥`, W the counts of the probes, found from products and
 * preconditioned by the triangle, to 2 % at worst.
 *
 * @throws MesoscopeError `out-of-memory`, `invalid-value`
 */
export async function streamInjectivity(
  contexts: readonly Law[],
  options: StreamedInjectivityOptions = {},
): Promise<StreamedInjectivity> {
  const { seed = 1, resamples = 40, observe } = options;
  const count = contexts.length;
  const d = contexts[0].dimension;
  const probes = options.probes ?? 4 * (count + d + 1);
  requireWhole('probes', probes);
  const nulls = d + 1;
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
    if (a % 48 === 0) await observe?.(a, probes, 'rows of the log-sum-exp design');
    const row = design.data.subarray(a * columns, (a + 1) * columns);
    const xi = points.data.subarray(a * d, (a + 1) * d);
    row[0] = factor;
    for (let b = 0; b < d; b++) row[b + 1] = factor * xi[b];
    contexts.forEach((law, i) => {
      row[nulls + i] = factor * logSumExp(law, xi);
    });
    triangle.add(row);
  }
  const R = triangle.finish();
  const size = largestColumn(design, nulls);
  const decompose = async (skipped: number, rest: Matrix) => {
    const minutes = Math.ceil((count / 1000) ** 3 / 5);
    const about = count > 500 ? `, in one piece of about ${minutes} min` : '';
    await observe?.(
      0,
      1,
      `singular values modulo ${skipped > 1 ? 'affine functions' : 'constants'}${about}`,
    );
    return singularValueDecomposition(rest);
  };
  const rest = block(R, nulls, nulls, count, count);
  const decomposition = await decompose(nulls, rest);
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
      tolerance: 0.04,
      floor: (roundingTolerance * size) ** 2,
    });
    bootstrap.push(Math.sqrt(Math.max(value, 0)));
  }
  const affine = judgeDesign(decomposition, size, bootstrap);
  return {
    affine,
    constant:
      affine.verdict === 'independent'
        ? undefined
        : judgeDesign(await decompose(1, block(R, 1, nulls, d + count, count)), size, []),
  };
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
      if (roots[a] === 0) continue;
      y[a] = roots[a] * segmentProduct(data, a * columns + nulls, v);
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

/** `Σ_i data[from + i] v_i`, with four sums in flight. */
function segmentProduct(data: Float64Array, from: number, v: Float64Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < v.length; i += 4) {
    s0 += data[from + i] * v[i];
    s1 += data[from + i + 1] * v[i + 1];
    s2 += data[from + i + 2] * v[i + 2];
    s3 += data[from + i + 3] * v[i + 3];
  }
  for (; i < v.length; i++) s0 += data[from + i] * v[i];
  return s0 + s1 + s2 + s3;
}

/** Largest length of a column from `first` on. */
function largestColumn({ rows, columns, data }: Matrix, first: number): number {
  const squares = new Float64Array(columns);
  for (let a = 0; a < rows; a++) {
    for (let i = first; i < columns; i++) squares[i] += data[a * columns + i] ** 2;
  }
  return Math.sqrt(squares.reduce((x, y) => Math.max(x, y), 0));
}
