import { afterAll, describe, expect, test } from 'vitest';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { attention, attentionKinds } from './attention.ts';
import { evaluateField, pullbackField } from './evaluate.ts';
import { tangent } from './tangent.ts';
import { normalMatrix, randomArguments, reference, relativeDistance } from './test-support.ts';
import { transformerBlock } from './transformer-block.ts';

const shape = { dimension: 6, heads: 3, keyDimension: 4, hidden: 20 };
const fields = [
  ...attentionKinds.flatMap((kind) => [
    attention({ ...shape, kind, combine: 'mean' }),
    attention({ ...shape, kind, causal: true, output: true, valueDimension: 5 }),
    attention({ dimension: 6, heads: 3, kind, form: 'bilinear' }),
  ]),
  ...(['gelu', 'silu', 'tanh', 'relu'] as const).map((activation) =>
    transformerBlock({ ...shape, activation, normalisation: 'rms' }),
  ),
  tangent(transformerBlock(shape)),
];

describe.each([
  ['f64', 1e-13],
  ['f32', 1e-5],
] as const)(
  'fields on the wasm backend in %s are those of the reference',
  async (precision, tolerance) => {
    const wasm = await createWasmBackend({ precision });
    afterAll(() => wasm.dispose());

    test.each(fields.map((field, i) => [field.name, i] as const))('%s (%i)', (_, i) => {
      const field = fields[i];
      for (const [n, weighted] of [
        [1, false],
        [13, true],
        [40, false],
      ] as const) {
        const random = randomStream(11, field.name, i);
        const drawn = randomArguments(field, n, random, weighted);
        // Both backends start from the same numbers, those that the precision can hold.
        const given = {
          ...drawn,
          tokens: drawn.tokens.map((x) => x.map(Math.fround)),
          parameters: Array.from(drawn.parameters, Math.fround),
        };
        const p = normalMatrix(random, n, field.dimension);
        const [theirs, ours] = [reference, wasm].map((backend) => {
          const { state, parameters } = pullbackField(backend, field, given, p);
          return [evaluateField(backend, field, given).flat(), state.flat(), [...parameters]];
        });
        const errors = ours.map((x, part) => relativeDistance(x, theirs[part]));
        expect(Math.max(...errors)).toBeLessThan(tolerance);
      }
    });
  },
);
