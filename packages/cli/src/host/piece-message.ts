import type { Fault } from 'mesoscope';
import type { Execution } from './backend.ts';

/** What a thread that computes pieces is started with. */
export interface PieceJob {
  readonly study: string;
  readonly configuration: unknown;
  readonly execution: Execution;
}

/** To a thread: the piece it shall compute. */
export interface PieceRequest {
  readonly index: number;
}

/** From a thread: how far it is, and how it ended. */
export type PieceReply =
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'done'; readonly piece: unknown }
  | { readonly kind: 'refused'; readonly fault: Fault }
  | { readonly kind: 'failed'; readonly reason: string };
