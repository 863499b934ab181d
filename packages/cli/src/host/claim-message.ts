import type { MessagePort } from 'node:worker_threads';
import { type ClaimResult, type Fault, MesoscopeError, type Setting } from 'mesoscope';
import type { Execution } from './backend.ts';

/** What a thread is told to measure. A claim holds functions, so that only its id can travel. */
export interface ClaimOrder {
  readonly id: string;
  readonly instance?: unknown;
  readonly seed: number;
  readonly setting: Setting;
  readonly execution: Execution;
  /** Progress goes here, as the arguments of a progress callback. */
  readonly port: MessagePort;
}

/** What a thread answers. */
export type ClaimAnswer = Omit<ClaimResult, 'claim'> | ClaimFault;

/** An error without its class, which a message between threads, or a file, loses. */
export interface ClaimFault {
  readonly message: string;
  readonly stack: string;
  readonly fault?: Fault;
}

/** An error as data. */
export function faultOf(cause: unknown): ClaimFault {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return {
    message: error.message,
    stack: error.stack ?? '',
    ...(error instanceof MesoscopeError ? { fault: error.fault } : {}),
  };
}

/** The error that was made data. */
export function errorOf({ message, stack, fault }: ClaimFault): Error {
  return Object.assign(fault === undefined ? new Error(message) : new MesoscopeError(fault), {
    stack,
  });
}
