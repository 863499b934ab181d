import { MesoscopeError } from '../errors.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { columnStride, type MatrixRef } from '../kernels/instruction.ts';
import { literal, ProgramBuilder, rowsOf, stateLength } from '../kernels/program.ts';
import { refuse, shapeMismatch } from '../numeric/checks.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import type { GaussianLayer } from './layer.ts';
import type { LayerSchedule } from './moment-flow.ts';
import type { GaussianMoments } from './moments.ts';

export interface ParticleOptions {
  /** T. */
  readonly horizon: number;
  /** Classical Runge–Kutta steps of size T/steps. */
  readonly steps: number;
  /** Called at the start and after every step, with the cloud's moments. */
  readonly observe?: (t: number, moments: GaussianMoments) => void;
}

/**
 * Moves n tokens under a layer with their own empirical law in place of a Gaussian one:
 * `ẋ_i = Σ_h V_h ȳ_{μ_n}(B_hx_i) + Wx_i + b`. The open-loop test of controls that were found for the Gaussian law.
 *
 * The l2 score runs as softmax on extended tokens: `⟨Bx,y⟩ − ½⟨y,Ay⟩ = ⟨(Bx, 1), (y, −½⟨y,Ay⟩)⟩`.
 *
 * @param points - n × d, one token a row
 * @returns the tokens at depth T, n × d
 * @throws MesoscopeError `unsupported` for sinkhorn attention, `invalid-value`, `shape-mismatch`
 */
export function moveParticles(
  backend: Backend,
  controls: GaussianLayer | LayerSchedule,
  points: Matrix,
  { horizon, steps, observe }: ParticleOptions,
): Matrix {
  const schedule: LayerSchedule = 'layerAt' in controls ? controls : { layerAt: () => controls };
  const first = schedule.layerAt(0);
  requireParticles(first, points, steps, horizon);
  const [n, d] = [points.rows, points.columns];
  const stride = columnStride(n);
  return backend.scoped(() => {
    const velocity = particleVelocity(backend, first, n);
    const x = backend.allocate(stateLength(d, n));
    const stage = backend.allocate(x.length);
    const slopes = [0, 1, 2, 3].map(() => backend.allocate(x.length));
    for (let i = 0; i < n; i++) {
      for (let a = 0; a < d; a++) x[a * stride + i] = points.data[i * d + a];
    }
    const tau = horizon / steps;
    observe?.(0, cloudMoments(x, d, n));
    for (let step = 0; step < steps; step++) {
      const t = step * tau;
      velocity(schedule.layerAt(t), x, slopes[0]);
      for (let s = 1; s < 4; s++) {
        const c = s === 3 ? tau : tau / 2;
        for (let i = 0; i < x.length; i++) stage[i] = x[i] + c * slopes[s - 1][i];
        velocity(schedule.layerAt(t + c), stage, slopes[s]);
      }
      const [k1, k2, k3, k4] = slopes;
      for (let i = 0; i < x.length; i++) {
        x[i] += (tau / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
      }
      observe?.(t + tau, cloudMoments(x, d, n));
    }
    const result = zeros(n, d);
    for (let i = 0; i < n; i++) {
      for (let a = 0; a < d; a++) result.data[i * d + a] = x[a * stride + i];
    }
    return result;
  });
}

type Velocity = (layer: GaussianLayer, x: FloatArray, out: FloatArray) => void;

/** Compiles the velocity of n tokens for layers with as many heads, and the attention, of the given one. */
function particleVelocity(backend: Backend, shape: GaussianLayer, n: number): Velocity {
  const d = shape.dimension;
  const heads = shape.heads.length;
  const extended = shape.attention === 'l2';
  const builder = new ProgramBuilder();
  const x = builder.state('sample', 'x', d, n);
  const out = builder.state('sample', 'out', d, n);
  const W = builder.parameters('shared', 'W', d, d);
  const b = builder.parameters('shared', 'b', d, 1);
  builder.broadcast(b, n, { into: out });
  builder.product(W, x, { into: out, add: true });
  const buffers: Record<string, FloatArray> = {
    W: backend.allocate(d * d),
    b: backend.allocate(d),
  };
  for (let h = 0; h < heads; h++) {
    const matrix = (name: string) => {
      buffers[`${name}${h}`] = backend.allocate(d * d);
      return builder.parameters('shared', `${name}${h}`, d, d);
    };
    const keyRows = extended ? d + 1 : d;
    const queries = builder.scratch(keyRows, n);
    builder.product(matrix('B'), x, { into: rowsOf(queries, 0, d) });
    let keys: MatrixRef = x;
    if (extended) {
      keys = builder.scratch(keyRows, n);
      builder.fill(rowsOf(queries, d, 1), 1);
      builder.copy(x, rowsOf(keys, 0, d));
      const Ay = builder.product(matrix('A'), x);
      builder.hadamard(x, Ay, { into: Ay, alpha: literal(-0.5) });
      for (let a = 0; a < d; a++) {
        builder.scale(rowsOf(Ay, a, 1), { into: rowsOf(keys, d, 1), add: a > 0 });
      }
    }
    const mean = builder.attention({
      shape: {
        kind: 'softmax',
        causal: false,
        heads: 1,
        keyDimension: keyRows,
        valueDimension: d,
        scale: 1,
      },
      queries,
      keys,
      values: x,
      weights: undefined,
    });
    builder.product(matrix('V'), mean, { into: out, add: true });
  }
  const execute = backend.compile(builder.program());
  return (layer, state, into) => {
    buffers.W.set(layer.W.data);
    buffers.b.set(layer.b);
    layer.heads.forEach(({ V, B, keyMetric }, h) => {
      buffers[`V${h}`].set(V.data);
      buffers[`B${h}`].set(B.data);
      if (keyMetric !== undefined) buffers[`A${h}`].set(keyMetric.data);
    });
    execute({ samples: 1, buffers: { ...buffers, x: state, out: into } });
  };
}

/** Mean and covariance (divided by n) of a padded d × n state. */
function cloudMoments(x: FloatArray, d: number, n: number): GaussianMoments {
  const stride = columnStride(n);
  const mean = new Float64Array(d);
  const covariance = zeros(d, d);
  for (let a = 0; a < d; a++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[a * stride + i];
    mean[a] = sum / n;
  }
  for (let a = 0; a < d; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        sum += (x[a * stride + i] - mean[a]) * (x[b * stride + i] - mean[b]);
      }
      covariance.data[a * d + b] = sum / n;
      covariance.data[b * d + a] = sum / n;
    }
  }
  return { mean, covariance };
}

function requireParticles(
  layer: GaussianLayer,
  points: Matrix,
  steps: number,
  horizon: number,
): void {
  if (layer.attention === 'sinkhorn') {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'sinkhorn attention among particles',
      by: 'moveParticles',
      wayOut: 'Use sinkhornVelocity, which keeps an n × n matrix, for up to a few thousand tokens.',
    });
  }
  if (points.columns !== layer.dimension) {
    throw shapeMismatch('points', [points.rows, points.columns], ['n', layer.dimension]);
  }
  if (!Number.isInteger(steps) || steps < 1 || !(horizon > 0 && Number.isFinite(horizon))) {
    refuse('steps, horizon', [steps, horizon], 'an integer ≥ 1 and a number > 0');
  }
}
