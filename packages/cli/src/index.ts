export { decodeNpz, encodeNpz } from './bundle/npz.ts';
export type { Environment } from './environment.ts';
export { run } from './program.ts';
