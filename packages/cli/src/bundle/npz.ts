import { unzipSync, type Zippable, zipSync } from 'fflate';
import { MesoscopeError } from 'mesoscope';
import { type DenseArray, decodeNpy, encodeNpy } from './npy.ts';

/** An array to be written. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float64Array | Float32Array | Uint8Array;
}

/** The oldest date that a zip can hold: the same arrays give the same bytes. */
const timestamp = '1980-01-01T00:00:00';

/** Arrays as an uncompressed .npz, as `numpy.savez` writes it. */
export function encodeNpz(arrays: Readonly<Record<string, NamedArray>>): Uint8Array {
  const files: Zippable = {};
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    const count = shape.reduce((product, n) => product * n, 1);
    if (count !== data.length) {
      throw new MesoscopeError({
        code: 'shape-mismatch',
        path: `array ${name}`,
        received: [data.length],
        expected: shape,
      });
    }
    files[`${name}.npy`] = encodeNpy(shape, data);
  }
  return zipSync(files, { level: 0, mtime: timestamp });
}

/** Reads every array of a .npz, by name. @throws MesoscopeError `file` */
export function decodeNpz(
  bytes: Uint8Array,
  path: string,
): Record<string, DenseArray & { data: Float64Array }> {
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes);
  } catch (cause) {
    throw new MesoscopeError({
      code: 'file',
      path,
      reason: `it cannot be read as .npz (${cause instanceof Error ? cause.message : cause})`,
      wayOut: 'Write it with numpy.savez.',
    });
  }
  return Object.fromEntries(
    Object.entries(files)
      .filter(([name]) => name.endsWith('.npy'))
      .map(([name, content]) => [name.slice(0, -4), decodeNpy(content, `${path}/${name}`)]),
  );
}
