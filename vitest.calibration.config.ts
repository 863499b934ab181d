import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** Intervals over hundreds of seeds: whether they contain what they should as often as they say. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['packages/*/src/**/*.calibration.ts'], testTimeout: 1_200_000 },
});
