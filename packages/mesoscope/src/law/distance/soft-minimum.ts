import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { ProgramBuilder, stateLength } from '../../kernels/program.ts';

/** Points whose soft minima one job computes: small enough to split 20,000 points over many workers. */
const chunk = 128;

/** Weighted points in a backend's memory, in both layouts that the kernel reads. */
export interface Cloud {
  readonly size: number;
  readonly dimension: number;
  /** One d × n state: as keys. */
  readonly whole: FloatArray;
  /** d × 128 states one after the other: as queries. */
  readonly chunks: FloatArray;
  readonly logWeights: FloatArray;
  readonly weights: Float64Array;
}

/** Places weighted points (n × d, row-major; weights > 0) in a backend's memory. */
export function placeCloud(
  backend: Backend,
  law: {
    readonly points: Float64Array;
    readonly weights: Float64Array;
    readonly dimension: number;
  },
): Cloud {
  const { points, weights, dimension } = law;
  const size = weights.length;
  const stride = columnStride(size);
  const whole = backend.allocate(stateLength(dimension, size));
  const chunks = backend.allocate(Math.ceil(size / chunk) * stateLength(dimension, chunk));
  const logWeights = backend.allocate(stateLength(1, size));
  for (let i = 0; i < size; i++) {
    const start = Math.floor(i / chunk) * stateLength(dimension, chunk) + (i % chunk);
    for (let a = 0; a < dimension; a++) {
      const value = points[i * dimension + a];
      whole[a * stride + i] = value;
      chunks[start + a * columnStride(chunk)] = value;
    }
    logWeights[i] = Math.log(weights[i]);
  }
  return { size, dimension, whole, chunks, logWeights, weights };
}

/** A potential on a cloud, in a backend's memory; its first `size` entries count. */
export function allocatePotential(backend: Backend, { size }: Cloud): FloatArray {
  return backend.allocate(Math.max(stateLength(1, size), Math.ceil(size / chunk) * chunk));
}

/** `out_i = −ε log Σ_j w_j e^{(potential_j − ½|x_i − y_j|²)/ε}` for all points x_i of a cloud. */
export type SoftMinimum = (
  potential: FloatArray,
  previous: FloatArray,
  out: FloatArray,
  epsilon: number,
) => void;

/**
 * Prepares the soft minimum over the points of `to`, at the points of `at`: no matrix of costs is stored, and the
 * points of `at` are shared out in chunks over the backend's threads.
 */
export function createSoftMinimum(backend: Backend, at: Cloud, to: Cloud): SoftMinimum {
  const builder = new ProgramBuilder();
  const d = at.dimension;
  const x = builder.state('sample', 'x', d, chunk);
  const y = builder.state('shared', 'y', d, to.size);
  const potential = builder.state('shared', 'potential', 1, to.size);
  const logWeights = builder.state('shared', 'logWeights', 1, to.size);
  const previous = builder.state('sample', 'previous', 1, chunk);
  const out = builder.state('sample', 'out', 1, chunk);
  const epsilon = builder.scalar('epsilon');
  builder.pairwiseLogSumExp({ x, y, potential, logWeights, previous, out, epsilon });
  const execute = backend.compile(builder.program());
  const samples = Math.ceil(at.size / chunk);
  return (potential, previous, out, epsilon) => {
    execute({
      samples,
      buffers: { x: at.chunks, y: to.whole, potential, logWeights: to.logWeights, previous, out },
      scalars: { epsilon },
    });
  };
}
