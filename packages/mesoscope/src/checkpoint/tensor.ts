import { MesoscopeError } from '../errors.ts';
import { sizeOf } from '../formats/arrays.ts';
import type { RandomAccess } from './files.ts';
import type { Codec, Numbers } from './formats/codec.ts';

/** A tensor of a checkpoint, not yet read. */
export interface Tensor {
  readonly name: string;
  /** As PyTorch has it: the weight of a linear layer is out × in. */
  readonly shape: readonly number[];
  /** As the file stores it: `float32`, `bfloat16`, `Q4_1`. */
  readonly dtype: string;
  /**
   * All numbers, row-major: a Float32Array where they are f32 exactly or are rounded to it once, as the runtime of their
   * format does; else a Float64Array.
   *
   * @throws MesoscopeError `not-finite`, naming the tensor; `file`
   */
  read(): Promise<Numbers>;
  /** The entries `from` ≤ i < `to` of the first axis: rows of an embedding without the rest of it. */
  readRows(from: number, to: number): Promise<Numbers>;
}

/** A tensor whose numbers stand one after the other in a file. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly codec: Codec;
  readonly file: RandomAccess;
  /** Byte of the file at which it begins. */
  readonly start: number;
}

/** Makes a tensor of its place. Rows must consist of whole blocks of the codec. */
export function placedTensor({ name, shape, codec, file, start }: StoredTensor): Tensor {
  const read = async (from: number, count: number) => {
    const at = start + (from / codec.block) * codec.bytes;
    const bytes = await file.read(at, at + byteLength(codec, count));
    return finite(codec.decode(bytes, count), name, from);
  };
  return {
    name,
    shape,
    dtype: codec.dtype,
    read: () => read(0, sizeOf(shape)),
    readRows(from, to) {
      const row = sizeOf(shape.slice(1));
      return read(from * row, (to - from) * row);
    },
  };
}

/**
 * A tensor that must be made whole before a part of it is known: one that lies transposed or strided in its file. It stays as long as
 * memory is not wanted, so that its rows can be read one by one.
 */
export function computedTensor(
  description: Pick<Tensor, 'name' | 'shape' | 'dtype'>,
  compute: () => Promise<Numbers>,
): Tensor {
  const { name, shape } = description;
  let made: WeakRef<Numbers> | undefined;
  const whole = async () => {
    const kept = made?.deref();
    if (kept !== undefined) return kept;
    const numbers = finite(await compute(), name, 0);
    made = new WeakRef(numbers);
    return numbers;
  };
  return {
    ...description,
    read: whole,
    async readRows(from, to) {
      const row = sizeOf(shape.slice(1));
      return (await whole()).slice(from * row, to * row);
    },
  };
}

/** Bytes of so many numbers, a multiple of the block. */
export function byteLength({ block, bytes }: Codec, count: number): number {
  return (count / block) * bytes;
}

function finite(numbers: Numbers, name: string, offset: number): Numbers {
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue;
    const entry = { index: offset + i, received: numbers[i] };
    throw new MesoscopeError({ code: 'not-finite', path: `tensor ${name}`, ...entry });
  }
  return numbers;
}
