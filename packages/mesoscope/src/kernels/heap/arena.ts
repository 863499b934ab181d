import { MesoscopeError } from '../../errors.ts';
import { refuse } from '../../numeric/checks.ts';
import type { FloatArray, Precision } from '../backend.ts';
import { elementBytes } from './encode.ts';
import { ARENA } from './memory-map.ts';

const alignment = 64;

/** Kernels may load a few vectors beyond what they use. */
const guardBytes = 4096;

/** Memory handed out from one end, and given back in the opposite order. */
export interface Arena {
  allocate(length: number): FloatArray;
  scoped<T>(work: () => T): T;
  scopedAsync<T>(work: () => Promise<T>): Promise<T>;
  /**
   * First byte of `bytes` free bytes, free only until the next allocation.
   * @throws MesoscopeError `out-of-memory`
   */
  temporary(bytes: number): number;
}

/** An arena in a heap, behind the kernels' own memory. */
export function createArena(heap: ArrayBufferLike, precision: Precision): Arena {
  const end = heap.byteLength - guardBytes;
  let top = ARENA;

  function require(bytes: number): void {
    if (!(bytes <= end - top)) {
      throw new MesoscopeError({
        code: 'out-of-memory',
        requestedBytes: bytes,
        availableBytes: Math.max(0, end - top),
        wayOut:
          'Make what is needed for a while only inside `scoped`, give the backend more with `heapMegabytes` (at most 4095), or use fewer samples.',
      });
    }
  }

  function allocate(length: number): FloatArray {
    if (!Number.isSafeInteger(length) || length < 0) {
      refuse('length', length, 'a whole number, at least 0');
    }
    const bytes = align(length * elementBytes(precision));
    require(bytes);
    const buffer =
      precision === 'f64'
        ? new Float64Array(heap, top, length)
        : new Float32Array(heap, top, length);
    buffer.fill(0);
    top += bytes;
    return buffer;
  }

  return {
    allocate,
    scoped: (work) => {
      const before = top;
      try {
        return work();
      } finally {
        top = before;
      }
    },
    scopedAsync: async (work) => {
      const before = top;
      try {
        return await work();
      } finally {
        top = before;
      }
    },
    temporary: (bytes) => {
      require(bytes);
      return top;
    },
  };
}

/** The next multiple of the alignment. */
export function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
