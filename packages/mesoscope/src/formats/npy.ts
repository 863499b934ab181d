import { MesoscopeError, shortened } from '../errors.ts';
import {
  inputBudget,
  mostAxes,
  type NumberArray,
  type NumberType,
  type ReadOptions,
  readNumbers,
  type StoredArray,
  sizeOf,
  storages,
} from './arrays.ts';

const alignment = 64;
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Bytes of a header that are read at most, as in NumPy. */
const longestHeader = 10_000;

/** Bytes from the start of an array that hold its whole header. */
export const headerReach = 12 + longestHeader;

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

/** Whether bytes begin as a .npy array does. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** What the header of an array says. */
export interface NpyHeader {
  readonly shape: readonly number[];
  readonly type: NumberType | 'text';
  /** Bytes an entry. */
  readonly width: number;
  /** Bytes a character, for texts. */
  readonly characterWidth: number;
  readonly littleEndian: boolean;
  readonly columnMajor: boolean;
  /** Bytes before the first entry. */
  readonly start: number;
}

const kinds: Readonly<Record<string, string>> = { f: 'float', i: 'int', u: 'uint' };

/** Types of NumPy that hold no plain numbers, booleans or texts. */
const foreignKinds: Readonly<Record<string, string>> = {
  c: 'complex numbers',
  O: 'Python objects',
  V: 'raw bytes',
  M: 'dates',
  m: 'durations',
};

/**
 * Reads the header of a .npy array (version 1 to 3) from its first bytes, as NumPy, Python 2 (`(3L, 2L)`) and other
 * writers put it.
 *
 * @throws MesoscopeError `file`
 */
export function readNpyHeader(bytes: Uint8Array, path: string): NpyHeader {
  if (bytes.length < 10 || !isNpy(bytes)) throw refused(path, 'this is no .npy array');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version < 1 || version > 3) {
    throw refused(path, `it is in version ${version} of the format, known are 1 to 3`);
  }
  if (version > 1 && bytes.length < 12) throw refused(path, 'it ends within its header');
  const length = version > 1 ? view.getUint32(8, true) : view.getUint16(8, true);
  if (length > longestHeader) {
    throw refused(path, `its header has ${length} bytes, more than ${longestHeader}`);
  }
  const start = (version > 1 ? 12 : 10) + length;
  if (start > bytes.length) throw refused(path, 'it ends within its header');
  const text = new TextDecoder().decode(bytes.subarray(start - length, start)).trim();
  const entries = pythonDictionary(text);
  const descr = entries?.get('descr');
  const order = entries?.get('fortran_order');
  const shape = shapeOf(entries?.get('shape'));
  if (descr === undefined || shape === undefined || !/^(True|False)$/.test(order ?? '')) {
    throw refused(path, `its header ${shortened(text)} describes no plain array`);
  }
  if (shape.length > mostAxes) {
    throw refused(path, `it has ${shape.length} axes, more than ${mostAxes}`);
  }
  return { shape, columnMajor: order === 'True', start, ...elementType(descr, path) };
}

