import type { Backend } from '../kernels/backend.ts';
import type { PieceEvents, PieceOrder } from './pieces.ts';
import { type DataSource, Interrupted, type PieceContext, type Study } from './study.ts';

/** Milliseconds between two states that are kept. */
const stateInterval = 10_000;

/** Milliseconds between two shares that are told: a piece may report every step of a loop. */
const shareInterval = 100;

/** What a thread has to compute pieces with. */
export interface PieceEquipment extends DataSource {
  readonly backend: Backend;
  /** Whether the host wants the piece to stop. */
  interrupted(): boolean;
}

/** Computes one piece on this thread. Memory that it takes from the backend is given back. */
export async function computePiece(
  study: Study,
  configuration: unknown,
  order: PieceOrder,
  equipment: PieceEquipment,
  events: PieceEvents,
): Promise<unknown> {
  const { backend, interrupted, ...data } = equipment;
  const { index, needed } = order;
  let last = performance.now();
  let told = { time: Number.NEGATIVE_INFINITY, label: undefined as string | undefined };
  const context: PieceContext = {
    backend,
    ...data,
    index,
    needed,
    progress(share, label) {
      const time = performance.now();
      if (label === told.label && time - told.time < shareInterval) return;
      told = { time, label };
      events.progress(share, label);
    },
    metric: events.metric,
    async checkpoint(make) {
      // A macrotask, so that a pending interrupt is seen.
      await new Promise((resume) => setTimeout(resume, 0));
      const stop = interrupted();
      if (!stop && performance.now() - last < stateInterval) return;
      events.state(make());
      last = performance.now();
      if (stop) throw new Interrupted('interrupted; the last state is kept');
    },
  };
  const whole = order.resume === undefined ? context : { ...context, resume: order.resume };
  return backend.scopedAsync(async () => study.piece(configuration, whole));
}
