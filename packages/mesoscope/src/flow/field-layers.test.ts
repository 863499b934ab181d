import { describe, expect, test } from 'vitest';
import { affine } from '../field/affine.ts';
import { evaluateField } from '../field/evaluate.ts';
import { initialiseParameters } from '../field/parameters.ts';
import { realLayers } from '../field/test-support.ts';
import { transformerLayer } from '../field/transformer-layer.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { unpackTokens } from '../kernels/tokens.ts';
import { randomStream } from '../numeric/random.ts';
import { piecewiseConstantControls } from './controls.ts';
import { layeredControls } from './field-layers.ts';
import { createFlow } from './flow.ts';
import { uniformGrid } from './grid.ts';
import { euler, rk4 } from './scheme.ts';
import { distance, normalStates, pairing } from './test-support.ts';

const backend = createReferenceBackend();
const [dimension, tokens, samples] = [4, 5, 2];
const random = randomStream(4, 'layers');
const llama = transformerLayer({ dimension, ...realLayers.Llama });
const fields = [
  transformerLayer({ dimension, ...realLayers.BERT }),
  llama,
  affine({ dimension }),
  llama,
];
const stack = { times: Float64Array.of(0, 1, 2, 3, 4), fields };
const parameters = fields.map((field) =>
  initialiseParameters(field, random).map((x) => x + 0.1 * random.normal()),
);
const controls = layeredControls(backend, stack, parameters);
const initial = normalStates(backend, { samples, tokens, dimension }, 3);
const grid = uniformGrid(4, 4);

describe('a stack of layers of several kinds', () => {
  const shape = { field: stack, tokens, samples };

  test('is one layer after the other, its steps split or not', () => {
    let states = unpackTokens(initial, { samples, tokens, dimension });
    fields.forEach((field, k) => {
      states = states.map((sample) => {
        const value = evaluateField(backend, field, { tokens: sample, parameters: parameters[k] });
        return sample.map((token, i) => token.map((x, a) => x + value[i][a]));
      });
    });
    for (const split of [false, true]) {
      const flow = createFlow(backend, { ...shape, scheme: euler, split });
      const { last } = flow.forward({ grid, controls, initial });
      const found = unpackTokens(last, { samples, tokens, dimension }).flat(2);
      found.forEach((x, i) => {
        expect(x).toBeCloseTo(states.flat(2)[i], 13);
      });
    }
  });

  test.each([
    ['euler', euler, false, 4],
    ['euler', euler, true, 8],
    ['rk4', rk4, true, 8],
  ] as const)('%s: the adjoint is exact (%#)', (_, scheme, split, steps) => {
    const flow = createFlow(backend, { ...shape, scheme, split });
    const p = normalStates(backend, { samples, tokens, dimension }, 9);
    const fine = uniformGrid(4, steps);
    const run = (nodes: FloatArray, start: FloatArray) => {
      const given = piecewiseConstantControls(controls.grid, controls.parameterCount, nodes);
      return flow.forward({ grid: fine, controls: given, initial: start });
    };
    const gradient = backend.allocate(controls.nodes.length);
    const trajectory = run(controls.nodes, initial);
    const costates = flow.backward({ trajectory, terminalCostate: p, gradient });
    const [nodeDirection, direction] = [
      Float64Array.from(controls.nodes, () => random.normal()),
      normalStates(backend, { samples, tokens, dimension }, 11),
    ];
    const moved = (step: number) =>
      pairing(
        run(
          Float64Array.from(controls.nodes, (x, i) => x + step * nodeDirection[i]),
          Float64Array.from(initial, (x, i) => x + step * direction[i]),
        ).last,
        p,
        tokens,
      );
    // The direction has a few hundred entries of order 1.
    const h = 1e-4;
    const difference = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h);
    const derived =
      nodeDirection.reduce((sum, x, i) => sum + x * gradient[i], 0) +
      pairing(costates.initial, direction, tokens);
    expect(Math.abs(derived / difference - 1)).toBeLessThan(1e-7);
    // Nothing depends on what fills a shorter vector up.
    const padding = gradient.subarray(
      2 * controls.parameterCount + fields[2].parameters.length,
      3 * controls.parameterCount,
    );
    expect(Math.max(...padding.map(Math.abs))).toBe(0);
  });

  test('split steps differ from whole ones where they are shorter than a layer', () => {
    const fine = uniformGrid(4, 8);
    const [whole, split] = [false, true].map(
      (split) =>
        createFlow(backend, { ...shape, scheme: euler, split }).forward({
          grid: fine,
          controls,
          initial,
        }).last,
    );
    expect(distance(whole, split, tokens)).toBeGreaterThan(1e-3);
  });

  test('refuses steps into the next layer, and stacks that do not fit together', () => {
    const flow = createFlow(backend, { ...shape, scheme: euler });
    expect(() => flow.forward({ grid: uniformGrid(4, 3), controls, initial })).toThrow(
      /contains the depth 1, where a layer ends/,
    );
    const create = (fields: typeof stack.fields) => () =>
      createFlow(backend, { ...shape, field: { ...stack, fields }, scheme: euler });
    expect(create(fields.slice(1))).toThrow(/field.fields/);
    expect(create([...fields.slice(1), affine({ dimension: 3 })])).toThrow(/dimension/);
    expect(() => layeredControls(backend, stack, parameters.slice(1))).toThrow(/parameters/);
  });
});
