import { storages } from '../../formats/arrays.ts';
import type { Codec } from './codec.ts';

/** Writes the numbers of the block at byte `at` to `into`, from `to` on. */
type DecodeBlock = (view: DataView, at: number, into: Float32Array, to: number) => void;

/**
 * A quantisation of ggml in blocks. Every number is a scale times a small whole number, plus an offset: exact in f64,
 * rounded to f32 once, which is what ggml's own f32 arithmetic gives.
 */
function blockCodec(dtype: string, block: number, bytes: number, decodeBlock: DecodeBlock): Codec {
  return {
    dtype,
    block,
    bytes,
    decode(stored, count) {
      const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
      const numbers = new Float32Array(count);
      for (let i = 0; i < count / block; i++) decodeBlock(view, i * bytes, numbers, i * block);
      return numbers;
    },
  };
}

const half = (view: DataView, at: number) => storages.float16.read(view, at, true);

/** x = d·q, q of eight bits. */
export const q8_0 = blockCodec('Q8_0', 32, 34, (view, at, into, to) => {
  const scale = half(view, at);
  for (let i = 0; i < 32; i++) into[to + i] = scale * view.getInt8(at + 2 + i);
});

/** x = d·(q − 8), q of four bits: the low ones of 16 bytes, then the high ones. */
export const q4_0 = blockCodec('Q4_0', 32, 18, (view, at, into, to) => {
  const scale = half(view, at);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(at + 2 + i);
    into[to + i] = scale * ((pair & 15) - 8);
    into[to + 16 + i] = scale * ((pair >> 4) - 8);
  }
});

/** x = d·q + m, q of four bits as in {@link q4_0}. */
export const q4_1 = blockCodec('Q4_1', 32, 20, (view, at, into, to) => {
  const scale = half(view, at);
  const least = half(view, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(at + 4 + i);
    into[to + i] = scale * (pair & 15) + least;
    into[to + 16 + i] = scale * (pair >> 4) + least;
  }
});

/** x = (d·s)·q − e·m in eight groups of 32, with s and m of six bits for each. */
export const q4_k = blockCodec('Q4_K', 256, 144, (view, at, into, to) => {
  const scale = half(view, at);
  const least = half(view, at + 2);
  for (let group = 0; group < 8; group++) {
    const [s, m] = sixBits(view, at + 4, group);
    const pairs = at + 16 + 32 * (group >> 1);
    const shift = 4 * (group & 1);
    for (let i = 0; i < 32; i++) {
      const q = (view.getUint8(pairs + i) >> shift) & 15;
      into[to + 32 * group + i] = scale * s * q - least * m;
    }
  }
});

/** Scale and offset of a group out of the twelve bytes that hold sixteen numbers of six bits. */
function sixBits(view: DataView, at: number, group: number): readonly [s: number, m: number] {
  const byte = (i: number) => view.getUint8(at + i);
  if (group < 4) return [byte(group) & 63, byte(group + 4) & 63];
  const lower = byte(group + 4);
  return [(lower & 15) | ((byte(group - 4) >> 6) << 4), (lower >> 4) | ((byte(group) >> 6) << 4)];
}

/** x = d·s·(q − 32), q of four low bits and two high ones, s of eight bits for every 16 numbers. */
export const q6_k = blockCodec('Q6_K', 256, 210, (view, at, into, to) => {
  const scale = half(view, at + 208);
  for (let i = 0; i < 256; i++) {
    const [upper, quarter, place] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = view.getUint8(at + 64 * upper + 32 * (quarter & 1) + place);
    const high = view.getUint8(at + 128 + 32 * upper + place);
    const q = ((low >> (4 * (quarter >> 1))) & 15) | (((high >> (2 * quarter)) & 3) << 4);
    into[to + i] = scale * view.getInt8(at + 192 + (i >> 4)) * (q - 32);
  }
});
