import { MesoscopeError } from 'mesoscope';
import { expect, it } from 'vitest';
import { backendNames, backendOf, createBackend } from './backend.ts';

const isNative = backendOf('auto') === 'native';

it.each(backendNames)('starts %s on one thread and on two', async (name) => {
  const backend = backendOf(name);
  if (backend === 'native' && !isNative) {
    await expect(createBackend({ backend, precision: 'f64', workers: 1 })).rejects.toThrow(
      'Use the wasm backend',
    );
    return;
  }
  for (const workers of [1, 2]) {
    const started = await createBackend({ backend, precision: 'f64', workers });
    expect(started.precision).toBe('f64');
    expect(started.allocate(4)).toEqual(new Float64Array(4));
    started.dispose();
  }
});

it('refuses the reference in single precision, with the way out', async () => {
  const execution = { backend: 'reference', precision: 'f32', workers: 1 } as const;
  await expect(createBackend(execution)).rejects.toThrow(MesoscopeError);
  await expect(createBackend(execution)).rejects.toThrow('use --backend wasm');
});
