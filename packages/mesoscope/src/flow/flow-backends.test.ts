import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { createAdaptiveFlow } from './adaptive.ts';
import { piecewiseLinearControls } from './controls.ts';
import { createFlow } from './flow.ts';
import { refineGrid, uniformGrid } from './grid.ts';
import { rk4 } from './scheme.ts';
import {
  distance,
  entriesOf,
  interactingField,
  normalStates,
  randomNodes,
} from './test-support.ts';
import type { Checkpoints } from './trajectory.ts';

const reference = createReferenceBackend();
const shape = { samples: 5, tokens: 11, dimension: 3 };
const coarse = uniformGrid(1, 2);
const grid = refineGrid(coarse, 5);

function run(backend: Backend, checkpoints: Checkpoints) {
  const flow = createFlow(backend, {
    field: interactingField,
    tokens: shape.tokens,
    samples: shape.samples,
    scheme: rk4,
  });
  const controls = piecewiseLinearControls(
    coarse.times,
    interactingField.parameters.length,
    randomNodes(backend, interactingField, 3, 1),
  );
  const initial = normalStates(backend, shape, 1);
  const trajectory = flow.forward({ grid, controls, initial, checkpoints });
  const gradient = backend.allocate(controls.nodes.length);
  const terminalCostate = normalStates(backend, shape, 2);
  const costates = flow.backward({ trajectory, terminalCostate, gradient });
  const adaptive = createAdaptiveFlow(backend, {
    field: interactingField,
    tokens: shape.tokens,
    samples: shape.samples,
  }).integrate({ horizon: 1, controls, initial });
  return {
    status: trajectory.status,
    last: entriesOf(trajectory.last, shape.tokens),
    costate: entriesOf(costates.initial, shape.tokens),
    gradient: Float64Array.from(gradient),
    adaptive: entriesOf(adaptive.last, shape.tokens),
  };
}

describe('flows on the wasm backend', () => {
  const backends: Backend[] = [];
  beforeAll(async () => {
    for (const threads of [1, 2]) backends.push(await createWasmBackend({ threads }));
  });
  afterAll(() => {
    for (const backend of backends) backend.dispose();
  });

  it('agree with the reference', () => {
    const expected = run(reference, 'all');
    const result = run(backends[0], 'all');
    expect(result.status).toEqual(expected.status);
    for (const name of ['last', 'costate', 'gradient', 'adaptive'] as const) {
      const scale = Math.max(...expected[name].map(Math.abs));
      const gap = distance(result[name], expected[name], expected[name].length);
      expect(gap).toBeLessThan(1e-12 * scale);
    }
  });

  it('do not depend on the number of threads or on checkpoints, to the bit', () => {
    const expected = run(backends[0], 'all');
    expect(run(backends[1], 'all')).toEqual(expected);
    expect(run(backends[0], 'sqrt')).toEqual(expected);
    expect(run(backends[1], 3)).toEqual(expected);
  });
});
