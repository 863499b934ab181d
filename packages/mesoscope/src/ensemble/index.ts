export * from './attention-kernel.ts';
export * from './averaged-kernel.ts';
export * from './gaussian-map.ts';
export {
  type Injectivity,
  type InjectivityOptions,
  type Modulo,
  singleLayerFloor,
  testInjectivity,
} from './injectivity.ts';
export * from './inputs.ts';
export * from './least-squares.ts';
export * from './mean-field-costate.ts';
export * from './movement.ts';
export * from './parameters.ts';
export * from './particle-map.ts';
export * from './streamed-injectivity.ts';
export * from './token-loss.ts';
export * from './token-map.ts';
export * from './training.ts';
