import { MesoscopeError } from 'mesoscope';
import { type Backend, heapBackend, type Precision } from 'mesoscope/kernels';
import type { Addon, Level } from './addon.ts';

export interface NativeBackendOptions {
  /** Numbers in memory and in all arithmetic; default `f64`. */
  readonly precision?: Precision;
  /** Threads, the calling one included, 1 … 64; default 1. */
  readonly threads?: number;
  /** `avx512`, `avx2` or `neon`; default the widest that the processor has. */
  readonly level?: string;
  /** Size of the memory in MiB, 8 … 4095; default 1024. The system commits it page by page, as it is used. */
  readonly heapMegabytes?: number;
}

/** The backend of an addon that was found; see `createNativeBackend`. */
export function backendOfAddon(addon: Addon, options: NativeBackendOptions): Backend {
  const { precision = 'f64', threads = 1, heapMegabytes = 1024 } = options;
  requireOneOf('precision', precision, ['f64', 'f32']);
  requireWhole('threads', threads, 1, 64);
  requireWhole('heapMegabytes', heapMegabytes, 8, 4095);
  const level = chosenLevel(addon.levels(), options.level);
  const heap = heapOf(addon, heapMegabytes * 2 ** 20);
  const machine = addon.createMachine(heap, level.name, precision === 'f64', threads);
  return heapBackend({
    name: `native (${level.name}, ${threads} ${threads === 1 ? 'thread' : 'threads'})`,
    heap,
    precision,
    vector: level.vector,
    threads,
    run: (units) => addon.run(machine, units),
    merge: (target, partials, bytes, units, count) =>
      addon.merge(machine, target, partials, bytes, units, count),
    dispose: () => addon.dispose(machine),
  });
}

function heapOf(addon: Addon, bytes: number): ArrayBuffer {
  try {
    return addon.createHeap(bytes);
  } catch {
    throw new MesoscopeError({
      code: 'out-of-memory',
      requestedBytes: bytes,
      availableBytes: 0,
      wayOut: 'Ask for less with `heapMegabytes`.',
    });
  }
}

function chosenLevel(levels: readonly Level[], wanted: string | undefined): Level {
  if (wanted !== undefined) {
    requireOneOf(
      'level',
      wanted,
      levels.map(({ name }) => name),
    );
  }
  const level = levels.find(({ name, isThere }) =>
    wanted === undefined ? isThere : name === wanted,
  );
  if (level?.isThere !== true) throw unsupported(`the level ${wanted}`, 'this processor');
  return level;
}

/** The error of native kernels that cannot be had. */
export function unsupported(what: string, reason: string): MesoscopeError {
  return new MesoscopeError({
    code: 'unsupported',
    what,
    by: `this installation: ${reason}`,
    wayOut: 'Use the wasm backend.',
  });
}

function requireOneOf(path: string, received: string, known: readonly string[]): void {
  if (known.includes(received)) return;
  throw new MesoscopeError({ code: 'unknown-name', kind: path, received, known });
}

function requireWhole(path: string, received: number, least: number, most: number): void {
  if (Number.isInteger(received) && received >= least && received <= most) return;
  throw new MesoscopeError({
    code: 'invalid-value',
    path,
    received,
    expected: `a whole number, ${least} … ${most}`,
  });
}
