import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeNpz, encodeNpz } from 'mesoscope/formats';
import { createWasmBackend } from 'mesoscope/kernels';
import { expect, it } from 'vitest';
import { catalogueOf } from './host/catalogue.ts';
import { run } from './program.ts';
import { toyEnvironment } from './toy.fixture.ts';

const directory = mkdtempSync(join(tmpdir(), 'contexts-'));
const points = [
  [0.3, -1, 1.2, 0.4, -0.6, 0.5],
  [1.3, 0, 2.2, 1.4, 0.4, 1.5],
  [0.1, 0.7, -1.4, 0.2, 0.9, -0.8],
];
const token = [0.5, 1];

/** Runs the injectivity lab on a configuration file of the user's. */
async function lab(file: string) {
  const catalogue = catalogueOf({ claims: [], studies: [] });
  const backend = await createWasmBackend();
  const { environment, stdout, stderr } = toyEnvironment(directory, catalogue, backend);
  const out = `runs/${file}`;
  const code = await run(
    ['study', 'ensemble/injectivity', '--config', file, '--out', out, '--json'],
    environment,
  );
  return { code, out: join(directory, out), stdout: stdout.text(), stderr: stderr.text() };
}

/** Row-major numbers as rows of two. */
const pairs = (numbers: readonly number[]) =>
  numbers.flatMap((x, i) => (i % 2 === 0 ? [[x, numbers[i + 1]]] : []));

it('judges own tokens from npz as from JSON: translates are dependent modulo affine functions', async () => {
  writeFileSync(
    join(directory, 'own.json'),
    JSON.stringify({
      contexts: points.map((context) => ({ points: pairs(context) })),
      tokens: points.map(() => token),
    }),
  );
  const array = (shape: number[], data: number[]) => ({ shape, data: Float64Array.from(data) });
  writeFileSync(
    join(directory, 'own.npz'),
    encodeNpz({
      ...Object.fromEntries(
        points.map((context, i) => [`contexts.${i}.points`, array([3, 2], context)]),
      ),
      tokens: array(
        [3, 2],
        points.flatMap(() => token),
      ),
    }),
  );
  const runs = [await lab('own.json'), await lab('own.npz')];
  const [fromJson, fromNpz] = runs.map(({ code, out }) => {
    expect(code).toBe(0);
    return decodeNpz(readFileSync(join(out, 'arrays.npz')), 'arrays.npz');
  });
  // The second context is the first moved by (1, 1).
  const dependency = fromJson.dependency.data;
  expect(fromJson.dependency.shape).toEqual([1, 3]);
  expect(dependency[0]).toBeCloseTo(-dependency[1], 9);
  expect(dependency[2]).toBeCloseTo(0, 9);
  expect(fromNpz).toEqual(fromJson);
});

it('refuses own tokens that cannot be, and leaves nothing', async () => {
  writeFileSync(
    join(directory, 'bad.json'),
    JSON.stringify({ contexts: [{ points: [[1, 2]] }], tokens: [[1, 2, 3]] }),
  );
  const { code, stderr } = await lab('bad.json');
  expect(code).toBe(2);
  expect(stderr).toContain('tokens: received shape [1 × 3]');
});
