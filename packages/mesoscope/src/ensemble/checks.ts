import { MesoscopeError } from '../errors.ts';
import { refuse } from '../numeric/checks.ts';

/** Refuses anything but a whole number ≥ 1. @throws MesoscopeError `invalid-value` */
export function requireWhole(path: string, received: number): void {
  if (!Number.isInteger(received) || received < 1) {
    refuse(path, received, 'a whole number, at least 1');
  }
}

/** Memory that one computation may take: 2 GB. */
export const memoryLimit = 2e9;

/** Refuses more memory than {@link memoryLimit}. @throws MesoscopeError `out-of-memory` with the estimate */
export function requireMemory(requestedBytes: number, wayOut: string): void {
  if (requestedBytes > memoryLimit) {
    throw new MesoscopeError({
      code: 'out-of-memory',
      requestedBytes,
      availableBytes: memoryLimit,
      wayOut,
    });
  }
}
