import { afterAll, describe, expect, test } from 'vitest';
import { openModel } from '../../../checkpoint/model.ts';
import { smallCheckpoint } from '../../../checkpoint/test-support.ts';
import { createWasmBackend } from '../../../kernels/wasm/backend.ts';
import { resultOf, titlesOf } from '../../test-support.ts';
import { checkSurgery } from './operations.ts';
import { surgerySchema } from './schema.ts';
import { surgeryStudy } from './surgery.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());
const ids = [3, 9, 4, 20, 11, 7, 2, 15, 6];

async function operated(name: string, given: object = {}) {
  const checkpoint = await smallCheckpoint(name);
  const trainedModel = async () => checkpoint;
  const surgery = { checkpoint: name, ids: [ids, ids.toReversed()], ...given };
  return resultOf(surgeryStudy, surgery, { backend, trainedModel });
}

test('a model with logits is judged by them, every layer of it apart', async () => {
  const result = await operated('gpt2', { perLayer: true });
  expect(titlesOf(result)).toEqual([
    'What was done',
    'What each operation does to the output',
    'Order of convergence, and the distance of the model to its own flow',
    'Layers as m steps each',
    'What halving one layer costs',
    'Stiffness',
    'Neighbouring fields at one cloud',
    'What a layer sees of the one before',
    'Layer by layer',
  ]);
  expect(result.arrays['refinement, trained'].shape).toEqual([2, 3]);
  expect(result.arrays['operations, nll'].shape).toEqual([2, 15]);
  expect(Object.values(result.headline).join(' ')).not.toContain('NaN');
});

test('of a model of shared weights, swapped neighbours are no change', async () => {
  const result = await operated('albert', { metric: 'state', coarsen: ['swap'], refine: [2] });
  const [, table] = result.sections;
  const rows = table.kind === 'table' ? table.rows : [];
  const [, state, , random] = rows.find(([name]) => name === 'neighbours swapped') ?? [];
  expect([state, random]).toEqual(['0 [0, 0]', '0 [0, 0]']);
  expect(result.sections[0]).toMatchObject({ body: expect.stringContaining('relaxation') });
});

describe('is refused before any work', () => {
  test.each([
    ['gpt2', { segment: [0, 9] }, /a:b with 0 ≤ a < b ≤ 3/],
    ['gpt2', { segment: [2, 2] }, /at least a layer/],
    ['gpt2', { segment: [1, 2], coarsen: ['pairs'] }, /at least 2 layers/],
    ['bert', { metric: 'nll' }, /no logits/],
    ['vit', {}, /reads images/],
    ['gpt2', { ids: undefined }, /no tokeniser/],
  ])('%s with %o', async (name, given, sentence) => {
    const checkpoint = await smallCheckpoint(name);
    const surgery = surgerySchema.parse({ checkpoint: name, ids: [ids], ...given });
    expect(() => checkSurgery(openModel(checkpoint), checkpoint, surgery)).toThrow(sentence);
  });

  test('one layer without coarsening is not', async () => {
    const checkpoint = await smallCheckpoint('gpt2');
    const surgery = surgerySchema.parse({ checkpoint: 'gpt2', ids: [ids], segment: [1, 2] });
    expect(() => checkSurgery(openModel(checkpoint), checkpoint, surgery)).not.toThrow();
  });
});
