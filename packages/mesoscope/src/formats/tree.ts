import { MesoscopeError } from '../errors.ts';
import { refuse } from '../numeric/checks.ts';

/**
 * A value as bytes and back: objects, lists, texts, truth values, null, every number (NaN and infinities too), and typed arrays of
 * numbers, kept bit by bit. What a piece of work leaves behind is stored so.
 *
 * Layout: 8 bytes of signature; length of the text and a checksum of all that follows it, 4 bytes each, little-endian; a
 * JSON text; the typed arrays, each aligned to 8 bytes.
 */

const signature = new TextEncoder().encode('mesotree');
const headLength = 16;

const arrayTypes = {
  f64: Float64Array,
  f32: Float32Array,
  i32: Int32Array,
  u8: Uint8Array,
} as const;
type ArrayName = keyof typeof arrayTypes;
type NumberArray = InstanceType<(typeof arrayTypes)[ArrayName]>;

/** What JSON cannot hold, and plain objects that would be taken for it, stand in a list of one of these and a value. */
const marks = { array: '#array', number: '#number', object: '#object' } as const;

/**
 * A value as bytes. Entries that are undefined are left out; what is no data (a function, a date, a class of one's own) is
 * refused.
 *
 * @throws MesoscopeError `invalid-value` with the path of what cannot be kept
 */
export function encodeTree(value: unknown): Uint8Array {
  const arrays: NumberArray[] = [];
  let length = 0;
  const place = (array: NumberArray) => {
    const offset = length;
    arrays.push(array);
    length += aligned(array.byteLength);
    return offset;
  };
  const text = new TextEncoder().encode(JSON.stringify(plain(value, '', place)));
  const start = headLength + aligned(text.length);
  const bytes = new Uint8Array(start + length);
  bytes.set(signature);
  bytes.set(text, headLength);
  let offset = start;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
    offset += aligned(array.byteLength);
  }
  const head = new DataView(bytes.buffer);
  head.setUint32(8, text.length, true);
  head.setUint32(12, checksum(bytes, text.length), true);
  return bytes;
}

/** The inverse of {@link encodeTree}. @throws MesoscopeError `file` if the bytes are no such value, or damaged */
export function decodeTree(bytes: Uint8Array, path: string): unknown {
  const damaged = new MesoscopeError({
    code: 'file',
    path,
    reason: 'it is damaged, or was not written by this program',
    wayOut: 'Delete it: what it held will be computed again.',
  });
  if (bytes.length < headLength || signature.some((byte, i) => bytes[i] !== byte)) throw damaged;
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textLength = head.getUint32(8, true);
  const start = headLength + aligned(textLength);
  if (start > bytes.length || head.getUint32(12, true) !== checksum(bytes, textLength))
    throw damaged;
  const text = new TextDecoder().decode(bytes.subarray(headLength, headLength + textLength));
  return revived(JSON.parse(text), (name, offset, count) => {
    const Type = arrayTypes[name];
    const from = start + offset;
    // A copy, since a view may start anywhere (and Node's Buffer.slice is one).
    return new Type(
      Uint8Array.from(bytes.subarray(from, from + count * Type.BYTES_PER_ELEMENT)).buffer,
    );
  });
}

function plain(value: unknown, path: string, place: (array: NumberArray) => number): unknown {
  if (typeof value === 'number') {
    const kept = Number.isFinite(value) && !Object.is(value, -0);
    return kept ? value : [marks.number, Object.is(value, -0) ? '-0' : String(value)];
  }
  if (value === null || value === undefined || ['string', 'boolean'].includes(typeof value)) {
    return value ?? null;
  }
  if (Array.isArray(value)) {
    const entries = value.map((entry, i) => plain(entry, `${path}[${i}]`, place));
    return Object.values(marks).some((mark) => mark === value[0])
      ? [marks.object, entries]
      : entries;
  }
  const name = (Object.keys(arrayTypes) as ArrayName[]).find(
    (type) => value instanceof arrayTypes[type],
  );
  if (name !== undefined) {
    const array = value as NumberArray;
    return [marks.array, name, place(array), array.length];
  }
  if (
    typeof value === 'object' &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value))
  ) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .map(([key, entry]) => [key, plain(entry, path === '' ? key : `${path}.${key}`, place)]),
    );
  }
  refuse(
    path || 'value',
    String(value),
    'numbers, texts, truth values, lists, plain objects and typed arrays of them',
  );
}

function revived(
  value: unknown,
  take: (name: ArrayName, offset: number, count: number) => NumberArray,
): unknown {
  if (Array.isArray(value)) {
    switch (value[0]) {
      case marks.number:
        return Number(value[1]);
      case marks.array:
        return take(value[1], value[2], value[3]);
      case marks.object:
        return (value[1] as unknown[]).map((entry) => revived(entry, take));
      default:
        return value.map((entry) => revived(entry, take));
    }
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, revived(entry, take)]),
  );
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** FNV-1a over the length of the text and everything behind the head. */
function checksum(bytes: Uint8Array, textLength: number): number {
  let hash = 0x811c9dc5 ^ textLength;
  for (let i = headLength; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}
