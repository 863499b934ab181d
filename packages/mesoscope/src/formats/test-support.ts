import { type Zippable, zipSync } from 'fflate';

/** A .npy array with any header, sound or not. */
export function npyBytes(header: {
  readonly descr?: string;
  readonly order?: string;
  readonly shape: string;
  readonly data?: Uint8Array;
  /** Default 1. */
  readonly version?: number;
}): Uint8Array {
  const { descr = "'<f8'", order = 'False', shape, data = new Uint8Array(), version = 1 } = header;
  const text = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const encoded = new TextEncoder().encode(text);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  const bytes = new Uint8Array(start + encoded.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  for (let i = 0; i < lengthBytes; i++) bytes[8 + i] = (encoded.length >> (8 * i)) & 255;
  bytes.set(encoded, start);
  bytes.set(data, start + encoded.length);
  return bytes;
}

/** Doubles, little-endian. */
export function doubles(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

/** Singles, little-endian. */
export function singles(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** Matrices and numbers as .npy of doubles. */
export function npyOf(value: number | readonly number[] | readonly (readonly number[])[]) {
  const rows = [value].flat();
  const entries = rows.flat();
  const shape =
    typeof value === 'number'
      ? '()'
      : Array.isArray(rows[0])
        ? `(${rows.length}, ${(rows[0] as readonly number[]).length})`
        : `(${rows.length},)`;
  return npyBytes({ shape, data: doubles(...entries) });
}

/** An archive with the names as they are given. */
export function zipOf(files: Readonly<Record<string, Uint8Array>>, level: 0 | 9 = 0): Uint8Array {
  const content: Zippable = {};
  for (const [name, bytes] of Object.entries(files)) content[name] = bytes;
  return zipSync(content, { level, mtime: '1980-01-01T00:00:00' });
}

/** A safetensors file with any header, sound or not. */
export function safetensorsBytes(header: unknown, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}
