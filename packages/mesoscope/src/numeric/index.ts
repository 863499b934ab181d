export * from './distributions.ts';
export * from './fit.ts';
export * from './random.ts';
