export * from './assign.ts';
export * from './finite-json.ts';
export * from './parse.ts';
