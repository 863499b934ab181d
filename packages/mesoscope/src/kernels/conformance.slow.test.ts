import { afterAll, describe, expect, test } from 'vitest';
import { conformanceCases } from './conformance.ts';
import { createReferenceBackend } from './reference/backend.ts';
import { createWasmBackend } from './wasm/backend.ts';

const cases = conformanceCases().map((each) => [each.name, each] as const);

describe('the reference conforms to itself, and no result sees the padding', () => {
  const backend = createReferenceBackend();
  test.each(cases)('%s', (_, { run }) => {
    const { deviation, tolerance } = run(backend);
    expect(deviation).toBe(0);
    expect(tolerance).toBeGreaterThanOrEqual(0);
  });
});

const builds = (['relaxed', 'strict'] as const).flatMap((build) =>
  (['f64', 'f32'] as const).map((precision) => ({ build, precision })),
);

describe.each(builds)('wasm on one thread, $build, $precision', async (variant) => {
  const backend = await createWasmBackend({ ...variant, heapMegabytes: 64 });
  afterAll(() => backend.dispose());
  test.each(cases)('%s', (_, { run }) => {
    const { deviation, tolerance } = run(backend);
    expect(deviation).toBeLessThanOrEqual(tolerance);
  });
});
