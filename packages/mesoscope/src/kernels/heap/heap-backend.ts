import { MesoscopeError } from '../../errors.ts';
import type { Backend } from '../backend.ts';
import { createArena } from './arena.ts';
import { compileProgram, type Machine } from './job.ts';

/** Kernels over one heap: what a backend is made of, once there is memory and something that runs the jobs in it. */
export interface Kernels
  extends Pick<Machine, 'heap' | 'precision' | 'vector' | 'threads' | 'run' | 'merge'> {
  /** As reports name it. */
  readonly name: string;
  /** Ends the threads. */
  dispose(): void;
}

/** The backend of such kernels: memory is handed out of their heap, programs are encoded for them. */
export function heapBackend(kernels: Kernels): Backend {
  const { name, heap, precision, vector, threads } = kernels;
  const arena = createArena(heap, precision);
  let disposed = false;
  function requireLiving(): void {
    if (!disposed) return;
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'working after dispose()',
      by: `this backend, ${name}`,
      wayOut: 'Create a new backend.',
    });
  }
  const machine: Machine = {
    heap,
    arena,
    precision,
    vector,
    threads,
    resident: undefined,
    run: (units) => {
      requireLiving();
      kernels.run(units);
    },
    merge: kernels.merge,
  };
  return {
    name,
    precision,
    threads,
    allocate: (length) => {
      requireLiving();
      return arena.allocate(length);
    },
    scoped: arena.scoped,
    scopedAsync: arena.scopedAsync,
    compile: (program) => compileProgram(program, machine),
    dispose: () => {
      if (disposed) return;
      disposed = true;
      kernels.dispose();
    },
  };
}
