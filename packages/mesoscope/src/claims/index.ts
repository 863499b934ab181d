export * from './citation.ts';
export * from './claim.ts';
export * from './document.ts';
export * from './figure.ts';
export * from './reference.ts';
export * from './registry.ts';
export * from './run.ts';
