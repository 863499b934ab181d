export * from './attention.ts';
export * from './observables.ts';
export * from './tokens.ts';
