import { MesoscopeError } from '../errors.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { ProgramBuilder } from '../kernels/program.ts';
import { shapeMismatch } from '../numeric/checks.ts';
import type { GaussianLayer } from './layer.ts';
import type { GaussianMoments } from './moments.ts';

export interface MomentBatchOptions {
  /** d. */
  readonly dimension: number;
  /** H. */
  readonly heads: number;
  /** n: how many parameter points. */
  readonly points: number;
  /** Runge–Kutta steps in one run. */
  readonly steps: number;
}

/** n moment flows of softmax layers, side by side. */
export interface MomentBatch {
  readonly points: number;
  /** Sets layer and law of one point. @throws MesoscopeError `shape-mismatch`, `unsupported` */
  set(point: number, layer: GaussianLayer, law: GaussianMoments): void;
  /** The law of one point. */
  law(point: number): GaussianMoments;
  /** Advances all laws by `steps` steps of size tau. */
  run(tau: number): void;
}

/** Points that one sample of the program holds: enough lanes to fill the vectors, few enough to stay in cache. */
const lanes = 64;

/**
 * Many constant layers at once: classical Runge–Kutta steps of `Σ̇ = UΣ + ΣUᵀ`, `ṁ = (U + V̂)m + b`,
 * `U = Σ_h V_hΣB_h + W` for n independent points, 64 to a sample of the backend's program. Fixed steps and Σ itself, not
 * a factor: made for sweeps. For one law with an error bound use `integrateMoments`.
 *
 * The buffers live in the scope of the backend in which the batch was made.
 *
 * @throws MesoscopeError `out-of-memory`
 */
export function momentBatch(backend: Backend, options: MomentBatchOptions): MomentBatch {
  const { dimension: d, heads, points, steps } = options;
  const width = Math.min(lanes, points);
  const stride = columnStride(width);
  const samples = Math.ceil(points / width);
  const rows = {
    mean: d,
    covariance: d * d,
    V: heads * d * d,
    B: heads * d * d,
    W: d * d,
    b: d,
  };
  const builder = new ProgramBuilder();
  const state = (name: keyof typeof rows) => builder.state('sample', name, rows[name], width);
  builder.gaussianMoments({
    dimension: d,
    heads,
    steps,
    tau: builder.scalar('tau'),
    mean: state('mean'),
    covariance: state('covariance'),
    V: state('V'),
    B: state('B'),
    W: state('W'),
    b: state('b'),
  });
  const execute = backend.compile(builder.program());
  const allocate = (name: keyof typeof rows) => backend.allocate(samples * rows[name] * stride);
  const buffers = {
    mean: allocate('mean'),
    covariance: allocate('covariance'),
    V: allocate('V'),
    B: allocate('B'),
    W: allocate('W'),
    b: allocate('b'),
  };

  /** Index of the first entry of a point; entry i lies i strides further. */
  const start = (name: keyof typeof rows, point: number) =>
    Math.floor(point / width) * rows[name] * stride + (point % width);
  const write = (name: keyof typeof rows, point: number, values: ArrayLike<number>, from = 0) => {
    const buffer: FloatArray = buffers[name];
    const first = start(name, point) + from * stride;
    for (let i = 0; i < values.length; i++) buffer[first + i * stride] = values[i];
  };
  const read = (name: keyof typeof rows, point: number): Float64Array => {
    const first = start(name, point);
    return Float64Array.from({ length: rows[name] }, (_, i) => buffers[name][first + i * stride]);
  };

  return {
    points,
    set(point, layer, law) {
      requireFit(layer, law, d, heads);
      write('mean', point, law.mean);
      write('covariance', point, law.covariance.data);
      layer.heads.forEach(({ V, B }, h) => {
        write('V', point, V.data, h * d * d);
        write('B', point, B.data, h * d * d);
      });
      write('W', point, layer.W.data);
      write('b', point, layer.b);
    },
    law: (point) => ({
      mean: read('mean', point),
      covariance: { rows: d, columns: d, data: read('covariance', point) },
    }),
    run: (tau) => execute({ samples, buffers, scalars: { tau } }),
  };
}

function requireFit(layer: GaussianLayer, law: GaussianMoments, d: number, heads: number): void {
  if (layer.attention !== 'softmax') {
    throw new MesoscopeError({
      code: 'unsupported',
      what: `${layer.attention} attention`,
      by: 'The batch of moment flows',
      wayOut: 'Integrate these layers one by one with integrateMoments.',
    });
  }
  const received = [layer.heads.length, layer.dimension, law.mean.length];
  if (received[0] !== heads || received[1] !== d || received[2] !== d) {
    throw shapeMismatch('heads, dimension of the layer, dimension of the law', received, [
      heads,
      d,
      d,
    ]);
  }
}
