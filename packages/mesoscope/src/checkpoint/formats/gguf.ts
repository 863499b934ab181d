import { preview, shortened } from '../../errors.ts';
import { mostAxes, sizeOf } from '../../formats/arrays.ts';
import type { RandomAccess } from '../files.ts';
import { unreadable } from '../refusal.ts';
import { byteLength, placedTensor, type Tensor } from '../tensor.ts';
import { type Codec, plainCodec } from './codec.ts';
import { type Cursor, readPrefix } from './prefix.ts';
import { q4_0, q4_1, q4_k, q6_k, q8_0 } from './quantised.ts';

/** Types of ggml that can be read, by their numbers. */
const codecs: ReadonlyMap<number, Codec> = new Map([
  [0, plainCodec('float32')],
  [1, plainCodec('float16')],
  [2, q4_0],
  [3, q4_1],
  [8, q8_0],
  [12, q4_k],
  [14, q6_k],
  [24, plainCodec('int8')],
  [25, plainCodec('int16')],
  [26, plainCodec('int32')],
  [27, plainCodec('int64')],
  [28, plainCodec('float64')],
  [30, plainCodec('bfloat16')],
]);

/** Names of types that cannot. */
const otherTypes: ReadonlyMap<number, string> = new Map([
  [6, 'Q5_0'],
  [7, 'Q5_1'],
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [13, 'Q5_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [29, 'IQ1_M'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
]);

/** What a GGUF file says before its numbers. */
export interface Gguf {
  /** Its settings: numbers, texts, booleans and lists of them, by names such as `llama.block_count`. */
  readonly metadata: ReadonlyMap<string, unknown>;
  readonly tensors: readonly Tensor[];
}

/** `GGUF` as a number. */
const magic = 0x46554747;

/** Entries that a header may announce. */
const mostEntries = 2 ** 20;

/**
 * Reads the description of a GGUF file, versions 2 and 3 (ggml's `docs/gguf.md`). Shapes are turned around, so that the
 * last axis is the one whose entries are neighbours.
 *
 * @throws MesoscopeError `file`, naming the tensor whose quantisation is unknown
 */
export async function readGguf(file: RandomAccess): Promise<Gguf> {
  const { path } = file;
  const { value, end } = await readPrefix(file, (cursor) => readDescription(cursor, path));
  const alignment = value.metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || !(alignment > 0)) {
    throw unreadable(path, `its alignment is ${preview(alignment)}`);
  }
  const dataStart = Math.ceil(end / alignment) * alignment;
  const tensors = value.places.map(({ name, shape, codec, offset }) => {
    const start = dataStart + offset;
    if (start + byteLength(codec, sizeOf(shape)) > file.size) {
      throw unreadable(path, `tensor "${name}" ends after the file: it was cut off`);
    }
    return placedTensor({ name, shape, codec, file, start });
  });
  return { metadata: value.metadata, tensors };
}

function readDescription(cursor: Cursor, path: string) {
  if (cursor.u32() !== magic) throw unreadable(path, 'it does not begin as GGUF does');
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    const reason =
      version > 0xffff ? 'it is written big-endian' : `its version is ${version}, not 2 or 3`;
    throw unreadable(path, reason, 'Convert it anew with a current llama.cpp.');
  }
  const tensorCount = cursor.u64();
  const settingCount = cursor.u64();
  if (tensorCount > mostEntries || settingCount > mostEntries) {
    throw unreadable(path, `it announces ${tensorCount} tensors and ${settingCount} settings`);
  }
  const metadata = new Map<string, unknown>();
  for (let i = 0; i < settingCount; i++) {
    const name = text(cursor);
    metadata.set(name, readValue(cursor, cursor.u32(), path));
  }
  const places = Array.from({ length: tensorCount }, () => readPlace(cursor, path));
  return { metadata, places };
}

function readPlace(cursor: Cursor, path: string) {
  const name = shortened(text(cursor));
  const axes = cursor.u32();
  if (axes > mostAxes) throw unreadable(path, `tensor "${name}" has ${axes} axes`);
  const shape = Array.from({ length: axes }, () => cursor.u64()).reverse();
  const type = cursor.u32();
  const offset = cursor.u64();
  const codec = codecs.get(type);
  if (codec === undefined) {
    const known = [...codecs.values()].map(({ dtype }) => dtype).join(', ');
    throw unreadable(
      path,
      `tensor "${name}" is quantised as ${otherTypes.get(type) ?? `type ${type}`}, which is not read here (${known} are)`,
      'Take a file of the model in one of these, or its safetensors.',
    );
  }
  if (!shape.every(Number.isSafeInteger) || (shape.at(-1) ?? 1) % codec.block !== 0) {
    throw unreadable(path, `tensor "${name}" has rows of no whole blocks of ${codec.dtype}`);
  }
  return { name, shape, codec, offset };
}

/** Readers of the types of settings, by their numbers. */
const valueReaders: ReadonlyMap<number, (cursor: Cursor) => unknown> = new Map<
  number,
  (cursor: Cursor) => unknown
>([
  [0, (cursor) => cursor.u8()],
  [1, (cursor) => (cursor.u8() << 24) >> 24],
  [2, (cursor) => cursor.u16()],
  [3, (cursor) => (cursor.u16() << 16) >> 16],
  [4, (cursor) => cursor.u32()],
  [5, (cursor) => cursor.i32()],
  [6, (cursor) => float(cursor, 4)],
  [7, (cursor) => cursor.u8() !== 0],
  [8, text],
  [10, (cursor) => cursor.u64()],
  [11, (cursor) => cursor.i64()],
  [12, (cursor) => float(cursor, 8)],
]);

const listType = 9;

function readValue(cursor: Cursor, type: number, path: string): unknown {
  const read = type === listType ? undefined : valueReaders.get(type);
  if (read !== undefined) return read(cursor);
  const entryType = type === listType ? cursor.u32() : type;
  const readEntry = valueReaders.get(entryType);
  if (readEntry === undefined)
    throw unreadable(path, `a setting has the unknown type ${entryType}`);
  const length = cursor.u64();
  const list: unknown[] = [];
  for (let i = 0; i < length; i++) list.push(readEntry(cursor));
  return list;
}

function text(cursor: Cursor): string {
  return new TextDecoder().decode(cursor.take(cursor.u64()));
}

function float(cursor: Cursor, width: 4 | 8): number {
  const bytes = cursor.take(width);
  const view = new DataView(bytes.buffer, bytes.byteOffset, width);
  return width === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
}
