import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Tests run on the sources, not on what was built. */
const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^mesoscope-view$/, replacement: source('./packages/view/src/index.ts') },
      { find: /^mesoscope-native$/, replacement: source('./packages/native/src/index.ts') },
      { find: /^mesoscope$/, replacement: source('./packages/mesoscope/src/index.ts') },
      { find: /^mesoscope\/(.*)$/, replacement: source('./packages/mesoscope/src/$1/index.ts') },
    ],
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/house/**/*.test.ts'],
    exclude: ['packages/*/src/**/*.slow.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    maxWorkers: '100%',
  },
});
