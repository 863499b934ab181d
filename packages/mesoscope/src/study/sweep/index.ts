export { type CellTask, cellTask } from './cell.ts';
export { type Sweep, type SweepAxis, sweepSchema } from './definition.ts';
export * from './grid.ts';
export * from './outcome.ts';
export * from './refine.ts';
export * from './sweep-figures.ts';
export * from './table.ts';
