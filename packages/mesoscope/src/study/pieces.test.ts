import { describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { computePieces } from './pieces.ts';
import type { PiecePool, StudyContext } from './study.ts';

const unused = () => Promise.reject(new Error('none'));

function contextWith(given: Partial<StudyContext>): StudyContext {
  return {
    backend: createReferenceBackend(),
    corpus: unused,
    images: unused,
    metric: () => {},
    progress: () => {},
    checkpoint: () => Promise.resolve(),
    ...given,
  };
}

/** Squares; `computed` lists the indices in the order in which they were begun. */
function squares(known: (number | undefined)[]) {
  const computed: number[] = [];
  const compute = (index: number) => {
    computed.push(index);
    return index * index;
  };
  const work = {
    pieces: known,
    compute,
    label: (index: number) => `square ${index}`,
    checkpoint: () => ({ meta: { done: known.filter((x) => x !== undefined).length }, arrays: {} }),
  };
  return { work, computed };
}

const missing = (count: number) => new Array<number | undefined>(count).fill(undefined);

describe('pieces of a study', () => {
  it('are computed in order without a pool, with progress and a checkpoint after each', async () => {
    const { work, computed } = squares(missing(3));
    const progress: [number, number, string][] = [];
    const saved: unknown[] = [];
    const context = contextWith({
      progress: (done, total, label) => progress.push([done, total, label]),
      checkpoint: async (make) => {
        saved.push(make().meta.done);
      },
    });
    expect(await computePieces(context, work)).toBe(true);
    expect(work.pieces).toEqual([0, 1, 4]);
    expect(computed).toEqual([0, 1, 2]);
    expect(saved).toEqual([1, 2, 3]);
    expect(progress[0]).toEqual([0, 3, 'square 0']);
    expect(progress.at(-1)).toEqual([3, 3, 'square 2']);
  });

  it('are not computed again where they are known', async () => {
    const { work, computed } = squares([undefined, 1, undefined]);
    await computePieces(contextWith({}), work);
    expect(computed).toEqual([0, 2]);
    expect(work.pieces).toEqual([0, 1, 4]);
  });

  it('keep as many threads busy as the pool has, and come out at their places', async () => {
    const { work, computed } = squares(missing(7));
    let busy = 0;
    let most = 0;
    const pool: PiecePool = {
      size: 3,
      async compute(index) {
        busy++;
        most = Math.max(most, busy);
        // The later the piece, the sooner it is there.
        await new Promise((resume) => setTimeout(resume, 30 - 4 * index));
        busy--;
        return index * index;
      },
    };
    expect(await computePieces(contextWith({ pool }), work)).toBe(true);
    expect(work.pieces).toEqual([0, 1, 4, 9, 16, 25, 36]);
    expect(most).toBe(3);
    expect(computed).toEqual([]);
  });

  it('stop after the one under way when told to', async () => {
    const stop = new AbortController();
    const { work } = squares(missing(5));
    const context = contextWith({
      signal: stop.signal,
      progress: (done) => {
        if (done === 2) stop.abort();
      },
    });
    expect(await computePieces(context, work)).toBe(false);
    expect(work.pieces).toEqual([0, 1, undefined, undefined, undefined]);
  });

  it('hand on what a piece throws', async () => {
    const { work } = squares(missing(2));
    const compute = () => {
      throw new Error('boom');
    };
    await expect(computePieces(contextWith({}), { ...work, compute })).rejects.toThrow('boom');
  });
});
