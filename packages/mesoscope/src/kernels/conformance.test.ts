import { describe, expect, test } from 'vitest';
import { conformanceCases } from './conformance.ts';
import { createReferenceBackend } from './reference/backend.ts';

describe('the reference conforms to itself, and no result sees the padding', () => {
  const backend = createReferenceBackend();
  test.each(conformanceCases().map((each) => [each.name, each] as const))('%s', (_, { run }) => {
    const { deviation, tolerance } = run(backend);
    expect(deviation).toBe(0);
    expect(tolerance).toBeGreaterThanOrEqual(0);
  });
});
