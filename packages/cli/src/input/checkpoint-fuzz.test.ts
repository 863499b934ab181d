import { expect, it } from 'vitest';
import { fuzzCheckpoints } from './checkpoint-fuzz.fixture.ts';

it('ends in a sentence for 1200 broken checkpoints', async () => {
  const { faults, accepted } = await fuzzCheckpoints(1, 1200);
  expect(faults).toEqual([]);
  expect(accepted).toBeGreaterThan(100);
  expect(accepted).toBeLessThan(1000);
});
