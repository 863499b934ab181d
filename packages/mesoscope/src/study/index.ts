export * from './pieces.ts';
export * from './registry.ts';
export * from './study.ts';
