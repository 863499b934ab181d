export {
  defaultInputBudget,
  type NumberArray,
  type NumberType,
  type ReadOptions,
  requireBudget,
  type StoredArray,
  type TextArray,
} from './arrays.ts';
export * from './configuration.ts';
export { parseJson } from './json.ts';
export { decodeNpy, encodeNpy, readNpy } from './npy.ts';
export { decodeNpz, encodeNpz, type NamedArray, readNpz } from './npz.ts';
export * from './rounding.ts';
export { decodeSafetensors, readSafetensorsHeader, type TensorPlace } from './safetensors.ts';
export * from './tree.ts';
