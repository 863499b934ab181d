import { defineConfig } from 'vitest/config';

/** The packages as they are published. Needs what `npm run build` makes, and a registry. */
export default defineConfig({
  test: { include: ['test/packed/**/*.test.ts'], testTimeout: 60_000 },
});
