import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readConfigurationFile } from './configuration-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'input-'));

it.each([
  ['broken.json', '{', 'no valid JSON'],
  ['list.json', '[]', 'received [], expected an object that names at least one field'],
  ['number.json', '1', 'received 1, expected an object'],
  ['nothing.json', '{}', 'received {}, expected an object'],
  ['comment.json', '{"// a": "why"}', 'received {}, expected an object'],
  ['prototype.json', '{"__proto__": {"horizon": 2}}', '__proto__: received {"horizon":2}'],
  ['inner.json', '{"a": [{"constructor": 1}]}', 'a[0].constructor: received 1'],
])('says what is wrong with %s', (name, text, sentence) => {
  writeFileSync(join(directory, name), text);
  expect(() => readConfigurationFile(name, directory)).toThrow(sentence);
});

it('says that there is no such file, and that one is too large', () => {
  expect(() => readConfigurationFile('missing.json', directory)).toThrow('no such file');
  writeFileSync(join(directory, 'large.json'), ' '.repeat(2000));
  expect(() => readConfigurationFile('large.json', directory, { budget: 1000 })).toThrow(
    '--input-limit',
  );
});
