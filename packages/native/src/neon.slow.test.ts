import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, conformanceCases, heapBackend, type Precision } from 'mesoscope/kernels';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileKernels, kernelSources, linkProgram } from '../scripts/compile.mjs';

/** The kernels at NEON, each job in a process of an emulated processor, over a heap that is a file. */

const tools = ['aarch64-linux-gnu-g++', 'qemu-aarch64-static'] as const;
const missing = tools.filter((tool) => !answers(tool));
const [compiler, emulator] = tools;
const folder = mkdtempSync(join(tmpdir(), 'neon-'));
const program = join(folder, 'run-heap');

describe.skipIf(missing.length > 0)(`NEON, emulated ${missing.join(', ')}`, () => {
  beforeAll(async () => {
    const options = {
      platform: 'linux-arm64',
      compiler: { command: [compiler], linking: [] },
    };
    const objects = await compileKernels(await kernelSources(), folder, options);
    await linkProgram('run-heap.cpp', objects, program, options, ['-static', '-DLEVEL=neon']);
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['f64', 'f32'] as const)('conformance in %s', { timeout: 600_000 }, (precision) => {
    const backend = emulated(precision);
    const missed = conformanceCases()
      .map(({ name, run }) => ({ name, ...run(backend) }))
      .filter(({ deviation, tolerance }) => !(deviation <= tolerance));
    expect(missed).toEqual([]);
  });
});

function answers(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function emulated(precision: Precision): Backend {
  const heap = new ArrayBuffer(2 ** 23);
  const bytes = new Uint8Array(heap);
  const file = join(folder, precision);
  const work = (...numbers: readonly number[]) => {
    writeFileSync(file, bytes);
    const isDouble = precision === 'f64' ? 1 : 0;
    execFileSync(emulator, [program, file, ...[isDouble, ...numbers].map(String)]);
    bytes.set(readFileSync(file));
  };
  return heapBackend({
    name: 'NEON, emulated',
    heap,
    precision,
    vector: 16,
    threads: 1,
    run: () => work(),
    merge: work,
    dispose() {},
  });
}
