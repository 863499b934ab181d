import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, conformanceCases, heapBackend } from 'mesoscope/kernels';
import { afterAll, describe, expect, it } from 'vitest';
import { compileKernels } from '../../mesoscope/scripts/compile-wasm.mjs';
import { compileAddon, kernelSources, ownCompiler } from '../scripts/compile.mjs';
import { loadAddon } from './addon.ts';
import { backendOfAddon } from './backend.ts';

/** One character of one source file changed in a copy: both kinds of kernels that are built from it must fail. */
const file = 'powers';
const [right, wrong] = ['0.055504115022757275', '0.155504115022757275'];

const reason = compilerIsMissing() ? 'without a C++ compiler' : '';
const folder = mkdtempSync(join(tmpdir(), 'one-source-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(reason !== '')(`a changed digit in the kernels' source ${reason}`, () => {
  it('is noticed with wasm', { timeout: 300_000 }, async () => {
    expectOnlyExponentialsWrong(await changedWasm());
  });

  it('is noticed with native kernels', { timeout: 300_000 }, async () => {
    const files = await kernelSources();
    files.set(file, changed(files.get(file) ?? ''));
    await compileAddon(files, folder);
    const { addon } = loadAddon(join(folder, 'kernels.node'));
    if (addon === undefined) throw new Error('the changed kernels cannot be loaded');
    expectOnlyExponentialsWrong(backendOfAddon(addon, { heapMegabytes: 64 }));
  });
});

/** What uses the changed polynomial fails; products do not, so it is the digit that is noticed and not the way of building. */
function expectOnlyExponentialsWrong(backend: Backend) {
  const outcome = (name: string) => {
    const found = conformanceCases().filter((each) => each.name.startsWith(name));
    expect(found.length).toBeGreaterThan(0);
    return found.map(({ run }) => run(backend)).map((one) => one.deviation <= one.tolerance);
  };
  expect(outcome('softmax attention, n=33')).not.toContain(true);
  expect(outcome('attention, exponentials')).toEqual([false]);
  expect(outcome('hardmax attention, n=33')).not.toContain(false);
  expect(outcome('product')).not.toContain(false);
  backend.dispose();
}

function changed(text: string): string {
  expect(text).toContain(right);
  return text.replaceAll(right, wrong);
}

async function changedWasm(): Promise<Backend> {
  const sources = new URL('../../mesoscope/src/kernels/wasm/', import.meta.url);
  const bytes = await compileKernels(async (path) => {
    const text = readFileSync(new URL(path, sources), 'utf8');
    return path.endsWith(`${file}.ts`) ? changed(text) : text;
  }, []);
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const functions = instance.exports as Record<string, (...numbers: readonly number[]) => void>;
  return heapBackend({
    name: 'changed wasm',
    heap: memory.buffer,
    precision: 'f64',
    vector: 16,
    threads: 1,
    run: () => functions.workAloneF64(),
    merge: functions.mergeF64,
    dispose() {},
  });
}

function compilerIsMissing(): boolean {
  try {
    execFileSync(ownCompiler.command[0], ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}
