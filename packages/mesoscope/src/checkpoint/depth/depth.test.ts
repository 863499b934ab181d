import { afterAll, describe, expect, test } from 'vitest';
import { evaluateField } from '../../field/evaluate.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { fromRows, type Matrix, toRows } from '../../numeric/matrix.ts';
import { hiddenStates } from '../hidden-states.ts';
import { type Model, openModel } from '../model.ts';
import { smallCheckpoint } from '../test-support.ts';
import { layerFields } from './layer-fields.ts';
import { nextTokenLoss, outputChange, relativeDistance } from './output-change.ts';
import { localOrders, refinementRecord } from './refinement.ts';
import { runPlans } from './run-plans.ts';
import { checkSegment, coarsened, refined, type StackPlan, unchanged } from './stack-plan.ts';

const wasm = await createWasmBackend();
afterAll(() => wasm.dispose());
const ids = [3, 9, 4, 20, 11, 7, 2, 15, 6];

async function opened(name: string): Promise<{ readonly model: Model; readonly initial: Matrix }> {
  const model = openModel(await smallCheckpoint(name));
  return { model, initial: await model.embed(wasm, { ids }) };
}

async function outputs(name: string, plansOf: (layers: number) => readonly StackPlan[]) {
  const { model, initial } = await opened(name);
  return runPlans(wasm, model, initial, plansOf(model.blueprint.layers));
}

/** The model with one layer instead of several, or with other numbers in its layers. */
function changed(
  model: Model,
  layers: number,
  parametersOf: (numbers: Float64Array) => Float64Array = (numbers) => numbers,
): Model {
  return {
    ...model,
    blueprint: { ...model.blueprint, layers },
    async layer(l) {
      const loaded = await model.layer(l);
      return { ...loaded, parameters: parametersOf(loaded.parameters) };
    },
  };
}

describe.each(['bert', 'albert', 'gpt2', 'llama', 'modernbert'])('%s', (name) => {
  test('unchanged is the model', async () => {
    const { model, initial } = await opened(name);
    const states: Matrix[] = [];
    for await (const depth of hiddenStates(wasm, model, [initial])) states.push(depth.states[0]);
    const [same, once] = await runPlans(wasm, model, initial, [
      unchanged(model.blueprint.layers),
      refined(model.blueprint.layers, [0, model.blueprint.layers], 1),
    ]);
    expect(relativeDistance(same, states[states.length - 1])).toBeLessThan(1e-14);
    expect(once.data).toEqual(same.data);
  });

  test('many plans at once are each plan alone', async () => {
    const plansOf = (layers: number) => [
      refined(layers, [1, 2], 2),
      unchanged(layers),
      coarsened(layers, [0, layers], 'swap'),
    ];
    const together = await outputs(name, plansOf);
    for (const [i, one] of together.entries()) {
      const [alone] = await outputs(name, (layers) => [plansOf(layers)[i]]);
      expect(one.data).toEqual(alone.data);
    }
  });

  test('refined converges at order 1', async () => {
    const steps = [1024, 2048, 4096];
    const states = await outputs(name, (layers) =>
      steps.map((m) => refined(layers, [0, layers], m)),
    );
    expect(localOrders(refinementRecord(states))[0]).toBeCloseTo(1, 1);
  });
});

test.each(['bert', 'gpt2'])('the distance of %s to its flow is extrapolated', async (name) => {
  const steps = [1, 2, 4, 8, 16, 32, 64, 1024];
  const states = await outputs(name, (layers) => steps.map((m) => refined(layers, [0, layers], m)));
  const gap = refinementRecord(states.slice(0, 7)).gap ?? { value: 0, error: 0 };
  const finest = relativeDistance(states[0], states[7]);
  expect(Math.abs(gap.value - finest)).toBeLessThan(gap.error + 1 / 1024);
  expect(gap.error).toBeLessThan(0.01 * gap.value);
});

test('half a step of a layer that normalises before is half of each part, one after the other', async () => {
  const { model, initial } = await opened('gpt2');
  const first = changed({ ...model, finish: async (_, states) => states }, 1);
  const { field, parameters } = await model.layer(0);
  let tokens = toRows(initial);
  for (let step = 0; step < 2; step++) {
    for (const part of field.parts) {
      const own = parameters.subarray(part.start, part.start + part.field.parameters.length);
      const increment = evaluateField(wasm, part.field, { tokens, parameters: own });
      tokens = tokens.map((x, i) => x.map((value, a) => value + 0.5 * increment[i][a]));
    }
  }
  const [halved] = await runPlans(wasm, first, initial, [refined(1, [0, 1], 2)]);
  expect(relativeDistance(halved, fromRows(tokens))).toBeLessThan(1e-14);
});

test('half a step of a layer that normalises after is the mean of its input and its output', async () => {
  const { model, initial } = await opened('bert');
  const first = changed(model, 1);
  const [whole] = await runPlans(wasm, first, initial, [unchanged(1)]);
  const middle = { ...initial, data: initial.data.map((x, k) => (x + whole.data[k]) / 2) };
  const [again] = await runPlans(wasm, first, middle, [unchanged(1)]);
  const expected = { ...middle, data: middle.data.map((x, k) => (x + again.data[k]) / 2) };
  const [halved] = await runPlans(wasm, first, initial, [refined(1, [0, 1], 2)]);
  expect(relativeDistance(halved, expected)).toBeLessThan(1e-14);
});

