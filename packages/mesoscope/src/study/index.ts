export { probeStudy } from './checkpoint/probe.ts';
export * from './piece-context.ts';
export * from './pieces.ts';
export * from './plan.ts';
export * from './registry.ts';
export * from './run-here.ts';
export * from './single-piece.ts';
export * from './study.ts';
export * from './verify.ts';
