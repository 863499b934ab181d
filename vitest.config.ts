import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: {
      'mesoscope-view': fileURLToPath(new URL('./packages/view/src/index.ts', import.meta.url)),
      mesoscope: fileURLToPath(new URL('./packages/mesoscope/src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['packages/*/src/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
  },
});
