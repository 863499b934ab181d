export * from './registry.ts';
export * from './study.ts';
