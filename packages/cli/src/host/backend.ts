import { MesoscopeError } from 'mesoscope';
import {
  type Backend,
  createReferenceBackend,
  createWasmBackend,
  type Precision,
} from 'mesoscope/kernels';

/** `wasm-strict` forbids fused multiply-add, for results that are equal bit by bit on every machine. */
export const backendNames = ['wasm', 'wasm-strict', 'reference'] as const;

export type BackendName = (typeof backendNames)[number];

/** How the kernels are run. */
export interface Execution {
  readonly backend: BackendName;
  readonly precision: Precision;
  /** Threads asked for; results do not depend on it. */
  readonly workers: number;
}

/** The backend that a run asks for. @throws MesoscopeError `unsupported` for the reference in single precision */
export async function createBackend(execution: Execution): Promise<Backend> {
  const { backend, precision, workers: threads } = execution;
  switch (backend) {
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
