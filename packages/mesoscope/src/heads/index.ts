export * from './head-law.ts';
export * from './problem.ts';
export * from './sequences.ts';
