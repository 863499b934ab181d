import { describe, expect, test } from 'vitest';
import { conformanceCases } from '../conformance.ts';
import { createWasmBackend } from './backend.ts';

const variants = (['relaxed', 'strict'] as const).flatMap((build) =>
  (['f64', 'f32'] as const).flatMap((precision) =>
    [1, 2].map((threads) => ({ build, precision, threads })),
  ),
);

describe.each(variants)('$build, $precision, $threads threads: conformance', async (variant) => {
  const backend = await createWasmBackend({ ...variant, heapMegabytes: 64 });
  test.each(conformanceCases().map((each) => [each.name, each] as const))('%s', (_, { run }) => {
    const { deviation, tolerance } = run(backend);
    expect(deviation).toBeLessThanOrEqual(tolerance);
  });
});
