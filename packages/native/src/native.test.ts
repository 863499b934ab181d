import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attention } from 'mesoscope/field';
import { createFlow, piecewiseConstantControls, rk4, uniformGrid } from 'mesoscope/flow';
import {
  type Backend,
  conformanceCases,
  createReferenceBackend,
  stateLength,
} from 'mesoscope/kernels';
import { afterAll, describe, expect, it, test } from 'vitest';
import { addonState, loadAddon } from './addon.ts';
import { createNativeBackend } from './index.ts';

const state = addonState();
const levels = state.addon === undefined ? [] : state.levels.filter(({ isThere }) => isThere);
const reason = state.addon === undefined ? state.reason : '';

describe.skipIf(levels.length === 0)(`native kernels ${reason}`, () => {
  // The other levels, f32, and one thread: native.slow.test.ts.
  const [{ name: level } = { name: '' }] = levels;
  describe('the widest level on two threads: conformance', () => {
    const backend = createNativeBackend({ level, threads: 2, heapMegabytes: 64 });
    afterAll(() => backend.dispose());
    test.each(conformanceCases().map((each) => [each.name, each] as const))('%s', (_, { run }) => {
      const { deviation, tolerance } = run(backend);
      expect(deviation).toBeLessThanOrEqual(tolerance);
    });
  });

  it.each(levels)('$name: the same bits on 1, 2 and 4 threads', ({ name }) => {
    const bits = [1, 2, 4].map((threads) => {
      const backend = createNativeBackend({ level: name, threads, heapMegabytes: 64 });
      const numbers = gradientOf(backend);
      backend.dispose();
      return numbers;
    });
    expect(bits[1]).toEqual(bits[0]);
    expect(bits[2]).toEqual(bits[0]);
    const reference = gradientOf(createReferenceBackend());
    const largest = Math.max(...reference.map(Math.abs));
    bits[0].forEach((x, i) => {
      expect(Math.abs(x - reference[i])).toBeLessThan(1e-13 * largest);
    });
  });

  it('many backends, made and disposed of, leave no memory behind', () => {
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 50; i++) {
      const backend = createNativeBackend({ threads: 2, heapMegabytes: 64 });
      backend.allocate(2 ** 20).fill(1);
      backend.dispose();
    }
    // 50 heaps with 8 MiB in use each would be 400 MiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 26);
  });

  it('refuses what it cannot do, in words', () => {
    expect(() => createNativeBackend({ level: 'sse' })).toThrow('avx');
    expect(() => createNativeBackend({ threads: 0 })).toThrow('threads');
    expect(() => createNativeBackend({ heapMegabytes: 5000 })).toThrow('heapMegabytes');
    const backend = createNativeBackend({ heapMegabytes: 64 });
    expect(() => backend.allocate(2 ** 30)).toThrow('heapMegabytes');
    backend.dispose();
    backend.dispose();
    expect(() => backend.allocate(1)).toThrow('dispose');
  });
});

it('an addon that is damaged, or for another machine, is a state with its reason', () => {
  const folder = mkdtempSync(join(tmpdir(), 'addon-'));
  const path = join(folder, 'kernels.node');
  writeFileSync(path, 'not an addon');
  const damaged = loadAddon(path);
  expect(damaged.addon).toBeUndefined();
  expect(damaged.addon === undefined && damaged.reason).toContain('cannot be loaded');
  expect(loadAddon(join(folder, 'nothing.node')).addon).toBeUndefined();
  rmSync(folder, { recursive: true });
});

/** The gradient of a flow of nine samples: forward, backward and merged accumulators. */
function gradientOf(backend: Backend): number[] {
  const field = attention({ dimension: 5, heads: 3, keyDimension: 2 });
  const [tokens, samples] = [11, 9];
  const flow = createFlow(backend, { field, tokens, samples, scheme: rk4 });
  const grid = uniformGrid(1, 4);
  const nodes = backend.allocate(4 * field.parameters.length);
  nodes.forEach((_, i) => {
    nodes[i] = Math.sin(1 + 1.7 * i);
  });
  const wave = (shift: number) => {
    const numbers = backend.allocate(samples * stateLength(5, tokens));
    numbers.forEach((_, i) => {
      numbers[i] = Math.cos(shift + 0.37 * i);
    });
    return numbers;
  };
  const controls = piecewiseConstantControls(grid, field.parameters.length, nodes);
  const trajectory = flow.forward({ grid, controls, initial: wave(0.2) });
  const gradient = backend.allocate(nodes.length);
  flow.backward({ trajectory, terminalCostate: wave(0.7), gradient });
  return Array.from(gradient);
}
