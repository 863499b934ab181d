import { MesoscopeError } from 'mesoscope';
import { type DenseArray, numberReader, readNumbers } from '../bundle/npy.ts';

/** Bytes an entry and reader of each safetensors type. */
const types: Readonly<Record<string, readonly [number, ReturnType<typeof numberReader>]>> = {
  F64: [8, numberReader('f8', true)],
  F32: [4, numberReader('f4', true)],
  F16: [2, numberReader('f2', true)],
  BF16: [2, bfloat16],
  I64: [8, numberReader('i8', true)],
  U64: [8, numberReader('u8', true)],
  I32: [4, numberReader('i4', true)],
  U32: [4, numberReader('u4', true)],
  I16: [2, numberReader('i2', true)],
  U16: [2, numberReader('u2', true)],
  I8: [1, numberReader('i1', true)],
  U8: [1, numberReader('u1', true)],
  BOOL: [1, numberReader('u1', true)],
};

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/**
 * Reads every array of a safetensors file: eight bytes with the header's length, a JSON header
 * `{name: {dtype, shape, data_offsets}}`, then the data. Numbers come back as f64.
 *
 * @throws MesoscopeError `file`
 */
export function decodeSafetensors(bytes: Uint8Array, path: string): Record<string, DenseArray> {
  const refuse = (reason: string) =>
    new MesoscopeError({
      code: 'file',
      path,
      reason,
      wayOut: 'Write it again with safetensors, or hand the arrays over as .npz or JSON.',
    });
  if (bytes.length < 8) throw refuse('it is too short for safetensors');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  if (start > bytes.length) throw refuse('its header is longer than the file');
  let header: Record<string, Entry>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  } catch {
    throw refuse('its header is no JSON');
  }
  const arrays: Record<string, DenseArray> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const type = types[entry.dtype];
    if (type === undefined)
      throw refuse(`"${name}" has the type ${entry.dtype}, which is unknown here`);
    const [width, reader] = type;
    const count = entry.shape.reduce((product, n) => product * n, 1);
    const [from, to] = entry.data_offsets;
    if (to - from !== count * width || start + to > bytes.length) {
      throw refuse(`the data of "${name}" does not fit its shape [${entry.shape.join(', ')}]`);
    }
    arrays[name] = {
      shape: entry.shape,
      data: readNumbers(bytes, start + from, count, width, reader),
    };
  }
  return arrays;
}

/** The upper half of an f32. */
function bfloat16(view: DataView, offset: number): number {
  const word = new DataView(new ArrayBuffer(4));
  word.setUint16(2, view.getUint16(offset, true), true);
  return word.getFloat32(0, true);
}