/** `{'key': value, …}` with texts, booleans, tuples and lists as they stand; undefined if it is none. */
function pythonDictionary(text: string): Map<string, string> | undefined {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1];
  if (inner === undefined) return undefined;
  const entry = /\s*(['"])(\w+)\1\s*:\s*('[^']*'|"[^"]*"|\w+|\([^()]*\)|\[[^\]]*\])\s*(?:,\s*|$)/y;
  const entries = new Map<string, string>();
  while (entry.lastIndex < inner.length) {
    const found = entry.exec(inner);
    if (found === null || entries.has(found[2])) return undefined;
    entries.set(found[2], found[3]);
  }
  return entries;
}

/** The numbers of `(3, 2)`, `(3L,)` or `()`. */
function shapeOf(tuple: string | undefined): number[] | undefined {
  const inner = /^\((.*)\)$/s.exec(tuple ?? '')?.[1];
  if (inner === undefined) return undefined;
  const parts = inner.replace(/,\s*$/, '').split(',');
  if (parts.length === 1 && parts[0].trim() === '') return [];
  return parts.every((part) => /^\s*\d{1,15}L?\s*$/.test(part))
    ? parts.map((part) => Number.parseInt(part, 10))
    : undefined;
}

/** What `'<f8'` or `'|S5'` says. */
function elementType(
  descr: string,
  path: string,
): Pick<NpyHeader, 'type' | 'width' | 'characterWidth' | 'littleEndian'> {
  const [, order = '', kind = '', digits = ''] =
    /^['"]([<>|=]?)([a-zA-Z?])(\d*)['"]$/.exec(descr) ?? [];
  const littleEndian = order !== '>';
  if (kind === 'U' || kind === 'S' || kind === 'a') {
    const characterWidth = kind === 'U' ? 4 : 1;
    const width = characterWidth * Number(digits);
    if (digits !== '' && width <= longestHeader) {
      return { type: 'text', width, characterWidth, littleEndian };
    }
  }
  const bool = kind === '?' || (kind === 'b' && digits === '1');
  const type = bool ? 'bool' : `${kinds[kind]}${8 * Number(digits)}`;
  if (Object.hasOwn(storages, type)) {
    const known = type as NumberType;
    const { width } = storages[known];
    return { type: known, width, characterWidth: 0, littleEndian };
  }
  const what = foreignKinds[kind] ?? (descr.startsWith('[') ? 'records' : 'an unknown type');
  throw refused(path, `it holds ${what} (${shortened(descr)}), not numbers, booleans or texts`);
}

/**
 * Reads a .npy array of numbers, booleans or texts, in either byte order and memory order.
 *
 * @throws MesoscopeError `file`; `too-large`, judged by the header alone
 */
export function readNpy(bytes: Uint8Array, path: string, options: ReadOptions = {}): StoredArray {
  const header = readNpyHeader(bytes, path);
  inputBudget(path, options)(path, header, entryBytes(header));
  return readNpyBody(bytes, header, path);
}

/** Bytes of an entry once read: eight of a number; of a text two a character. */
export function entryBytes({ type, width }: NpyHeader): number {
  return type === 'text' ? 32 + 2 * width : 8;
}

/** The bytes that an array must have. */
export function npyLength({ shape, width, start }: NpyHeader): number {
  return start + sizeOf(shape) * width;
}

/** The entries that follow a header. @throws MesoscopeError `file` */
export function readNpyBody(bytes: Uint8Array, header: NpyHeader, path: string): StoredArray {
  const { shape, type, start, littleEndian, columnMajor } = header;
  requireBytes(bytes.length, header, path);
  const order = columnMajor ? rowMajorOrder(shape) : undefined;
  if (type === 'text') {
    const texts = readTexts(bytes, header);
    return { shape, type, data: order === undefined ? texts : Array.from(order, (i) => texts[i]) };
  }
  const numbers = readNumbers({ bytes, start, count: sizeOf(shape), type, littleEndian });
  if (numbers === undefined) throw refused(path, `it holds whole numbers beyond 2^53 (${type})`);
  return { shape, type, data: order === undefined ? numbers : order.map((i) => numbers[i]) };
}

/** @throws MesoscopeError `file` unless an array of so many bytes holds what its header says, and no more */
export function requireBytes(length: number, header: NpyHeader, path: string): void {
  const expected = npyLength(header);
  if (length < expected) {
    throw refused(path, `it ends before its last entry (${length} of ${expected} bytes)`);
  }
  if (length > expected) {
    throw refused(
      path,
      `${length - expected} bytes follow the last entry of shape (${header.shape.join(', ')})`,
    );
  }
}

/** NumPy's texts: a fixed number of UCS-4 code points, or of bytes, filled up with zeros. */
function readTexts(bytes: Uint8Array, header: NpyHeader): string[] {
  const { shape, start, width, characterWidth, littleEndian } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    const from = start + i * width;
    const raw =
      characterWidth === 1
        ? new TextDecoder().decode(bytes.subarray(from, from + width))
        : Array.from({ length: width / 4 }, (_, c) =>
            codePoint(view.getUint32(from + 4 * c, littleEndian)),
          ).join('');
    return raw.replace(/\0+$/, '');
  });
}

function codePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : '\uFFFD';
}

/** For each row-major position, where the entry stands in column-major order. */
function rowMajorOrder(shape: readonly number[]): Float64Array {
  const order = new Float64Array(sizeOf(shape));
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const index = shape.map(() => 0);
  let source = 0;
  for (let position = 0; position < order.length; position++) {
    order[position] = source;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis];
      index[axis]++;
      if (index[axis] < shape[axis]) break;
      source -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return order;
}

/** Reads a .npy array of numbers. @throws MesoscopeError as {@link readNpy}; `file` for texts */
export function decodeNpy(bytes: Uint8Array, path: string, options?: ReadOptions): NumberArray {
  return numbersOf(readNpy(bytes, path, options), path);
}

/** @throws MesoscopeError `file` for texts */
export function numbersOf(array: StoredArray, path: string): NumberArray {
  if (array.type === 'text') throw refused(path, 'it holds texts where numbers belong');
  return array;
}

function refused(path: string, reason: string): MesoscopeError {
  const wayOut = 'Write it with numpy.save or numpy.savez: numbers, booleans or texts.';
  return new MesoscopeError({ code: 'file', path, reason, wayOut });
}
