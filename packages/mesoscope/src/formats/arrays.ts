import { MesoscopeError, shortened } from '../errors.ts';

/** Numbers in row-major order, as f64, with the type in which the file held them. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly type: NumberType;
  readonly data: Float64Array;
}

/** Texts in row-major order. */
export interface TextArray {
  readonly shape: readonly number[];
  readonly type: 'text';
  readonly data: readonly string[];
}

/** An array as a file holds it. */
export type StoredArray = NumberArray | TextArray;

/** Types of numbers that files hold. */
export type NumberType =
  | ('float64' | 'float32' | 'float16' | 'bfloat16')
  | ('int64' | 'int32' | 'int16' | 'int8')
  | ('uint64' | 'uint32' | 'uint16' | 'uint8')
  | 'bool';

/** How the numbers of one type are stored. */
interface Storage {
  /** Bytes a number. */
  readonly width: number;
  read(view: DataView, offset: number, littleEndian: boolean): number;
}

/** Storage of every type, IEEE 754 and two's complement. */
export const storages: Readonly<Record<NumberType, Storage>> = {
  float64: { width: 8, read: (view, at, little) => view.getFloat64(at, little) },
  float32: { width: 4, read: (view, at, little) => view.getFloat32(at, little) },
  float16: { width: 2, read: (view, at, little) => halfPrecision(view.getUint16(at, little)) },
  bfloat16: { width: 2, read: (view, at, little) => brainFloat(view.getUint16(at, little)) },
  int64: { width: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  int32: { width: 4, read: (view, at, little) => view.getInt32(at, little) },
  int16: { width: 2, read: (view, at, little) => view.getInt16(at, little) },
  int8: { width: 1, read: (view, at) => view.getInt8(at) },
  uint64: { width: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  uint32: { width: 4, read: (view, at, little) => view.getUint32(at, little) },
  uint16: { width: 2, read: (view, at, little) => view.getUint16(at, little) },
  uint8: { width: 1, read: (view, at) => view.getUint8(at) },
  bool: { width: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

/** 2^{e−15} for every exponent e of a normal half-precision number. */
const halfPowers = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 15));

/** The value of an IEEE 754 half-precision number. */
function halfPrecision(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * halfPowers[exponent];
}

const word = new DataView(new ArrayBuffer(4));

/** The f32 whose upper half the bits are. */
function brainFloat(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** Where numbers stand in a file. */
interface Place {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly count: number;
  readonly type: NumberType;
  /** Default true. */
  readonly littleEndian?: boolean;
}

/** The numbers at a place; undefined if one is a whole number beyond ±2⁵³, which f64 cannot tell from its neighbour. */
export function readNumbers(place: Place): Float64Array | undefined {
  const { bytes, start, count, type, littleEndian = true } = place;
  const { width, read } = storages[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = read(view, start + i * width, littleEndian);
  const long = type === 'int64' || type === 'uint64';
  return long && !data.every(Number.isSafeInteger) ? undefined : data;
}

/** Numbers in a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** `float32 of shape 3 × 2`. */
export function describeArray({ type, shape }: Pick<StoredArray, 'type' | 'shape'>): string {
  return shape.length === 0 ? `one ${type}` : `${type} of shape ${shape.join(' × ')}`;
}

/** Bytes that the arrays of one file may take once read, unless the caller allows more: 64 MiB. */
export const defaultInputBudget = 2 ** 26;

export interface ReadOptions {
  /** Bytes that the arrays may take once read; default {@link defaultInputBudget}. Judged before anything is read. */
  readonly budget?: number;
}

/** Axes that an array may have, as in NumPy 1. */
export const mostAxes = 32;

/** Bytes of a list that holds lists or numbers, apart from them. */
const listBytes = 32;

/**
 * Adds up what arrays take as nested lists of f64: eight bytes a number and 32 a list, so that a shape such as
 * (10⁹, 0), which holds no number, is not free.
 *
 * @returns a function to be called with each array before it is read
 * @throws MesoscopeError `too-large` from that function once the sum passes the budget
 */
export function inputBudget(
  path: string,
  { budget = defaultInputBudget }: ReadOptions,
): (name: string, array: Pick<StoredArray, 'type' | 'shape'>, entryBytes?: number) => void {
  let sum = 0;
  return (name, array, entryBytes = 8) => {
    let lists = 0;
    let product = 1;
    for (const n of array.shape) {
      lists += product;
      product *= n;
    }
    sum += listBytes * lists + entryBytes * product;
    const what = `with "${shortened(name)}" (${describeArray(array)}) its arrays`;
    requireBudget(path, what, sum, budget);
  };
}

/**
 * @param what - what would be read, as the beginning of a sentence: `its content`
 * @throws MesoscopeError `too-large` unless it takes at most so many bytes
 */
export function requireBudget(path: string, what: string, bytes: number, budget: number): void {
  if (bytes <= budget) return;
  const wayOut =
    'Write less, or allow more: --input-limit on the command line, `budget` in the library.';
  throw new MesoscopeError({ code: 'too-large', path, what, bytes, budget, wayOut });
}

/** Row-major entries as nested lists; a single entry for shape []. Booleans come as such. */
export function nestedLists({ shape, type, data }: StoredArray): unknown {
  const entry = (i: number) => (type === 'bool' ? data[i] === 1 : data[i]);
  const build = (axis: number, offset: number, size: number): unknown => {
    if (axis === shape.length) return entry(offset);
    const step = size / shape[axis];
    return Array.from({ length: shape[axis] }, (_, i) => build(axis + 1, offset + i * step, step));
  };
  return build(0, 0, data.length);
}
