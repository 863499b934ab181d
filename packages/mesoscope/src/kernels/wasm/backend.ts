import { MesoscopeError } from '../../errors.ts';
import { refuse } from '../../numeric/checks.ts';
import type { Backend, Precision } from '../backend.ts';
import { heapBackend } from '../heap/heap-backend.ts';
import { ARENA, MAXIMAL_THREADS } from '../heap/memory-map.ts';
import { loadKernels, type WasmBuild } from './module.ts';
import { canShareMemory } from './platform.ts';
import { startPool } from './pool.ts';

/** What {@link createWasmBackend} may be asked for. */
export interface WasmBackendOptions {
  /** Numbers in memory and in all arithmetic; default `f64`. */
  readonly precision?: Precision;
  /**
   * Threads, the calling one included, 1 … 64; default 1. Where memory cannot be shared (a browser page without
   * isolation headers) or workers cannot be started, there is one: see `threads` of the backend.
   */
  readonly threads?: number;
  /**
   * `auto` (default): fused multiply-add where the engine has relaxed SIMD, else `strict`; `relaxed`: refused where it is
   * missing; `strict`: the same bits on every machine.
   */
  readonly build?: 'auto' | WasmBuild;
  /** Size of the memory in MiB, 8 … 4095; default 1024. The system commits it page by page, as it is used. */
  readonly heapMegabytes?: number;
}

type KernelFunction = (...numbers: readonly number[]) => void;

/**
 * The fast backend: AssemblyScript kernels in WebAssembly, with 128-bit SIMD and threads over one shared memory.
 * Results do not depend on the number of threads. The first few thousand calls are slower, while the engine compiles
 * the kernels for speed.
 *
 * @throws MesoscopeError `invalid-value`; `unsupported` if `build: 'relaxed'` is not available; `out-of-memory` if the
 * engine refuses a memory of that size
 */
export async function createWasmBackend(options: WasmBackendOptions = {}): Promise<Backend> {
  const { precision = 'f64', threads = 1, build = 'auto', heapMegabytes = 1024 } = options;
  requireOneOf('precision', precision, ['f64', 'f32']);
  requireOneOf('build', build, ['auto', 'relaxed', 'strict']);
  requireWhole('threads', threads, 1, MAXIMAL_THREADS);
  requireWhole('heapMegabytes', heapMegabytes, Math.ceil(ARENA / 2 ** 20) + 1, 4095);

  const shared = threads > 1 && canShareMemory();
  const kernels = await loadKernels(build, shared);
  const memory = createMemory(heapMegabytes, shared);
  const { exports } = await WebAssembly.instantiate(kernels.module, { env: { memory } });
  const functions = exports as Readonly<Record<string, KernelFunction>>;
  const suffix = precision === 'f64' ? 'F64' : 'F32';
  const pool = shared
    ? await startPool(threads - 1, kernels.module, memory, functions, `work${suffix}`).catch(
        () => undefined,
      )
    : undefined;
  const alone = functions[`workAlone${suffix}`];
  const started = pool === undefined ? 1 : threads;
  return heapBackend({
    name: `wasm (${kernels.build} SIMD, ${started} ${started === 1 ? 'thread' : 'threads'})`,
    heap: memory.buffer,
    precision,
    vector: 16,
    threads: started,
    run: (units) => {
      if (pool === undefined || units === 1) alone();
      else pool.run(units);
    },
    merge: functions[`merge${suffix}`],
    dispose: () => pool?.dispose(),
  });
}

function createMemory(megabytes: number, shared: boolean): WebAssembly.Memory {
  const pages = megabytes * 16;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch {
    throw new MesoscopeError({
      code: 'out-of-memory',
      requestedBytes: megabytes * 2 ** 20,
      availableBytes: 0,
      wayOut: 'Ask for less with `heapMegabytes`.',
    });
  }
}

function requireOneOf(path: string, received: string, known: readonly string[]): void {
  if (known.includes(received)) return;
  throw new MesoscopeError({ code: 'unknown-name', kind: path, received, known });
}

function requireWhole(path: string, received: number, least: number, most: number): void {
  if (Number.isInteger(received) && received >= least && received <= most) return;
  refuse(path, received, `a whole number, ${least} … ${most}`);
}
