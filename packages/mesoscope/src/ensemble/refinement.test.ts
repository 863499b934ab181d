import { expect, it } from 'vitest';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { ensembleDistance } from './movement.ts';
import { ensembleLayout, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { normals, randomInputs } from './test-support.ts';
import { squareLoss } from './token-loss.ts';
import { trainEnsemble } from './training.ts';

const backend = await createWasmBackend();
const one = ensembleLayout({ dimension: 2, keyDimension: 2, layers: 1, heads: 4 });

it('trains 2L layers to the law and the loss of L layers, up to 1/L', () => {
  const inputs = randomInputs(6, 3, 2);
  const loss = squareLoss([normals(1, 2), normals(2, 2), normals(3, 2)], 2);
  // The same heads at every depth, so that all depths start from one law.
  const heads = randomEnsemble(one, 6);
  const trained = [8, 16, 32, 64].map((layers) => {
    const layout = ensembleLayout({ ...one, layers });
    const start = new Float64Array(layout.length).map((_, i) => heads[i % one.length]);
    const map = createParticleMap(backend, { layout, inputs });
    const { records, theta } = trainEnsemble({ map, loss, start, step: 0.05, steps: 20 });
    return { layout, theta, loss: records[20].loss, moved: ensembleDistance(layout, start, theta) };
  });
  const losses: number[] = [];
  const laws: number[] = [];
  trained.slice(1).forEach((finer, i) => {
    const { layout, theta, loss: value, moved } = trained[i];
    losses.push(Math.abs(finer.loss - value));
    // Both laws at the depths l/L of the coarser one.
    const { layerLength } = layout;
    const same = theta.map(
      (_, at) => finer.theta[2 * Math.floor(at / layerLength) * layerLength + (at % layerLength)],
    );
    laws.push(ensembleDistance(layout, theta, same).distance);
    expect(laws[i]).toBeLessThan(0.1 * moved.distance);
  });
  for (const differences of [losses, laws]) {
    for (const ratio of [differences[0] / differences[1], differences[1] / differences[2]]) {
      expect(ratio).toBeGreaterThan(1.7);
      expect(ratio).toBeLessThan(2.3);
    }
  }
});
