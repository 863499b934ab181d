import { type NumberType, storages } from '../../formats/arrays.ts';

export type Numbers = Float32Array | Float64Array;

/** How numbers are stored: blocks of so many numbers in so many bytes. */
export interface Codec {
  /** As people call it: `float32`, `Q4_1`. */
  readonly dtype: string;
  /** Numbers a block. */
  readonly block: number;
  /** Bytes a block. */
  readonly bytes: number;
  /** `count` numbers, a multiple of the block, from the beginning of `bytes`. */
  decode(bytes: Uint8Array, count: number): Numbers;
}

/** Types whose numbers are f32 exactly. */
const singles: ReadonlySet<NumberType> = new Set<NumberType>([
  ...(['float32', 'float16', 'bfloat16'] as const),
  ...(['int16', 'int8', 'uint16', 'uint8', 'bool'] as const),
]);

/** Numbers stored one by one, little-endian. Whole numbers beyond 2⁵³ are rounded. */
export function plainCodec(type: NumberType): Codec {
  const { width, read } = storages[type];
  return {
    dtype: type,
    block: 1,
    bytes: width,
    decode(bytes, count) {
      if (type === 'float32') return new Float32Array(aligned(bytes, 4 * count), 0, count);
      if (type === 'float64') return new Float64Array(aligned(bytes, 8 * count), 0, count);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const numbers = singles.has(type) ? new Float32Array(count) : new Float64Array(count);
      for (let i = 0; i < count; i++) numbers[i] = read(view, i * width, true);
      return numbers;
    },
  };
}

/** A copy of the first bytes that typed arrays can lie on; every machine that runs JavaScript is little-endian. */
function aligned(bytes: Uint8Array, length: number): ArrayBuffer {
  const copy = new ArrayBuffer(length);
  new Uint8Array(copy).set(bytes.subarray(0, length));
  return copy;
}
