import { expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { ensembleLayout, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { randomInputs } from './test-support.ts';

const backend = await createWasmBackend({ heapMegabytes: 64 });

/** The backend, and the most numbers that were allocated at one time. */
function counting(inner: Backend): { readonly backend: Backend; peak(): number } {
  let live = 0;
  let peak = 0;
  return {
    peak: () => peak,
    backend: {
      ...inner,
      allocate(length) {
        live += length;
        peak = Math.max(peak, live);
        return inner.allocate(length);
      },
      scoped(work) {
        const before = live;
        try {
          return inner.scoped(work);
        } finally {
          live = before;
        }
      },
    },
  };
}

/** Numbers that a gradient takes besides the parameters and their gradient, which have L times a layer's length. */
function numbersOfGradient(layers: number, checkpoints: 'all' | 'sqrt'): number {
  const counted = counting(backend);
  return backend.scoped(() => {
    const inputs = randomInputs(1, 30, 2);
    const layout = ensembleLayout({ dimension: 2, keyDimension: 2, layers, heads: 2 });
    const map = createParticleMap(counted.backend, { layout, inputs, checkpoints });
    const theta = randomEnsemble(layout, 1);
    map.differentiate(theta, (finals) => finals, new Float64Array(layout.length));
    return counted.peak() - 2 * layout.length;
  });
}

it('takes at most ten times the memory at 1,024 layers that it takes at 16', () => {
  const growth = numbersOfGradient(1024, 'sqrt') / numbersOfGradient(16, 'sqrt');
  expect(growth).toBeLessThan(10);
  // √64 = 8 at most; everything that is kept whatever the depth lowers it.
  expect(growth).toBeGreaterThan(3);
  expect(numbersOfGradient(256, 'all') / numbersOfGradient(16, 'all')).toBeGreaterThan(8);
});

it('refuses more states than memory, with the estimate', () => {
  expect(() => numbersOfGradient(16_384, 'all')).toThrow(/MiB/);
});