test('of layers that share their weights a pair merged is one left out, and a swap is nothing', async () => {
  const [own, pairs, drop, swap] = await outputs('albert', (layers) => [
    unchanged(layers),
    ...(['pairs', 'drop', 'swap'] as const).map((kind) => coarsened(layers, [0, layers], kind)),
  ]);
  expect(relativeDistance(pairs, drop)).toBeLessThan(1e-14);
  expect(swap.data).toEqual(own.data);
  expect(relativeDistance(pairs, own)).toBeGreaterThan(0.01);
});

test('merged pairs do not see in which basis of its heads a layer is written; averaged weights would', async () => {
  const { model, initial } = await opened('gpt2');
  const { layers } = model.blueprint;
  /** The signs of queries and keys of the second layer turned: the same layer. */
  const turned: Model = {
    ...model,
    async layer(l) {
      const loaded = await model.layer(l);
      if (l !== 1) return loaded;
      const parameters = loaded.parameters.slice();
      for (const { name, rows, columns, offset } of loaded.field.parameters.blocks) {
        if (!/\.b?[QK]$/.test(name)) continue;
        for (let k = offset; k < offset + rows * columns; k++) parameters[k] *= -1;
      }
      return { ...loaded, parameters };
    },
  };
  const plans = [coarsened(layers, [0, 2], 'pairs')];
  const [one] = await runPlans(wasm, model, initial, plans);
  const [other] = await runPlans(wasm, turned, initial, plans);
  expect(relativeDistance(one, other)).toBeLessThan(1e-14);
  const averaged = async (of: Model) => {
    const [first, second] = [await of.layer(0), await of.layer(1)];
    const mean = first.parameters.map((x, k) => (x + second.parameters[k]) / 2);
    const both = { ...of, layer: async () => ({ ...first, parameters: mean }) };
    return runPlans(wasm, both, initial, [unchanged(2)]);
  };
  const [[weights], [otherWeights]] = [await averaged(model), await averaged(turned)];
  expect(relativeDistance(weights, otherWeights)).toBeGreaterThan(1e-3);
});

describe('fields of layers', () => {
  test('are the same at every depth where the weights are', async () => {
    const { model, initial } = await opened('albert');
    const fields = await layerFields(wasm, model, initial);
    for (const { neighbour, far } of fields) {
      expect(neighbour?.difference ?? 0).toBeLessThan(1e-7);
      expect(far ?? 1).toBeCloseTo(1, 12);
    }
    expect(fields.at(-1)?.neighbour).toBeNull();
  });

  test('have the norm of their derivative', async () => {
    const { model, initial } = await opened('gpt2');
    const few: Matrix = { rows: 2, columns: initial.columns, data: initial.data.slice(0, 24) };
    const [{ lipschitz }] = await layerFields(wasm, model, few, { lipschitz: true });
    const { field, parameters } = await model.layer(0);
    const at = (k: number, shift: number) => {
      const data = few.data.slice();
      data[k] += shift;
      const tokens = toRows({ ...few, data });
      return evaluateField(wasm, field, { tokens, parameters }).flatMap((row) => [...row]);
    };
    const columns = Array.from(few.data, (_, k) => {
      const [plus, minus] = [at(k, 1e-5), at(k, -1e-5)];
      return plus.map((value, i) => (value - minus[i]) / 2e-5);
    });
    const norm = spectralNorm(fromRows(columns));
    expect(lipschitz).toBeLessThan(norm * (1 + 1e-6));
    expect(lipschitz).toBeGreaterThan(0.9 * norm);
  });

  test('of one layer have nothing beside them', async () => {
    const { model, initial } = await opened('gpt2');
    expect(await layerFields(wasm, changed(model, 1), initial)).toEqual([
      { neighbour: null, far: null, parallelDefect: null, lipschitz: null },
    ]);
  });
});

test('layers of zeros that normalise before are their own flow', async () => {
  const { model, initial } = await opened('gpt2');
  const nothing = changed(model, 3, (numbers) => new Float64Array(numbers.length));
  const plans = [1, 2, 4].map((m) => refined(3, [0, 3], m));
  const record = refinementRecord(await runPlans(wasm, nothing, initial, plans));
  expect(record.differences).toEqual([0, 0]);
  expect(record.gap).toEqual({ value: 0, error: 0 });
});

test('a model that knows nothing has the loss of a uniform guess', async () => {
  const { model, initial } = await opened('gpt2');
  const [x] = await runPlans(wasm, model, initial, [unchanged(3)]);
  const silent = { ...x, data: new Float64Array(x.data.length) };
  const logits = await model.logits(wasm, x);
  const loss = await nextTokenLoss(wasm, model, silent, ids);
  expect(loss).toBeCloseTo(Math.log(logits?.columns ?? 0), 12);
  expect(await nextTokenLoss(wasm, model, x, ids)).not.toBeCloseTo(loss ?? 0, 3);
  const { model: encoder, initial: other } = await opened('bert');
  expect(await nextTokenLoss(wasm, encoder, other, ids)).toBeUndefined();
});

test('outputs are compared without the outlier tokens of the first', () => {
  const x = fromRows([
    [1, 0],
    [0, 1],
    [1, 1],
    [1000, 0],
  ]);
  const y = fromRows([
    [1, 0],
    [0, 1],
    [1, 1],
    [-1000, 0],
  ]);
  expect(outputChange(x, y)).toEqual({ state: 0, cosine: expect.closeTo(0, 15) });
});

test.each([
  [0, 0],
  [2, 1],
  [-1, 2],
  [0, 4],
  [0.5, 2],
  [Number.NaN, 2],
  [2, 3],
])('a segment %d:%d of three layers is refused for pairs', (from, to) => {
  expect(() => checkSegment(3, [from, to], 2)).toThrow(/All layers are 0:3/);
});
