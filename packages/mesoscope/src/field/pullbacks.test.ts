import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { affine } from './affine.ts';
import { attention } from './attention.ts';
import { activationKinds, feedForward } from './feed-forward.ts';
import type { Field } from './field.ts';
import { normalisationKinds, prenormalise } from './normalise.ts';
import { scaleField } from './scale.ts';
import { sumOf } from './sum.ts';
import { tangent } from './tangent.ts';
import { pullbackError, randomArguments } from './test-support.ts';
import { transformerBlock } from './transformer-block.ts';

type Make = (dimension: number, size: number) => Field;

const smooth: [string, Make][] = [
  ['affine', (dimension) => affine({ dimension })],
  ['linear', (dimension) => affine({ dimension, bias: false })],
  ...activationKinds
    .filter((activation) => activation !== 'relu')
    .flatMap((activation): [string, Make][] => [
      [activation, (dimension, hidden) => feedForward({ dimension, hidden, activation })],
      [
        `${activation} without biases`,
        (dimension, hidden) => feedForward({ dimension, hidden, activation, bias: false }),
      ],
    ]),
  ...normalisationKinds.map((kind): [string, Make] => [
    `attention after ${kind}`,
    (dimension, keyDimension) =>
      // ε = 0.1: in one or two dimensions layer normalisation is otherwise a step that no difference quotient resolves.
      prenormalise(attention({ dimension, heads: 2, keyDimension }), { kind, epsilon: 0.1 }),
  ]),
  [
    'tangent attention',
    (dimension, keyDimension) => tangent(attention({ dimension, heads: 2, keyDimension })),
  ],
  [
    'a scaled sum',
    (dimension, size) =>
      scaleField(
        sumOf({
          attention: attention({ dimension, heads: 2, keyDimension: size, causal: true }),
          affine: affine({ dimension }),
          inner: sumOf({ feedForward: feedForward({ dimension, hidden: size }) }),
        }),
        -0.75,
      ),
  ],
  [
    'a transformer block without normalisation',
    (dimension, size) =>
      transformerBlock({
        dimension,
        heads: 2,
        keyDimension: size,
        hidden: size + 1,
        output: true,
        activation: 'silu',
        normalisation: 'none',
      }),
  ],
];

const kinked: [string, Make][] = [
  ['relu', (dimension, hidden) => feedForward({ dimension, hidden, activation: 'relu' })],
];

describe('both pullbacks are what finite differences give', () => {
  function check(make: Make, minimalDimension: number, step: number, tolerance: number) {
    fc.assert(
      fc.property(
        fc.integer({ min: minimalDimension, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        fc.nat(),
        (dimension, size, n, weighted, seed) => {
          const random = randomStream(seed, 'pullback');
          const field = make(dimension, size);
          const error = pullbackError(
            field,
            randomArguments(field, n, random, weighted),
            random,
            step,
          );
          expect(error.state).toBeLessThan(tolerance);
          expect(error.parameters).toBeLessThan(tolerance);
        },
      ),
      { numRuns: 12, seed: 7 },
    );
  }

  test.each(smooth)('%s', (_, make) => check(make, 1, 1e-3, 1e-8));
  test.each(kinked)('%s', (_, make) => check(make, 1, 1e-6, 1e-8));
});
