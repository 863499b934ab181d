import { Inflate } from 'fflate';
import { MesoscopeError } from '../errors.ts';

/** One file of an archive, not yet inflated. */
export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  readonly packed: Uint8Array;
  /** Bytes once inflated, as the archive says. */
  readonly size: number;
  readonly checksum: number;
}

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50 };

/** Bytes of the record at the end, and of the longest comment after it. */
const endBytes = 22;
const longestComment = 0xffff;

/** Stands where a number is too large for 32 bits and is found in the extra field instead. */
const elsewhere = 0xffffffff;

/** One file of an archive as its directory describes it. */
export interface ZipPlace {
  readonly name: string;
  readonly deflated: boolean;
  /** Bytes in the archive. */
  readonly packedSize: number;
  /** Bytes once inflated, as the archive says. */
  readonly size: number;
  readonly checksum: number;
  /** Byte of the archive at which its own header begins. */
  readonly header: number;
}

/** Bytes of a file's own header before its name. */
export const localHeaderBytes = 30;

/** Bytes at the end of an archive in which the way to its directory is found. */
export const directoryReach = endBytes + longestComment + 76;

/**
 * The files of a .zip in memory; nothing is inflated.
 *
 * @throws MesoscopeError `file`
 */
export function readZip(bytes: Uint8Array, path: string): ZipEntry[] {
  const { count, offset } = findDirectory(bytes, bytes.length, path);
  return readDirectory(bytes.subarray(offset), count, path).map((place) => {
    const { name, deflated, size, checksum, packedSize } = place;
    const header = bytes.subarray(place.header, place.header + localHeaderBytes);
    const start = dataStart(place, header, bytes.length, path);
    const packed = bytes.subarray(start, start + packedSize);
    return { name, deflated, packed, size, checksum };
  });
}

/**
 * The files that the directory of a .zip lists (PKWARE's APPNOTE, ZIP64 included). Folders, and what macOS adds
 * (`__MACOSX/`, `.DS_Store`), are left out.
 *
 * @param directory - the archive's bytes from its directory on
 * @throws MesoscopeError `file`
 */
export function readDirectory(directory: Uint8Array, count: number, path: string): ZipPlace[] {
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
  const places: ZipPlace[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== signatures.central) {
      throw refused(path, `its directory ends after ${i} of ${count} entries`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    );
    const name = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameLength));
    const extra = { at: at + 46 + nameLength, length: extraLength };
    if (!ignored(name)) places.push(readPlace(view, at, name, extra, path));
    at = extra.at + extraLength + commentLength;
  }
  return places;
}

function ignored(name: string): boolean {
  return /\/$|(^|\/)(__MACOSX\/|\.DS_Store$|\._)/.test(name);
}

/**
 * Where the directory of a .zip begins, and how many files it lists.
 *
 * @param tail - its last {@link directoryReach} bytes, or all of it
 * @param archiveSize - in bytes
 * @throws MesoscopeError `file`
 */
export function findDirectory(
  tail: Uint8Array,
  archiveSize: number,
  path: string,
): { count: number; offset: number } {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const lowest = Math.max(0, view.byteLength - endBytes - longestComment);
  let end = view.byteLength - endBytes;
  while (end >= lowest && view.getUint32(end, true) !== signatures.end) end--;
  if (end < lowest) throw refused(path, 'it is no .zip archive, or was cut off');
  const count = view.getUint16(end + 10, true);
  const offset = view.getUint32(end + 16, true);
  if (count < 0xffff && offset !== elsewhere) return { count, offset };
  // The locator of the ZIP64 record stands right before the end.
  const record = end >= 20 ? Number(view.getBigUint64(end - 12, true)) : archiveSize;
  const at = record - (archiveSize - tail.length);
  if (at < 0 || at + 56 > view.byteLength || view.getUint32(at, true) !== signatures.end64) {
    throw refused(path, 'its directory cannot be found');
  }
  return {
    count: Number(view.getBigUint64(at + 32, true)),
    offset: Number(view.getBigUint64(at + 48, true)),
  };
}

function readPlace(
  view: DataView,
  at: number,
  name: string,
  extra: { readonly at: number; readonly length: number },
  path: string,
): ZipPlace {
  const where = `${path}/${name}`;
  const flags = view.getUint16(at + 8, true);
  if (flags & 1) throw refused(where, 'it is encrypted');
  const method = view.getUint16(at + 10, true);
  if (method !== 0 && method !== 8) {
    throw refused(where, `it is compressed by method ${method}; stored and deflated are known`);
  }
  const [packedSize, size, header] = longNumbers(view, at, extra, where);
  if (method === 0 && packedSize !== size) throw refused(where, 'its two sizes disagree');
  const checksum = view.getUint32(at + 16, true);
  return { name, deflated: method === 8, packedSize, size, checksum, header };
}

