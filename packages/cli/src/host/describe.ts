import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { nativeKernels } from './backend.ts';

/** The machine that a run was made on. */
export interface HostDescription {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  /** Which native kernels it had, or why none. */
  readonly native: string;
}

/** Describes this machine. */
export function describeHost(): HostDescription {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    platform: `${platform()} ${arch()}`,
    native: nativeKernels().sentence,
  };
}

/** Threads that a run uses unless told otherwise: one a core, at most 8. */
export function defaultWorkers(): number {
  return Math.min(8, availableParallelism());
}
