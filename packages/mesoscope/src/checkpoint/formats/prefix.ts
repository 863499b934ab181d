import type { RandomAccess } from '../files.ts';
import { unreadable } from '../refusal.ts';

/** More bytes are needed than there are. */
export class RanOut extends Error {}

/** Bytes of a file that are read at first, and at most. */
const firstPortion = 2 ** 16;
const longestPrefix = 2 ** 27;

/** Reads bytes one after the other; {@link RanOut} where they end. */
export interface Cursor {
  /** Bytes read so far. */
  at: number;
  take(length: number): Uint8Array;
  u8(): number;
  u16(): number;
  u32(): number;
  i32(): number;
  /** A whole number of eight bytes, as f64. */
  u64(): number;
  i64(): number;
}

/** A cursor at the beginning of bytes, little-endian. */
export function cursorOver(bytes: Uint8Array): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const advance = (length: number): number => {
    const from = cursor.at;
    if (!(from + length <= bytes.length)) throw new RanOut();
    cursor.at = from + length;
    return from;
  };
  const cursor: Cursor = {
    at: 0,
    take(length) {
      const from = advance(length);
      return bytes.subarray(from, from + length);
    },
    u8: () => view.getUint8(advance(1)),
    u16: () => view.getUint16(advance(2), true),
    u32: () => view.getUint32(advance(4), true),
    i32: () => view.getInt32(advance(4), true),
    u64: () => Number(view.getBigUint64(advance(8), true)),
    i64: () => Number(view.getBigInt64(advance(8), true)),
  };
  return cursor;
}

/**
 * Reads what stands at the beginning of a file and does not say how long it is: `parse` sees ever more of it.
 *
 * @throws MesoscopeError `file` if the file ends before it does
 */
export async function readPrefix<T>(
  file: RandomAccess,
  parse: (cursor: Cursor) => T,
  from = 0,
): Promise<{ readonly value: T; readonly end: number }> {
  for (let length = firstPortion; ; length *= 4) {
    const to = Math.min(file.size, from + length);
    const cursor = cursorOver(await file.read(from, to));
    try {
      const value = parse(cursor);
      return { value, end: from + cursor.at };
    } catch (cause) {
      if (!(cause instanceof RanOut)) throw cause;
      if (to === file.size) throw unreadable(file.path, 'it was cut off');
      if (length >= longestPrefix) {
        throw unreadable(file.path, `its description is longer than ${longestPrefix} bytes`);
      }
    }
  }
}