/**
 * Where the data of a file begin in the archive, by its own header.
 *
 * @param header - its first {@link localHeaderBytes} bytes
 * @param archiveSize - in bytes
 * @throws MesoscopeError `file`
 */
export function dataStart(
  place: ZipPlace,
  header: Uint8Array,
  archiveSize: number,
  path: string,
): number {
  const where = `${path}/${place.name}`;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.byteLength < localHeaderBytes || view.getUint32(0, true) !== signatures.local) {
    throw refused(where, 'it is not where the directory says');
  }
  const nameLength = view.getUint16(26, true);
  const extraLength = view.getUint16(28, true);
  const start = place.header + localHeaderBytes + nameLength + extraLength;
  if (start + place.packedSize > archiveSize) throw refused(where, 'it ends after the archive');
  return start;
}

/** Packed size, size and offset; those that need 64 bits stand in the extra field, in the order size, packed, offset. */
function longNumbers(
  view: DataView,
  at: number,
  extra: { readonly at: number; readonly length: number },
  where: string,
): readonly [packedSize: number, size: number, offset: number] {
  let field = extra.at;
  const end = Math.min(extra.at + extra.length, view.byteLength);
  while (field + 4 <= end && view.getUint16(field, true) !== 1) {
    field += 4 + view.getUint16(field + 2, true);
  }
  let next = field + 4;
  const long = (short: number): number => {
    if (short !== elsewhere) return short;
    if (next + 8 > end) throw refused(where, 'its size is missing');
    next += 8;
    return Number(view.getBigUint64(next - 8, true));
  };
  const size = long(view.getUint32(at + 24, true));
  const packedSize = long(view.getUint32(at + 20, true));
  return [packedSize, size, long(view.getUint32(at + 42, true))];
}

/** The first bytes of a file, at most `length`; what stands behind them is not inflated. */
export function peekEntry(entry: ZipEntry, length: number, path: string): Uint8Array {
  if (!entry.deflated) return entry.packed.subarray(0, length);
  return inflate(entry, Math.min(length, entry.size), path).bytes;
}

/**
 * A whole file.
 *
 * @throws MesoscopeError `file` if it is damaged, or has another size than the archive says
 */
export function inflateEntry(entry: ZipEntry, path: string): Uint8Array {
  const { bytes, more } = entry.deflated
    ? inflate(entry, entry.size, path)
    : { bytes: entry.packed, more: false };
  if (more || bytes.length !== entry.size) {
    throw refused(path, `it has not the ${entry.size} bytes that the archive says`);
  }
  if (checksum(bytes) !== entry.checksum)
    throw refused(path, 'it is damaged: its checksum differs');
  return bytes;
}

/** Compressed bytes handed over at once: they inflate to 4 MiB at most, whatever the archive says. */
const portion = 4096;

/** Inflates until `length` bytes are there; `more`: there would have been others. */
function inflate(
  { packed }: ZipEntry,
  length: number,
  path: string,
): { readonly bytes: Uint8Array; readonly more: boolean } {
  const bytes = new Uint8Array(length);
  let filled = 0;
  const stream = new Inflate((chunk) => {
    if (filled < length) bytes.set(chunk.subarray(0, length - filled), filled);
    filled += chunk.length;
  });
  try {
    for (let at = 0; at < packed.length && filled <= length; at += portion) {
      stream.push(packed.subarray(at, at + portion), at + portion >= packed.length);
    }
  } catch {
    throw refused(path, 'it is damaged and cannot be inflated');
  }
  return { bytes: bytes.subarray(0, Math.min(filled, length)), more: filled > length };
}

const checksumTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  return remainder;
});

/** CRC-32 with the polynomial of IEEE 802.3. */
function checksum(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    remainder = (remainder >>> 8) ^ checksumTable[(remainder ^ bytes[i]) & 255];
  }
  return (remainder ^ 0xffffffff) >>> 0;
}

function refused(path: string, reason: string): MesoscopeError {
  return new MesoscopeError({ code: 'file', path, reason, wayOut: 'Write it with numpy.savez.' });
}
