import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** Slow: intervals over many seeds. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: { include: ['packages/*/src/**/*.calibration.ts'], testTimeout: 1_200_000 },
  }),
);
