export * from './checkpoint.ts';
export { type Folder, memoryFile, memoryFolder, type RandomAccess } from './files.ts';
export { openCheckpoint } from './open.ts';
export { type CheckpointPlace, findCheckpoints } from './places.ts';
export type { Tensor } from './tensor.ts';
export type { Tokenizer, TokenizerSource } from './tokenizer.ts';
