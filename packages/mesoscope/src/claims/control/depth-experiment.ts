import { attention } from '../../field/attention.ts';
import { feedForward } from '../../field/feed-forward.ts';
import type { Field } from '../../field/field.ts';
import { initialiseParameters } from '../../field/parameters.ts';
import { sumOf } from '../../field/sum.ts';
import { piecewiseLinearControls } from '../../flow/controls.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Controls, DepthGrid } from '../../flow/types.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { stateLength } from '../../kernels/program.ts';
import { packTokens } from '../../kernels/tokens.ts';
import { randomStream } from '../../numeric/random.ts';
import { type DepthInstance, layerOf } from './depth-instance.ts';

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

/** Explicit data: one sequence, the same layer at all depths. */
export function explicitExperiment(
  backend: Backend,
  instance: Omit<DepthInstance, 'depths'>,
): DepthExperiment {
  const { field, parameters } = layerOf(instance);
  const tokens = instance.h0.length;
  const { horizon } = instance;
  const nodes = backend.allocate(2 * parameters.length);
  nodes.set(parameters);
  nodes.set(parameters, parameters.length);
  return {
    field,
    tokens,
    samples: 1,
    initial: packTokens([instance.h0], backend.allocate(stateLength(field.dimension, tokens))),
    controls: piecewiseLinearControls(Float64Array.of(0, horizon), parameters.length, nodes),
    grid: (layers) => uniformGrid(horizon, layers),
  };
}

/**
 * Random sequences under causal attention and a feed-forward part that vary with depth:
 * `θ_t = cos(πt/T) a + sin(πt/T) b` at multiples of T/8, linear between them; d = 4, n = 12, 2 heads of k = 3.
 */
export function randomExperiment(
  backend: Backend,
  seed: number,
  index: number,
  horizon = 1,
): DepthExperiment {
  const [dimension, tokens, samples, cells] = [4, 12, 4, 8];
  const field = sumOf({
    attention: attention({ dimension, heads: 2, keyDimension: 3, causal: true }),
    feedForward: feedForward({ dimension, hidden: 8, activation: 'tanh' }),
  });
  const a = initialiseParameters(field, randomStream(seed, 'depth experiment a', index));
  const b = initialiseParameters(field, randomStream(seed, 'depth experiment b', index));
  const times = uniformGrid(horizon, cells).times;
  const nodes = backend.allocate(times.length * a.length);
  times.forEach((t, j) => {
    for (let i = 0; i < a.length; i++) {
      nodes[j * a.length + i] =
        Math.cos((Math.PI * t) / horizon) * a[i] + Math.sin((Math.PI * t) / horizon) * b[i];
    }
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
    controls: piecewiseLinearControls(times, a.length, nodes),
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
