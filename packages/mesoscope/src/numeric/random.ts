import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { requireFinite } from './checks.ts';

/**
 * A stream of random numbers. Two streams of different keys are independent for every practical purpose, and what
 * one stream draws never changes what another draws.
 */
export interface RandomStream {
  /** Uniform in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform in {0, …, n − 1}, 1 ≤ n ≤ 2³² (the bias, below n·2⁻⁵³, cannot be seen). */
  integer(n: number): number;
  /** Puts an array into uniformly random order, in place, and returns it. */
  shuffle<T extends { readonly length: number; [index: number]: unknown }>(array: T): T;
  /** Fills an array with uniforms in [0, 1) and returns it. */
  uniforms<T extends Float64Array | Float32Array>(out: T): T;
  /** Fills an array with standard normals and returns it. */
  normals<T extends Float64Array | Float32Array>(out: T): T;
}

/**
 * The random stream of a key: the same numbers on every worker, in Node and in a browser, whatever other streams
 * were used before. The 128-bit state of a xoroshiro128+ generator is a hash of the whole key.
 *
 * @param seed - any finite number; usually the study's seed
 * @param purpose - what the numbers are for, as a word: `initial tokens`
 * @param index - which one of many: a sample, a head, a repetition. Default 0
 * @throws MesoscopeError `not-finite`
 */
export function randomStream(seed: number, purpose: string, index = 0): RandomStream {
  requireFinite('seed, index', [seed, index]);
  const generator = xoroshiro128plusFromState(hashKey(seed, purpose, index));
  let spare = Number.NaN;

  function uniform(): number {
    // The upper bits of each output are the better ones.
    const high = generator.next() >>> 5;
    const low = generator.next() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  // Marsaglia's polar method gives two independent normals; the second waits in `spare`.
  function normal(): number {
    if (!Number.isNaN(spare)) {
      const value = spare;
      spare = Number.NaN;
      return value;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        spare = v * factor;
        return u * factor;
      }
    }
  }

  function integer(n: number): number {
    return Math.floor(uniform() * n);
  }

  return {
    uniform,
    normal,
    integer,
    shuffle(array) {
      for (let i = array.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        const kept = array[i];
        array[i] = array[j];
        array[j] = kept;
      }
      return array;
    },
    uniforms(out) {
      for (let i = 0; i < out.length; i++) out[i] = uniform();
      return out;
    },
    normals(out) {
      for (let i = 0; i < out.length; i++) out[i] = normal();
      return out;
    },
  };
}

/**
 * 128 bits from a key: four MurmurHash3 (x86, 32 bit) digests with different starting values, over the bits of
 * seed and index and the characters of the purpose. For one purpose and seed, different indices below 2³² can
 * never meet in any of the four words.
 */
function hashKey(seed: number, purpose: string, index: number): number[] {
  const words: number[] = [...numberWords(seed), purpose.length];
  for (let i = 0; i < purpose.length; i++) words.push(purpose.charCodeAt(i));
  words.push(...numberWords(index));
  const state = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667].map((start) =>
    murmur3(words, start),
  );
  if (state.every((word) => word === 0)) return [1, 0, 0, 0];
  return state;
}

/** Two words that tell any number from any other; −0 is 0. */
function numberWords(value: number): [number, number] {
  if (Number.isSafeInteger(value)) return [Math.floor(value / 2 ** 32) | 0, value | 0];
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return [view.getInt32(0), view.getInt32(4)];
}

function murmur3(words: readonly number[], start: number): number {
  let h = start | 0;
  for (const word of words) {
    let k = Math.imul(word, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  h ^= words.length * 4;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
