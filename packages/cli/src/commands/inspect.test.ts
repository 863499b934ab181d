import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  pickledCall,
  pickledName,
  pickledText,
  zippedTorch,
} from '../../../mesoscope/src/checkpoint/formats/test-support.ts';
import { run } from '../program.ts';
import { toyEnvironment } from '../toy.fixture.ts';

const models = fileURLToPath(new URL('../../../mesoscope/fixtures/checkpoints/', import.meta.url));

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mesoscope-'));
});

async function inspect(...words: readonly string[]) {
  const { environment, stdout, stderr } = toyEnvironment(directory);
  const code = await run(['inspect', ...words], environment);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), content);
}

it('says what a checkpoint holds', async () => {
  const { code, stdout } = await inspect(join(models, 'bert'));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^architecture +BERT$/m);
  expect(stdout).toMatch(/^layers +\d+$/m);
  expect(stdout).toMatch(/^parameters +[\d,]+ in \d+ tensors$/m);
  expect(stdout).toMatch(/^licence +not said in this folder$/m);
  expect(stdout).toMatch(/^tokeniser +none found$/m);
  expect(stdout).toMatch(/^can be tested +hidden states/m);
  expect(stdout).toMatch(/embeddings\.word_embeddings\.weight +\d+ × \d+ +float32$/m);
});

it('prints one JSON document with --json', async () => {
  const { code, stdout, stderr } = await inspect(
    join(models, 'bert', 'model.safetensors'),
    '--json',
  );
  expect(code).toBe(0);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({
    format: 'safetensors',
    architecture: { name: 'BERT' },
    refusal: null,
    licence: null,
    config: { model_type: 'bert' },
  });
  const sizes = document.tensors.map(({ shape }: { shape: number[] }) =>
    shape.reduce((product, n) => product * n, 1),
  );
  expect(document.parameters).toBe(sizes.reduce((sum: number, n: number) => sum + n, 0));
});

it('says of an unknown architecture why it cannot be run, and lists its tensors all the same', async () => {
  write('config.json', JSON.stringify({ model_type: 'mamba' }));
  symlinkSync(join(models, 'bert', 'model.safetensors'), join(directory, 'model.safetensors'));
  const { code, stdout } = await inspect('.');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^architecture +none that can be run\. .*mamba/m);
  expect(stdout).toContain('word_embeddings.weight');
});

describe('an installed package', () => {
  beforeEach(() => {
    for (const name of ['small', 'large']) {
      const folder = `site/my_model/trained/${name}`;
      write(`${folder}/config.json`, '{"model_type": "bert"}');
      symlinkSync(
        join(models, 'bert', 'model.safetensors'),
        join(directory, folder, 'model.safetensors'),
      );
    }
    write('site/my_model/trained/vocab.txt', '[PAD]\n[UNK]\nC\n');
    write('site/my_model-1.0.dist-info/METADATA', 'License: MIT\n');
    write('site/other-1.0.dist-info/METADATA', 'License-Expression: GPL\n');
  });

  it('with several checkpoints gives their list', async () => {
    const { code, stdout } = await inspect('site/my_model');
    expect(code).toBe(0);
    expect(stdout).toContain('holds 2 checkpoints; name one of them:');
    expect(stdout).toMatch(/site\/my_model\/trained\/large +safetensors\n/);
    const { checkpoints } = JSON.parse((await inspect('site/my_model', '--json')).stdout);
    expect(checkpoints).toHaveLength(2);
  });

  it('says its licence and vocabulary wherever in it the checkpoint lies', async () => {
    const { stdout } = await inspect('site/my_model/trained/small');
    expect(stdout).toMatch(/^licence +MIT \(my_model-1\.0\.dist-info\/METADATA\)$/m);
    expect(stdout).toMatch(/^tokeniser +my_model\/trained\/vocab\.txt$/m);
  });
});

describe('is refused with a sentence', () => {
  it('what is not there, and what holds no weights', async () => {
    expect(await inspect('nothing')).toMatchObject({
      code: 2,
      stderr:
        'nothing: there is no such file or folder. Check the name, and that you may read it.\n',
    });
    expect((await inspect('.')).stderr).toMatch(/^\.: it holds no weights/);
    write('notes.txt', 'x');
    expect((await inspect('notes.txt')).stderr).toMatch(/notes\.txt: it holds no weights/);
  });

  it('a pickle with code, of which nothing is run', async () => {
    const system = pickledCall(pickledName('os', 'system'), pickledText(`touch ${directory}/run`));
    write('model.pt', zippedTorch(system, {}));
    const { code, stdout, stderr } = await inspect('model.pt', '--json');
    expect(code).toBe(2);
    expect(stderr).toContain('model.pt: it asks Python to call os.system');
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'file', path: 'model.pt' });
  });
});
