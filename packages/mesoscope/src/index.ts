export * from './errors.ts';
export * from './field/index.ts';
export * from './flow/types.ts';
export * from './kernels/backend.ts';
export * from './kernels/instruction.ts';
export * from './kernels/program.ts';
export * from './numeric/index.ts';
