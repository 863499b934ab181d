import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../program.ts';
import { toyEnvironment } from '../toy.fixture.ts';

const models = fileURLToPath(new URL('../../../mesoscope/fixtures/checkpoints/', import.meta.url));
const ids = '3,9,4,20,11,7,2,15,6';

test.each([
  [['gpt2', '--ids', ids, '--segment', '2:9'], /segment.*2:9.*All layers are 0:3/s],
  [['gpt2', '--ids', ids, '--segment', '1'], /segment/],
  [['gpt2', '--ids', ids, '--refine', '0'], /refine\[0\].*0/s],
  [['gpt2', '--ids', ids, '--refine', 'NaN'], /refine\[0\].*NaN/s],
  [['gpt2', '--ids', ids, '--refine', '2,3'], /each number of steps twice the one before/],
  [['gpt2', '--ids', ids, '--segment', '1:2', '--coarsen', 'pairs'], /at least 2 layers/],
  [['gpt2', '--ids', ids, '--coarsen', 'weights'], /coarsen\[0\].*weights/s],
  [['gpt2', '--ids', ids, '--metric', 'loss'], /metric.*loss/s],
  [['bert', '--ids', ids, '--metric', 'nll'], /no logits.*--metric state/s],
  [['gpt2'], /no tokeniser.*--ids/s],
  [['vit'], /reads images/],
])('refuses %j before anything is written', async ([name, ...words], sentence) => {
  const directory = mkdtempSync(join(tmpdir(), 'mesoscope-'));
  const { environment, stderr } = toyEnvironment(directory);
  expect(await run(['surgery', join(models, name), ...words], environment)).toBe(2);
  expect(stderr.text()).toMatch(sentence);
  expect(readdirSync(directory)).toEqual([]);
});

test('without a checkpoint says how to get one', async () => {
  const { environment, stderr } = toyEnvironment(mkdtempSync(join(tmpdir(), 'mesoscope-')));
  expect(await run(['surgery'], environment)).toBe(2);
  expect(stderr.text()).toContain('mesoscope probe --example');
});
