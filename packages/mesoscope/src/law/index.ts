export * from './distance/index.ts';
export * from './law.ts';
export * from './moments.ts';
export * from './quadrature.ts';
export * from './sample.ts';
export * from './schema.ts';
export * from './tilt.ts';
