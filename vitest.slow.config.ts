import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** Claims and studies at the size of their own experiments: what `npm test` has no time for. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/*/src/**/*.slow.test.ts'],
    exclude: [],
    testTimeout: 300_000,
  },
});
