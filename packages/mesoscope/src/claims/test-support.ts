import { expect } from 'vitest';
import type { Interval } from '../numeric/fit.ts';

/** Seeds of a calibration: then a coverage of 95 % is measured to ±1.5 % (one standard deviation). */
const seeds = 200;

/** An interval of 95 % contains the known answer in 90 to 99 % of the seeds. */
export async function expectCalibrated(
  name: string,
  truth: number,
  intervalOf: (seed: number) => Interval | null | Promise<Interval | null>,
): Promise<void> {
  let covered = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const interval = await intervalOf(seed);
    if (interval !== null && interval[0] <= truth && truth <= interval[1]) covered++;
  }
  console.info(`${name}: ${covered} of ${seeds} intervals contain ${truth}`);
  expect(covered / seeds).toBeGreaterThanOrEqual(0.9);
  expect(covered / seeds).toBeLessThanOrEqual(0.99);
}
