import { mergeConfig } from 'vitest/config';
import shared from './vitest.config.ts';

const config = mergeConfig(shared, {});
config.test.include = ['test/browser/**/*.test.ts'];
config.test.testTimeout = 300_000;
config.test.hookTimeout = 300_000;

export default config;
