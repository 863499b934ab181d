import { afterAll, afterEach, expect, it, vi } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { headFlow } from './flow.ts';
import { headLength, randomHeads } from './head-law.ts';
import { randomProblem } from './test-support.ts';

const backend = await createWasmBackend({ heapMegabytes: 64 });
afterAll(() => backend.dispose());
afterEach(() => vi.unstubAllGlobals());

/** Numbers made while `work` runs: by the backend, and in arrays; what is freed meanwhile is not taken off. */
function numbersMade(work: (backend: Backend) => void): number {
  let made = 0;
  const counting: Backend = {
    ...backend,
    allocate(length) {
      made += length;
      return backend.allocate(length);
    },
  };
  class CountedArray extends Float64Array {
    constructor(...given: [ArrayBuffer, number?, number?]) {
      super(...given);
      // A view of a part of a buffer takes nothing.
      if (this.byteLength === this.buffer.byteLength) made += this.length;
    }
  }
  vi.stubGlobal('Float64Array', CountedArray);
  backend.scoped(() => work(counting));
  vi.unstubAllGlobals();
  return made;
}

/** Numbers that a problem and one full-gradient step of N heads take. */
function numbersOfStep(heads: number, sequences: number): number {
  return numbersMade((counted) => {
    const { problem } = randomProblem(counted, { regularisation: 0.1, sequences, ...shape });
    const start = randomHeads(problem.shape, heads, randomStream(1, 'memory'));
    const states = [...headFlow(problem, start, { step: 0.1, steps: 1 })];
    expect(states).toHaveLength(2);
  });
}

const shape = { dimension: 3, keyDimension: 2, classes: 4 };

it('takes memory linear in the number of heads, whatever the number of sequences', () => {
  const perHead = (sequences: number) => {
    const [few, some, many] = [256, 1024, 4096].map((heads) => numbersOfStep(heads, sequences));
    return [(some - few) / (1024 - 256), (many - some) / (4096 - 1024)];
  };
  const [small, large] = perHead(8);
  expect(large).toBe(small);
  expect(perHead(64)).toEqual([small, large]);
  // Heads and gradient at the least; a few copies of them at the most.
  expect(small).toBeGreaterThanOrEqual(2 * headLength(shape));
  expect(small).toBeLessThan(8 * headLength(shape));
});
