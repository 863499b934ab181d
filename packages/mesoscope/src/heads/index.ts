export * from './certificate.ts';
export * from './curvature.ts';
export * from './dirac.ts';
export * from './flow.ts';
export * from './growth.ts';
export * from './head-law.ts';
export * from './labelled-features.ts';
export * from './linear-decay.ts';
export * from './lojasiewicz.ts';
export * from './matching.ts';
export * from './merge.ts';
export * from './problem.ts';

export * from './rebalance.ts';

export * from './search.ts';
export * from './sequences.ts';
export { minimiseOnSimplex, type SecondOrder } from './simplex.ts';
