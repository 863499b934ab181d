export * from './images/index.ts';
export * from './population/index.ts';
export * from './text/index.ts';
