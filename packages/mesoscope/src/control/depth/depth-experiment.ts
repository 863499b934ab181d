import { affine } from '../../field/affine.ts';
import { attention } from '../../field/attention.ts';
import { feedForward } from '../../field/feed-forward.ts';
import type { Field } from '../../field/field.ts';
import { initialiseParameters, parametersFromMatrices } from '../../field/parameters.ts';
import { sumOf } from '../../field/sum.ts';
import { piecewiseLinearControls } from '../../flow/controls.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Controls, DepthGrid } from '../../flow/types.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { stateLength } from '../../kernels/program.ts';
import { packTokens } from '../../kernels/tokens.ts';
import { randomStream } from '../../numeric/random.ts';
import { type LayerMatrices, layerOf } from './layer.ts';

/** A flow over depth: what the claims about depth as time are measured on. */
export interface DepthExperiment {
  readonly field: Field;
  /** n. */
  readonly tokens: number;
  /** S. */
  readonly samples: number;
  /** h_0, S states d × n. */
  readonly initial: FloatArray;
  readonly controls: Controls;
  /** The grid of L layers, which holds the depths where the controls jump or have kinks. */
  readonly grid: (layers: number) => DepthGrid;
}

/** How a flow is integrated that layers are compared with; more steps than that only a flow needs that leaves its limits. */
export const reference = {
  relativeTolerance: 1e-11,
  absoluteTolerance: 1e-11,
  stepLimit: 3000,
} as const;

/** One sequence and the layer that acts on it, the same at all depths. */
export interface DepthInstance extends LayerMatrices {
  /** n tokens of d numbers. */
  readonly h0: readonly (readonly number[])[];
  /** T. */
  readonly horizon: number;
}

/**
 * Explicit data: one sequence, the same layer at all depths.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite` where sequence and matrices do not fit together
 */
export function explicitExperiment(backend: Backend, instance: DepthInstance): DepthExperiment {
  const { h0, horizon } = instance;
  const { field, parameters } = layerOf(h0[0].length, instance);
  return {
    field,
    tokens: h0.length,
    samples: 1,
    initial: packTokens([h0], backend.allocate(stateLength(field.dimension, h0.length))),
    controls: nodesOverDepth(backend, horizon, [parameters, parameters]),
    grid: (layers) => uniformGrid(horizon, layers),
  };
}

/**
 * One token under `ḣ = a h + u(t)`, on which Grönwall's bound can be sharp. `forced`: u is such that `h = t²/2`, with equal local
 * errors that grow like `e^{at}` from then on; u is linear between multiples of T/8. Else u = 0 and h_0 = 1, where the
 * bound is reached up to `aT/(e^{aT} − 1)`.
 */
export function linearExperiment(
  backend: Backend,
  options: { readonly growth: number; readonly horizon: number; readonly forced: boolean },
): DepthExperiment {
  const { growth: a, horizon: T, forced } = options;
  const field = affine({ dimension: 1 });
  const force = (t: number) => (forced ? t - (a * t * t) / 2 : 0);
  const nodes = Array.from({ length: 9 }, (_, j) =>
    parametersFromMatrices(field, { W: [[a]], b: [force((j * T) / 8)] }),
  );
  return {
    field,
    tokens: 1,
    samples: 1,
    initial: packTokens([[[forced ? 0 : 1]]], backend.allocate(stateLength(1, 1))),
    controls: nodesOverDepth(backend, T, nodes),
    grid: (layers) => uniformGrid(T, layers),
  };
}

/** Controls that are linear between nodes at equal distances. */
function nodesOverDepth(
  backend: Backend,
  horizon: number,
  nodes: readonly Float64Array[],
): Controls {
  const [{ length: count }] = nodes;
  const packed = backend.allocate(nodes.length * count);
  nodes.forEach((node, j) => {
    packed.set(node, j * count);
  });
  return piecewiseLinearControls(uniformGrid(horizon, nodes.length - 1).times, count, packed);
}

/**
 * Random sequences under causal attention and a feed-forward part that vary with depth:
 * `θ_t = cos(πt/T) a + sin(πt/T) b` at multiples of T/8, linear between them; d = 4, n = 12, 2 heads of k = 3.
 */
export function randomExperiment(
  backend: Backend,
  seed: number,
  index: number,
  horizon: number,
): DepthExperiment {
  const dimension = 4;
  const tokens = 12;
  const samples = 4;
  const cells = 8;
  const field = sumOf({
    attention: attention({ dimension, heads: 2, keyDimension: 3, causal: true }),
    feedForward: feedForward({ dimension, hidden: 8, activation: 'tanh' }),
  });
  const a = initialiseParameters(field, randomStream(seed, 'depth experiment a', index));
  const b = initialiseParameters(field, randomStream(seed, 'depth experiment b', index));
  const nodes = Array.from({ length: cells + 1 }, (_, j) => {
    const angle = (Math.PI * j) / cells;
    return a.map((x, i) => Math.cos(angle) * x + Math.sin(angle) * b[i]);
  });
  const random = randomStream(seed, 'depth experiment h0', index);
  const h0 = Array.from({ length: samples }, () =>
    Array.from({ length: tokens }, () => Array.from({ length: dimension }, () => random.normal())),
  );
  return {
    field,
    tokens,
    samples,
    initial: packTokens(h0, backend.allocate(samples * stateLength(dimension, tokens))),
    controls: nodesOverDepth(backend, horizon, nodes),
    grid: (layers) => uniformGrid(horizon, layers),
  };
}

/** `max_s |a_s − b_s|`, the largest Frobenius distance between the states of a sample. */
export function largestDistance(
  a: FloatArray,
  b: FloatArray,
  experiment: {
    readonly field: Pick<Field, 'dimension'>;
    readonly tokens: number;
    readonly samples: number;
  },
): number {
  const { field, tokens, samples } = experiment;
  const stride = columnStride(tokens);
  let largest = 0;
  for (let s = 0; s < samples; s++) {
    let square = 0;
    for (let row = s * field.dimension; row < (s + 1) * field.dimension; row++) {
      for (let i = row * stride; i < row * stride + tokens; i++) square += (a[i] - b[i]) ** 2;
    }
    largest = Math.max(largest, Math.sqrt(square));
  }
  return largest;
}
