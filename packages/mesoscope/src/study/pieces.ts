import type { Checkpoint, PieceContext, StudyContext } from './study.ts';

export interface PieceWork<Piece> {
  /** What is known already, by index; undefined where a piece is still to be computed. Filled in place. */
  readonly pieces: (Piece | undefined)[];
  /** As the study's `piece`. */
  compute(index: number, context: PieceContext): Piece | Promise<Piece>;
  /** What a piece is called while it is computed. */
  label(index: number): string;
  /** The state with the pieces that are there. */
  checkpoint(): Checkpoint;
}

/**
 * Computes the missing pieces of a study on the threads of its host, or one after the other where the host has none. The pieces are
 * the same on any number of threads. After each there is a checkpoint; after an abort the pieces under way are finished
 * and no other is begun.
 *
 * @returns whether all pieces are there
 * @throws MesoscopeError what a piece throws
 */
export async function computePieces<Piece>(
  { backend, pool, signal, progress, checkpoint }: StudyContext,
  work: PieceWork<Piece>,
): Promise<boolean> {
  const { pieces } = work;
  const missing = Array.from(pieces.keys()).filter((index) => pieces[index] === undefined);
  const shares = new Map<number, number>();
  const report = (index: number, share: number) => {
    shares.set(index, share);
    let done = pieces.length - missing.length;
    for (const one of shares.values()) done += one;
    progress(done, pieces.length, work.label(index));
  };
  const compute = (index: number) => {
    const share = (value: number) => report(index, value);
    return pool === undefined
      ? backend.scopedAsync(async () => work.compute(index, { backend, progress: share }))
      : (pool.compute(index, share) as Promise<Piece>);
  };
  let next = 0;
  const chain = async () => {
    while (next < missing.length && signal?.aborted !== true) {
      const index = missing[next++];
      report(index, 0);
      pieces[index] = await compute(index);
      report(index, 1);
      await checkpoint(work.checkpoint);
      // Lets a host without checkpoints draw, and see an interrupt.
      await new Promise((resume) => setTimeout(resume, 0));
    }
  };
  await Promise.all(Array.from({ length: pool?.size ?? 1 }, chain));
  return pieces.every((piece) => piece !== undefined);
}
