import { afterAll, it } from 'vitest';
import { collapse, measureCurveCollapse, trainingOf } from '../../ensemble/energy-identity.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { sampledOrder } from '../order.ts';
import { expectCalibrated } from '../test-support.ts';
import { experimentOf } from './instance.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

/** Deep enough for the order to be −½ to 0.02, small enough for two hundred seeds. */
const sizes = {
  ...collapse,
  steps: 2,
  heads: [],
  referenceHeads: 1,
  repetitions: 1,
  refinedLayers: [16, 32, 64],
  refinedHeads: 1,
  refinedRepetitions: 8,
  drawn: [],
};

it('D.energy: the order in L of the distance between curves of L and 2L layers', () =>
  expectCalibrated('order in L', -0.5, (seed) => {
    const rows = [0, 1, 2, 3].map((index) => {
      const training = trainingOf(experimentOf({ explicit: false }, seed, index), 0.05);
      return measureCurveCollapse(backend, training, createParticleMap, sizes).refined;
    });
    const question = { name: 'order in L', failsIf: '', bias: 0, side: 'exactly' as const };
    return sampledOrder({ ...question, scales: sizes.refinedLayers, rows, order: -0.5 }).interval;
  }));
