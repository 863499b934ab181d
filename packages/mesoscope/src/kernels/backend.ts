import type { Program } from './program.ts';

/** Numbers as a backend stores them. */
export type FloatArray = Float64Array | Float32Array;

/** Numbers in memory and in all arithmetic. */
export type Precision = 'f64' | 'f32';

/** What one run of a program is given. */
export interface Run {
  /** Number of samples S (≥ 0). */
  readonly samples: number;
  /** One buffer, from `allocate` of the same backend, for each slot but the scratch, by slot name. */
  readonly buffers: Readonly<Record<string, FloatArray>>;
  /** One number for each scalar, by name. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** A compiled program. Runs to its end before it returns, on all threads of the backend. */
export type Executable = (run: Run) => void;

/**
 * The few hot kernels behind one interface. `reference` is the specification: plain TypeScript in f64;
 * `wasm` is SIMD with threads. Results do not depend on the number of threads.
 */
export interface Backend {
  /** Name and build, as a study records it: `reference`, `wasm (relaxed SIMD, 2 threads)`. */
  readonly name: string;
  readonly precision: Precision;
  readonly threads: number;
  /**
   * A zero-filled buffer in the backend's memory; `subarray` of a buffer is a buffer. It stays until the scope ends in which it
   * was made, outside of all scopes until `dispose`; so do trajectories and what else is made of buffers.
   * @throws MesoscopeError `out-of-memory`
   */
  allocate(length: number): FloatArray;
  /**
   * Runs `work` and gives back all that it allocated, also when it throws. Scopes nest; buffers allocated inside
   * must not be used after it.
   */
  scoped<T>(work: () => T): T;
  /** As {@link scoped} for work that waits. Scopes must still end in the order opposite to their beginning. */
  scopedAsync<T>(work: () => Promise<T>): Promise<T>;
  /** Checks shapes and slots, then prepares a program. @throws MesoscopeError `shape-mismatch` */
  compile(program: Program): Executable;
  /** Ends the worker threads and frees the memory. */
  dispose(): void;
}
