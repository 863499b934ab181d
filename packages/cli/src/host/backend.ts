import { MesoscopeError } from 'mesoscope';
import {
  type Backend,
  createReferenceBackend,
  createWasmBackend,
  type Precision,
} from 'mesoscope/kernels';
import { addonState, createNativeBackend } from 'mesoscope-native';

/**
 * `native` has the machine's own vectors; `wasm-strict` forbids fused multiply-add, for results that are equal bit by bit on
 * every machine; `auto` is native where its kernels are there, else wasm.
 */
export const backendNames = ['auto', 'native', 'wasm', 'wasm-strict', 'reference'] as const;

export type BackendName = Exclude<(typeof backendNames)[number], 'auto'>;

/** The backend that a name stands for on this machine. */
export function backendOf(name: (typeof backendNames)[number]): BackendName {
  if (name !== 'auto') return name;
  return addonState().addon === undefined ? 'wasm' : 'native';
}

/** What there is of native kernels, for run.json and `doctor`. */
export function nativeKernels(): { readonly there: boolean; readonly sentence: string } {
  const state = addonState();
  if (state.addon === undefined) {
    return { there: false, sentence: `no native kernels: ${state.reason}` };
  }
  const names = state.levels.filter(({ isThere }) => isThere).map(({ name }) => name);
  return { there: true, sentence: `native kernels: ${names.join(', ')}` };
}

/** How the kernels are run. */
export interface Execution {
  readonly backend: BackendName;
  readonly precision: Precision;
  /** Threads asked for; results do not depend on it. */
  readonly workers: number;
}

/** The backend that a run asks for. @throws MesoscopeError `unsupported` where it is not there, or has no such precision */
export async function createBackend(execution: Execution): Promise<Backend> {
  const { backend, precision, workers: threads } = execution;
  switch (backend) {
    case 'native':
      return createNativeBackend({ precision, threads });
    case 'wasm':
      return createWasmBackend({ precision, threads });
    case 'wasm-strict':
      return createWasmBackend({ precision, threads, build: 'strict' });
    case 'reference':
      if (precision === 'f32') {
        throw new MesoscopeError({
          code: 'unsupported',
          what: 'single precision',
          by: 'The reference backend',
          wayOut: 'Leave --precision out, or use --backend wasm.',
        });
      }
      return createReferenceBackend();
  }
}
