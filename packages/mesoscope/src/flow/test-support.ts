import { attention } from '../field/attention.ts';
import { feedForward } from '../field/feed-forward.ts';
import type { Field } from '../field/field.ts';
import { initialiseParameters } from '../field/parameters.ts';
import { sumOf } from '../field/sum.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { stateLength } from '../kernels/program.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { packTokens } from '../kernels/tokens.ts';
import { randomStream } from '../numeric/random.ts';

/** Two causal heads and a tanh layer on tokens of R^3: everything interacts. */
export const interactingField: Field = sumOf({
  attention: attention({ dimension: 3, heads: 2, keyDimension: 2, causal: true }),
  feedForward: feedForward({ dimension: 3, hidden: 4, activation: 'tanh' }),
});

/** S samples of n standard normal tokens. */
export function normalStates(
  backend: Backend,
  shape: { samples: number; tokens: number; dimension: number },
  seed: number,
): FloatArray {
  const { samples, tokens, dimension } = shape;
  const random = randomStream(seed, 'initial tokens');
  return packTokens(
    Array.from({ length: samples }, () =>
      Array.from({ length: tokens }, () =>
        Array.from({ length: dimension }, () => random.normal()),
      ),
    ),
    backend.allocate(samples * stateLength(dimension, tokens)),
  );
}

/** Random node vectors for a field, count × P. */
export function randomNodes(backend: Backend, field: Field, count: number, seed: number) {
  const random = randomStream(seed, 'nodes');
  const length = field.parameters.length;
  const nodes = backend.allocate(count * length);
  for (let k = 0; k < count; k++) nodes.set(initialiseParameters(field, random), k * length);
  return nodes;
}

/** The entries of states without their padding, in order. */
export function entriesOf(states: FloatArray, tokens: number): Float64Array {
  const stride = columnStride(tokens);
  const out: number[] = [];
  for (let row = 0; row < states.length / stride; row++) {
    for (let i = 0; i < tokens; i++) out.push(states[row * stride + i]);
  }
  return Float64Array.from(out);
}

/** max |x − y| over the tokens. */
export function distance(x: FloatArray, y: FloatArray, tokens: number): number {
  const a = entriesOf(x, tokens);
  const b = entriesOf(y, tokens);
  if (a.length !== b.length) throw new RangeError(`lengths ${a.length} and ${b.length}`);
  return a.reduce((most, value, i) => {
    const gap = Math.abs(value - b[i]);
    return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(most, gap);
  }, 0);
}

/** Σ x_i y_i over the tokens. */
export function pairing(x: FloatArray, y: FloatArray, tokens: number): number {
  const b = entriesOf(y, tokens);
  return entriesOf(x, tokens).reduce((sum, value, i) => sum + value * b[i], 0);
}

/** The reference backend, counting the elements that are taken from it at once. */
export function countingBackend(): Backend & { peak: number; live: number } {
  const counting = {
    ...createReferenceBackend(),
    peak: 0,
    live: 0,
    allocate(length: number) {
      counting.live += length;
      counting.peak = Math.max(counting.peak, counting.live);
      return new Float64Array(length);
    },
    scoped<T>(work: () => T): T {
      const before = counting.live;
      try {
        return work();
      } finally {
        counting.live = before;
      }
    },
  };
  return counting;
}
