import { mergeConfig } from 'vitest/config';
import shared from './vitest.config.ts';

const config = mergeConfig(shared, {});
config.test.include = ['test/fuzz/**/*.test.ts'];
config.test.testTimeout = 1_800_000;

export default config;
