import { afterAll, describe, expect, test } from 'vitest';
import { evaluateField } from '../field/evaluate.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { toRows } from '../numeric/matrix.ts';
import { probeStudy } from '../study/checkpoint/probe.ts';
import { runStudy } from '../study/run-here.ts';
import { attentionView } from './attention-view.ts';
import { openModel } from './model.ts';
import { probeModel } from './probe.ts';
import { withRandomWeights } from './random-weights.ts';
import { smallCheckpoint } from './test-support.ts';

const wasm = await createWasmBackend();
afterAll(() => wasm.dispose());
const ids = [3, 9, 4, 20, 11, 7, 2, 15, 6];

describe.each(['bert', 'llama', 'modernbert', 'gpt2'])('the heads of %s', (name) => {
  test('are those of its own attention: P v through O gives what the layer adds', async () => {
    const backend = createReferenceBackend();
    const model = openModel(await smallCheckpoint(name));
    const states = await model.embed(backend, { ids });
    const layer = await model.layer(name === 'modernbert' ? 1 : 0);
    const { heads } = attentionView(backend, layer, states);
    const joined = states.rows;
    const [part] = layer.field.parts;
    const { order = 'pre', dimension } = layer.plan.options;
    if (order === 'post') return expect(heads).toHaveLength(3);
    const block = (last: string) =>
      layer.field.parameters.blocks.find((one) => one.name === `attention.field.${last}`);
    const [O, bO] = [block('O'), block('bO')];
    if (O === undefined) throw new Error('no O');
    const parameters = layer.parameters.subarray(
      part.start,
      part.start + part.field.parameters.length,
    );
    const expected = evaluateField(backend, part.field, { tokens: toRows(states), parameters });
    const outputs = heads.map((head) =>
      Array.from({ length: joined }, (_, i) => {
        const k = head.queries.columns;
        const scores = Array.from({ length: head.end(i) - head.first(i) }, (_, j) => {
          let score = 0;
          for (let a = 0; a < k; a++) {
            score += head.queries.data[i * k + a] * head.keys.data[(head.first(i) + j) * k + a];
          }
          return Math.exp(head.scale * score);
        });
        const total = scores.reduce((sum, s) => sum + s, 0);
        return Array.from({ length: k }, (_, a) =>
          scores.reduce(
            (sum, s, j) => sum + (s / total) * head.values.data[(head.first(i) + j) * k + a],
            0,
          ),
        );
      }),
    );
    for (let i = 0; i < joined; i++) {
      const all = outputs.flatMap((head) => head[i]);
      for (let a = 0; a < dimension; a++) {
        const mapped = all.reduce(
          (sum, y, c) => sum + layer.parameters[O.offset + a * O.columns + c] * y,
          bO === undefined ? 0 : layer.parameters[bO.offset + a],
        );
        expect(mapped).toBeCloseTo(expected[i][a], 10);
      }
    }
  });
});

test('a layer that normalises after its sums is no identity where its parts are 0, one that normalises before is', async () => {
  const defects = async (name: string) => {
    const model = openModel(await smallCheckpoint(name));
    const initial = [await model.embed(wasm, { ids })];
    const records = await probeModel(wasm, model, initial);
    return records.flatMap(({ layers }) => layers.map(({ identityDefect }) => identityDefect));
  };
  for (const defect of await defects('bert')) expect(defect).toBeGreaterThan(0.1);
  expect(await defects('gpt2')).toEqual([0, 0, 0]);
});

test('layers that share their weights have increments that differ by nothing at one cloud', async () => {
  const model = openModel(await smallCheckpoint('albert'));
  const records = await probeModel(wasm, model, [await model.embed(wasm, { ids })]);
  for (const { layers } of records) {
    for (const { next } of layers) expect(next?.difference ?? 0).toBeLessThan(1e-7);
  }
});

test('random weights keep norms, gains and biases, and nothing else', async () => {
  const model = openModel(await smallCheckpoint('llama'));
  const [own, drawn] = await Promise.all([model.layer(1), withRandomWeights(model, 5).layer(1)]);
  for (const { columns, rows, offset } of own.field.parameters.blocks) {
    const [a, b] = [own, drawn].map((one) =>
      one.parameters.subarray(offset, offset + rows * columns),
    );
    const size = (x: Float64Array) => Math.sqrt(x.reduce((sum, y) => sum + y * y, 0));
    expect(size(b)).toBeCloseTo(size(a), 12);
    expect(a.every((x, k) => x === b[k])).toBe(columns === 1);
  }
});

test('the study tells hypotheses that hold from those that do not, and keeps the states', async () => {
  const checkpoint = await smallCheckpoint('llama');
  const configuration = probeStudy.schema.parse({
    checkpoint: 'llama',
    ids: [ids, ids.toReversed()],
    states: true,
    heads: true,
  });
  const result = await runStudy(probeStudy, configuration, {
    backend: wasm,
    trainedModel: async () => checkpoint,
  });
  const table = result?.sections.find((one) => one.kind === 'table');
  const verdict = (text: string) =>
    table?.rows.find(([hypothesis]) => String(hypothesis).includes(text))?.[3];
  expect(verdict('see all tokens by one law')).toBe('violated');
  expect(verdict('depend on positions')).toBe('violated');
  expect(verdict('a layer is a residual step')).toBe('holds');
  expect(verdict('parts that are 0 is the identity')).toBe('holds');
  expect(verdict('controls constant in depth')).toBe('violated');
  expect(result?.arrays['h0, input 1'].shape).toEqual([9, 12]);
  expect(Object.keys(result?.arrays ?? {})).toContain('final, input 2');
  expect(result?.sections.filter((one) => one.kind === 'figure').length).toBeGreaterThan(8);
});
