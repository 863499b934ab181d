import { expect, it } from 'vitest';
import { fuzzInputs } from './fuzz.fixture.ts';

it('ends in a sentence for 300 broken files', async () => {
  const report = await fuzzInputs(1, 300);
  expect(report.faults).toEqual([]);
  expect(report.accepted).toBeGreaterThan(10);
  expect(report.accepted).toBeLessThan(250);
});
