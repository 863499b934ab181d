export * from './piece-context.ts';
export * from './pieces.ts';
export * from './registry.ts';
export * from './run-here.ts';
export * from './study.ts';
export * from './verify.ts';
