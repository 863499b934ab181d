import { expect, it } from 'vitest';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { ensembleLayout, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { normals, randomInputs } from './test-support.ts';
import { squareLoss } from './token-loss.ts';
import { trainEnsemble } from './training.ts';

const backend = await createWasmBackend();

it('trains 2L layers to what L layers are trained to, up to 1/L', () => {
  const inputs = randomInputs(6, 3, 2);
  const loss = squareLoss([normals(1, 2), normals(2, 2), normals(3, 2)], 2);
  const one = ensembleLayout({ dimension: 2, keyDimension: 2, layers: 1, heads: 4 });
  // The same heads at every depth, so that all depths start from one law.
  const heads = randomEnsemble(one, 6);
  const finals = [8, 16, 32, 64].map((layers) => {
    const layout = ensembleLayout({ ...one, layers });
    const start = new Float64Array(layout.length).map((_, i) => heads[i % one.length]);
    const map = createParticleMap(backend, { layout, inputs });
    const { records } = trainEnsemble({ map, loss, start, step: 0.05, steps: 20 });
    return records[20].loss;
  });
  const differences = finals.slice(1).map((value, i) => Math.abs(value - finals[i]));
  for (const ratio of [differences[0] / differences[1], differences[1] / differences[2]]) {
    expect(ratio).toBeGreaterThan(1.7);
    expect(ratio).toBeLessThan(2.3);
  }
});
