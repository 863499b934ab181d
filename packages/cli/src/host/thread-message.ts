import type { MessagePort } from 'node:worker_threads';
import type { ErrorData } from 'mesoscope/configuration';
import type { PieceOrder } from 'mesoscope/study';
import type { Execution } from './backend.ts';

/** Whose pieces are computed, and how. Studies hold functions, so that only their names travel. */
export interface PieceJob {
  readonly study: string;
  readonly configuration: unknown;
  readonly execution: Execution;
  /** Relative paths of data start here. */
  readonly directory: string;
  /** Modules with claims and studies of the user's own, as addresses. */
  readonly modules: readonly string[];
}

/** One piece for a thread. */
export interface ThreadTask {
  readonly job: PieceJob;
  readonly order: PieceOrder;
  /** Not 0 once the piece shall stop. */
  readonly stop: Int32Array;
  /** Events go here. */
  readonly port: MessagePort;
}

/** What a thread tells while it computes. */
export type ThreadEvent =
  | readonly ['progress', number, string | undefined]
  | readonly ['metric', Readonly<Record<string, number | string>>]
  | readonly ['state', unknown];

export type Answer =
  | { readonly result: unknown }
  | { readonly interrupted: string }
  | { readonly error: ErrorData };
