export type { Environment } from './environment.ts';
export { run } from './program.ts';
