import { type Backend, createReferenceBackend, MesoscopeError } from 'mesoscope';
import type { Execution } from '../bundle/record.ts';

/** `wasm-strict` forbids fused multiply-add, for results that are equal bit by bit on every machine. */
export const backendNames = ['wasm', 'wasm-strict', 'reference'] as const;

export type BackendName = (typeof backendNames)[number];

/** The backend that a run asks for. @throws MesoscopeError `unsupported` */
export async function createBackend({ backend, precision }: Execution): Promise<Backend> {
  if (backend !== 'reference') {
    throw new MesoscopeError({
      code: 'unsupported',
      what: `the ${backend} kernels`,
      by: 'This build',
      wayOut: 'Use --backend reference.',
    });
  }
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
