import { MesoscopeError } from 'mesoscope';

/** A dense array in row-major order. */
export interface DenseArray {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

const alignment = 64;
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/**
 * An array in NumPy's .npy format, version 1.0: magic, header length, a Python dictionary padded with spaces so that
 * the data starts at a multiple of 64 bytes, then the numbers, little-endian and row-major.
 */
export function encodeNpy(
  shape: readonly number[],
  data: Float64Array | Float32Array | Uint8Array,
): Uint8Array {
  const descr = data instanceof Float64Array ? '<f8' : data instanceof Float32Array ? '<f4' : '|u1';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const unpadded = magic.length + 4 + dictionary.length + 1;
  const header = dictionary.padEnd(
    dictionary.length + ((alignment - (unpadded % alignment)) % alignment),
  );
  const start = magic.length + 4 + header.length + 1;
  const bytes = new Uint8Array(start + data.byteLength);
  bytes.set(magic);
  bytes.set([1, 0, (header.length + 1) & 255, (header.length + 1) >> 8], magic.length);
  bytes.set(new TextEncoder().encode(`${header}\n`), magic.length + 4);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
  return bytes;
}

/** Reads one entry at a byte offset. */
type Reader = (view: DataView, offset: number) => number;

/** Readers of the number formats that both .npy and safetensors know; `little` is the byte order. */
export function numberReader(
  kind: 'f8' | 'f4' | 'f2' | 'i8' | 'i4' | 'i2' | 'i1' | 'u8' | 'u4' | 'u2' | 'u1',
  little: boolean,
): Reader {
  switch (kind) {
    case 'f8':
      return (view, at) => view.getFloat64(at, little);
    case 'f4':
      return (view, at) => view.getFloat32(at, little);
    case 'f2':
      return (view, at) => halfPrecision(view.getUint16(at, little));
    case 'i8':
      return (view, at) => Number(view.getBigInt64(at, little));
    case 'u8':
      return (view, at) => Number(view.getBigUint64(at, little));
    case 'i4':
      return (view, at) => view.getInt32(at, little);
    case 'u4':
      return (view, at) => view.getUint32(at, little);
    case 'i2':
      return (view, at) => view.getInt16(at, little);
    case 'u2':
      return (view, at) => view.getUint16(at, little);
    case 'i1':
      return (view, at) => view.getInt8(at);
    case 'u1':
      return (view, at) => view.getUint8(at);
  }
}

/** The value of an IEEE 754 half-precision number. */
function halfPrecision(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Reads `count` numbers of `width` bytes from `start`. */
export function readNumbers(
  bytes: Uint8Array,
  start: number,
  count: number,
  width: number,
  reader: Reader,
): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: count }, (_, i) => reader(view, start + i * width));
}

/**
 * Reads a .npy array of numbers or booleans (version 1 to 3, either byte order and memory order); numbers come back
 * as f64.
 *
 * @throws MesoscopeError `file`
 */
export function decodeNpy(bytes: Uint8Array, path: string): DenseArray & { data: Float64Array } {
  const refuse = (reason: string) =>
    new MesoscopeError({
      code: 'file',
      path,
      reason,
      wayOut: 'Write it with numpy.save or numpy.savez, numbers only.',
    });
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw refuse('this is no .npy array');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = bytes[6] >= 2;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  const header = new TextDecoder().decode(bytes.subarray(start - length, start));
  const type = /'descr':\s*'([<>|=])([fiub])(\d)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const tuple = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (type === null || order === undefined || tuple === undefined) {
    throw refuse(`its header ${header.trim()} describes no plain numbers`);
  }
  const shape = tuple
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const count = shape.reduce((product, n) => product * n, 1);
  const width = Number(type[3]);
  if (start + count * width > bytes.length) throw refuse('it ends before its last number');
  const kind = (type[2] === 'b' ? 'u1' : type[2] + type[3]) as Parameters<typeof numberReader>[0];
  const data = readNumbers(bytes, start, count, width, numberReader(kind, type[1] !== '>'));
  return { shape, data: order === 'True' ? rowMajor(data, shape) : data };
}

/** Reorders column-major entries. */
function rowMajor(data: Float64Array, shape: readonly number[]): Float64Array {
  return data.map((_, position) => {
    let rest = position;
    const index = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    let source = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--)
      source = source * shape[axis] + index[axis];
    return data[source];
  });
}
