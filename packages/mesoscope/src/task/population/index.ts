export * from './letters.ts';
export * from './population.ts';
