import type { Study } from './study.ts';

/** What is kept of a piece: its result once it has ended, its last state until then. */
export interface KeptPiece {
  /** Lines of metrics that belong to it. */
  readonly metrics: readonly Readonly<Record<string, number | string>>[];
  /** Seconds of work, over all sittings. */
  readonly seconds: number;
  readonly state?: unknown;
  readonly ended: boolean;
  readonly result?: unknown;
}

/** What a thread tells of the piece that it computes, in order. */
export interface PieceEvents {
  progress(share: number, label?: string): void;
  metric(record: Readonly<Record<string, number | string>>): void;
  /** A state from which the piece can continue. */
  state(state: unknown): void;
}

export interface PieceOrder {
  readonly index: number;
  /** All threads for this one piece. */
  readonly wide: boolean;
  readonly needed: readonly unknown[];
  readonly resume?: unknown;
}

/** Where pieces are computed and kept. */
export interface PieceHost {
  /** How many pieces can be under way at once. */
  readonly size: number;
  /**
   * Computes a piece.
   *
   * @throws Interrupted after an interrupt, once the last state was told; what the piece throws
   */
  compute(order: PieceOrder, events: PieceEvents): Promise<unknown>;
  /** What is kept of a piece from an earlier sitting. */
  kept(index: number): KeptPiece | undefined;
  /** Keeps a piece, in place of what was kept of it. @throws MesoscopeError `file` */
  keep(index: number, piece: KeptPiece): void;
  /** The share of all work that is done, 0 … 1. */
  progress(share: number, label: string): void;
  metric(record: Readonly<Record<string, number | string>>): void;
  log(line: string): void;
  readonly signal?: AbortSignal;
}

/**
 * Computes the pieces of a study that are not kept yet, as many at once as its host can, lowest index first. What comes out does not
 * depend on the number of threads, nor on interrupts.
 *
 * @returns all pieces; undefined after an abort, when what was done is kept
 * @throws MesoscopeError, Error: what a piece throws, once the pieces under way have ended
 */
export async function computePieces(
  study: Study,
  configuration: unknown,
  host: PieceHost,
): Promise<readonly KeptPiece[] | undefined> {
  const count = study.pieces(configuration);
  const kept = Array.from({ length: count }, (_, index) => host.kept(index));
  const results = kept.map((piece) => (piece?.ended ? piece.result : undefined));
  const waiting = new Set(kept.flatMap((piece, index) => (piece?.ended ? [] : [index])));
  const running = new Map<number, Promise<void>>();
  const report = createShares(study, configuration, kept, host);
  let alone = false;
  let failure: { readonly cause: unknown } | undefined;

  const needsOf = (index: number) => study.needs?.(configuration, index) ?? [];
  const isWide = (index: number) => study.wide?.(configuration, index) ?? false;
  const next = () => {
    if (alone || running.size >= host.size) return undefined;
    for (const index of waiting) {
      if (!needsOf(index).every((needed) => kept[needed]?.ended)) continue;
      return isWide(index) && running.size > 0 ? undefined : index;
    }
    return undefined;
  };

  async function compute(index: number): Promise<void> {
    const before = kept[index];
    const metrics = [...(before?.metrics ?? [])];
    const begin = performance.now();
    const seconds = () => (before?.seconds ?? 0) + (performance.now() - begin) / 1000;
    const label = study.label(configuration, index);
    report(index, 0, label);
    const needed = needsOf(index).map((one) => results[one]);
    const order = { index, wide: isWide(index), needed };
    const result = await host.compute(
      before?.state === undefined ? order : { ...order, resume: before.state },
      {
        progress: (share, words) => report(index, share, words ?? label),
        metric(record) {
          metrics.push(record);
          host.metric(record);
        },
        state(state) {
          kept[index] = { metrics: [...metrics], seconds: seconds(), state, ended: false };
          host.keep(index, kept[index]);
        },
      },
    );
    kept[index] = { metrics, seconds: seconds(), ended: true, result };
    results[index] = result;
    host.keep(index, kept[index]);
    report(index, 1, label);
    const line = study.milestone?.(configuration, results, index);
    if (line !== undefined) host.log(line);
  }

  const start = (index: number) => {
    waiting.delete(index);
    alone = isWide(index);
    const work = compute(index)
      .catch((cause: unknown) => {
        if (host.signal?.aborted !== true) failure ??= { cause };
      })
      .finally(() => {
        running.delete(index);
        alone = false;
      });
    running.set(index, work);
  };

  for (;;) {
    while (host.signal?.aborted !== true && failure === undefined) {
      const index = next();
      if (index === undefined) break;
      start(index);
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  if (failure !== undefined) throw failure.cause;
  const all = kept.filter((piece) => piece !== undefined);
  return all.length === count && all.every(({ ended }) => ended) ? all : undefined;
}

/** Reports the share of all work that is done, from the shares of its pieces. */
function createShares(
  study: Study,
  configuration: unknown,
  kept: readonly (KeptPiece | undefined)[],
  host: PieceHost,
): (index: number, share: number, label: string) => void {
  const weights = kept.map((_, index) => study.weight?.(configuration, index) ?? 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares: number[] = kept.map((piece) => (piece?.ended ? 1 : 0));
  let done = weights.reduce((sum, weight, index) => sum + weight * shares[index], 0);
  return (index, share, label) => {
    done += weights[index] * (share - shares[index]);
    shares[index] = share;
    host.progress(total > 0 ? done / total : 1, label);
  };
}
