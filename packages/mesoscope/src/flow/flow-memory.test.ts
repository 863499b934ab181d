import { expect, it } from 'vitest';
import { attention } from '../field/attention.ts';
import type { Backend } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program-memory.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { piecewiseConstantControls } from './controls.ts';
import { createFlow } from './flow.ts';
import { uniformGrid } from './grid.ts';
import { euler } from './scheme.ts';

const field = attention({ dimension: 4, heads: 2, keyDimension: 2 });
const [tokens, samples] = [24, 8];

/** Forward, with states kept at every √L-th layer, and backward; returns the costate of the first layer. */
function adjoint(backend: Backend, layers: number) {
  const flow = createFlow(backend, { field, tokens, samples, scheme: euler });
  const grid = uniformGrid(1, layers);
  const nodes = backend.allocate(field.parameters.length).fill(0.1);
  const initial = backend.allocate(samples * stateLength(field.dimension, tokens)).fill(0.5);
  const controls = piecewiseConstantControls(uniformGrid(1, 1), field.parameters.length, nodes);
  const trajectory = flow.forward({ grid, controls, initial, checkpoints: 'sqrt' });
  const gradient = backend.allocate(nodes.length);
  flow.backward({ trajectory, terminalCostate: trajectory.last, gradient });
}

it('an adjoint of 1,024 layers takes less than 10 times the memory of one of 16', async () => {
  const backend = await createWasmBackend({ heapMegabytes: 64 });
  const first = backend.scoped(() => backend.allocate(1).byteOffset);
  const bytesOf = (layers: number) => {
    let end = 0;
    const watched: Backend = {
      ...backend,
      allocate(length) {
        const buffer = backend.allocate(length);
        end = Math.max(end, buffer.byteOffset + buffer.byteLength);
        return buffer;
      },
    };
    backend.scoped(() => adjoint(watched, layers));
    return end - first;
  };
  expect(bytesOf(1024)).toBeLessThan(10 * bytesOf(16));
  backend.dispose();
});

it('adjoints in scopes leave no memory behind; without scopes they end with an error that names them', async () => {
  const backend = await createWasmBackend({ heapMegabytes: 8 });
  for (let i = 0; i < 400; i++) backend.scoped(() => adjoint(backend, 16));
  expect(() => {
    for (let i = 0; i < 400; i++) adjoint(backend, 16);
  }).toThrow('scoped');
  backend.dispose();
});
