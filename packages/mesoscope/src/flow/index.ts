export * from './controls.ts';
export * from './flow.ts';
export * from './grid.ts';
export * from './scheme.ts';
export * from './status.ts';
export type { Checkpoints, Trajectory } from './trajectory.ts';
export * from './types.ts';
