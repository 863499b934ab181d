import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'fast-png';
import { decodeNpz, encodeNpz } from 'mesoscope/formats';
import { randomStream } from 'mesoscope/numeric';
import { beforeEach, describe, expect, it } from 'vitest';
import { run } from '../program.ts';
import { toyEnvironment } from '../toy.fixture.ts';

const models = fileURLToPath(new URL('../../../mesoscope/fixtures/checkpoints/', import.meta.url));
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mesoscope-'));
});

async function probe(...words: readonly string[]) {
  const { environment, stdout, stderr } = toyEnvironment(directory);
  const code = await run(['probe', ...words, '--out', 'run', '--quiet'], environment);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function modelOf(name: string): string {
  cpSync(join(models, name), join(directory, 'model'), { recursive: true });
  return 'model';
}

const ids = '3,9,4,20,11,7,2,15,6';
const report = () => readFileSync(join(directory, 'run', 'report.html'), 'utf8');

it('keeps all states in a file, from which they are probed without any weights', async () => {
  const first = await probe(modelOf('bert'), '--ids', ids, '--states', 's.npz');
  expect(first).toMatchObject({ code: 0 });
  const states = decodeNpz(new Uint8Array(readFileSync(join(directory, 's.npz'))), 's.npz');
  expect(Object.keys(states)).toEqual(['h0', 'h1', 'h2', 'h3', 'final']);
  expect(states.h0.shape).toEqual([9, 12]);
  const withModel = report();
  rmSync(join(directory, 'run'), { recursive: true });
  expect((await probe('s.npz')).code).toBe(0);
  const alone = report();
  expect(alone).not.toContain('skew share');
  const rank = /Effective rank/;
  expect(withModel).toMatch(rank);
  expect(alone).toMatch(rank);
});

it('prescribes matrices, and says so in the table of hypotheses', async () => {
  const { code } = await probe(
    ...[modelOf('gpt2'), '--ids', ids, '--layers', '0:1'],
    ...['--overwrite', 'K=Q,V=I,norm=off', '--set', 'practice=false'],
  );
  expect(code).toBe(0);
  expect(report()).toMatch(/no normalisation inside the field<\/td>(?:(?!<\/tr>).)*holds/s);
});

it('shows an image to a model of images', async () => {
  const random = randomStream(1, 'picture');
  const data = Uint8Array.from({ length: 3 * 40 * 30 }, () => random.integer(256));
  writeFileSync(join(directory, 'p.png'), encode({ width: 40, height: 30, data, channels: 3 }));
  expect(await probe(modelOf('vit'), '--image', 'p.png', '--set', 'practice=false')).toMatchObject({
    code: 0,
  });
});

describe('is refused before any work', () => {
  const truncated = (file: string, bytes: number) => {
    const path = join(directory, 'model', file);
    writeFileSync(path, readFileSync(path).subarray(0, bytes));
  };

  it('a truncated file, a wrong configuration, an unknown type, a missing tokeniser', async () => {
    modelOf('bert');
    truncated('model.safetensors', 9000);
    expect((await probe('model')).stderr).toMatch(/model\.safetensors: .*(bytes|ends)/);
    const config = join(directory, 'model', 'config.json');
    writeFileSync(config, JSON.stringify({ model_type: 'bert', hidden_size: -3 }));
    modelOf('albert');
    writeFileSync(config, JSON.stringify({ model_type: 'albert', hidden_size: -3 }));
    expect((await probe('model')).stderr).toMatch(/hidden_size/);
    writeFileSync(config, '{ "model_type": "mamba" }');
    expect((await probe('model')).stderr).toMatch(/mamba/);
    rmSync(join(directory, 'model'), { recursive: true });
    modelOf('bert');
    const { code, stderr } = await probe('model');
    expect(code).toBe(2);
    expect(stderr).toMatch(/no tokeniser beside the weights/);
  });

  it('more tokens than positions, words for prescriptions, and states that are none', async () => {
    modelOf('bert');
    const long = Array.from({ length: 600 }, () => 3).join(',');
    const tooLong = await probe('model', '--ids', long);
    expect(tooLong).toMatchObject({ code: 2 });
    expect(tooLong.stderr).toMatch(/600 tokens/);
    expect((await probe('model', '--overwrite', 'K')).stderr).toMatch(/--overwrite/);
    expect((await probe('model', '--overwrite', 'K=V')).stderr).toMatch(/overwrite/);
    const x = new Float64Array(96);
    writeFileSync(join(directory, 'a.npz'), encodeNpz({ h1: { shape: [12, 8], data: x } }));
    expect((await probe('a.npz')).stderr).toMatch(/no array h0|not h0/);
    const states = { h0: { shape: [12, 8], data: x }, h1: { shape: [8, 12], data: x } };
    writeFileSync(join(directory, 'b.npz'), encodeNpz(states));
    expect((await probe('b.npz')).stderr).toMatch(/h1/);
    const nothing = { h0: { shape: [12, 8], data: new Float64Array(96).fill(Number.NaN) } };
    writeFileSync(join(directory, 'c.npz'), encodeNpz(nothing));
    expect((await probe('c.npz')).stderr).toMatch(/NaN/);
    expect((await probe()).stderr).toMatch(/--example/);
  });

  it('a weight that is no number, by the tensor’s name, and leaves no report', async () => {
    modelOf('bert');
    const path = join(directory, 'model', 'model.safetensors');
    const bytes = readFileSync(path);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8'));
    const name = Object.keys(header).find((one) => one.endsWith('layer.1.output.dense.weight'));
    bytes.writeFloatLE(Number.NaN, 8 + length + header[name ?? ''].data_offsets[0]);
    writeFileSync(path, bytes);
    const { code, stderr } = await probe('model', '--ids', ids);
    expect(code).toBe(2);
    expect(stderr).toMatch(/tensor .*NaN/);
    expect(() => report()).toThrow();
  });

  it('an image that is none, and a text for a model of images', async () => {
    modelOf('vit');
    writeFileSync(join(directory, 'p.png'), 'no picture');
    expect((await probe('model', '--image', 'p.png')).stderr).toMatch(
      /p\.png: it is no PNG or JPEG/,
    );
    expect((await probe('model')).stderr).toMatch(/--image/);
  });
});

it('verify --checkpoint refuses a claim that takes no trained model, and a folder that holds none', async () => {
  modelOf('bert');
  const verify = async (...words: readonly string[]) => {
    const { environment, stderr } = toyEnvironment(directory);
    return { code: await run(['verify', ...words], environment), stderr: stderr.text() };
  };
  const refused = await verify('A.toy-order', '--checkpoint', 'model');
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toMatch(/A\.toy-order cannot do this: a trained model/);
  expect((await verify('--checkpoint', 'nowhere')).stderr).toMatch(/no such file or folder/);
});
