import type { MessagePort } from 'node:worker_threads';
import { type Fault, MesoscopeError, type Setting } from 'mesoscope';
import type { Execution } from './backend.ts';

/** What a thread is told to compute. Claims and studies hold functions, so that only their names can travel. */
export type Order =
  | {
      readonly kind: 'claim';
      readonly id: string;
      readonly instance?: unknown;
      readonly seed: number;
      readonly setting: Setting;
    }
  | {
      readonly kind: 'piece';
      readonly study: string;
      readonly configuration: unknown;
      readonly index: number;
    };

export interface ThreadTask {
  readonly order: Order;
  readonly execution: Execution;
  /** Progress goes here, as the arguments of a progress callback. */
  readonly port: MessagePort;
}

export type Answer = { readonly result: unknown } | { readonly error: ErrorData };

/** An error without its class, which a message between threads, or a file, loses. */
export interface ErrorData {
  readonly message: string;
  readonly stack: string;
  readonly fault?: Fault;
}

/** An error as data. */
export function errorData(cause: unknown): ErrorData {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return {
    message: error.message,
    stack: error.stack ?? '',
    ...(error instanceof MesoscopeError ? { fault: error.fault } : {}),
  };
}

/** The error that was made data. */
export function errorOf({ message, stack, fault }: ErrorData): Error {
  const error = fault === undefined ? new Error(message) : new MesoscopeError(fault);
  return Object.assign(error, { stack });
}
