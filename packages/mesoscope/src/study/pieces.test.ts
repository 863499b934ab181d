import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { computePieces, type KeptPiece, type PieceHost } from './pieces.ts';
import { runStudy } from './run-here.ts';
import type { Study } from './study.ts';

const schema = z.strictObject({ seed: z.int().default(1), count: z.int().default(3) });
type Configuration = z.infer<typeof schema>;

/** Squares, and the sum of all pieces before where `needs` asks for it. */
const squares: Study<Configuration, number> = {
  name: 'test/squares',
  title: 'Squares',
  description: 'Squares.',
  schema,
  pieces: ({ count }) => count,
  label: (_, index) => `square ${index}`,
  piece: (_, { index }) => index * index,
  milestone: (_, pieces, index) => (index === 1 ? `1 of ${pieces.length} squared` : undefined),
  finish: (_, pieces) => ({
    claims: [],
    sections: [],
    arrays: {},
    headline: { sum: pieces.reduce((sum, one) => sum + one, 0) },
    status: { kind: 'completed', message: 'done' },
  }),
};

/** A host of so many threads on which later pieces end sooner. */
function hostOf(size: number, more: Partial<PieceHost> = {}) {
  const kept = new Map<number, KeptPiece>();
  const begun: number[] = [];
  const lines: string[] = [];
  let busy = 0;
  const seen = { most: 0, share: 0 };
  const host: PieceHost = {
    size,
    async compute({ index }) {
      begun.push(index);
      seen.most = Math.max(seen.most, ++busy);
      await new Promise((resume) => setTimeout(resume, 20 - 2 * index));
      busy--;
      return index * index;
    },
    kept: (index) => kept.get(index),
    keep: (index, piece) => void kept.set(index, piece),
    progress: (share) => {
      seen.share = share;
    },
    metric: () => {},
    log: (line) => void lines.push(line),
    ...more,
  };
  return { host, kept, begun, lines, seen };
}

const ended = (result: unknown): KeptPiece => ({ metrics: [], seconds: 1, ended: true, result });
const resultsOf = (pieces: readonly KeptPiece[] | undefined) => pieces?.map(({ result }) => result);

describe('pieces of a study', () => {
  it('keep all threads busy and come out at their places', async () => {
    const { host, seen, lines } = hostOf(3);
    const pieces = await computePieces(squares as Study, { seed: 1, count: 7 }, host);
    expect(resultsOf(pieces)).toEqual([0, 1, 4, 9, 16, 25, 36]);
    expect(seen.most).toBe(3);
    expect(seen.share).toBeCloseTo(1, 12);
    expect(lines).toEqual(['1 of 7 squared']);
  });

  it('are not computed again where they are kept', async () => {
    const { host, kept, begun } = hostOf(1);
    kept.set(1, ended(1));
    const pieces = await computePieces(squares as Study, { seed: 1, count: 3 }, host);
    expect(begun).toEqual([0, 2]);
    expect(resultsOf(pieces)).toEqual([0, 1, 4]);
  });

  it('wait for those they need, and are given their results', async () => {
    const given: (readonly unknown[])[] = [];
    const { host } = hostOf(4, {
      async compute({ index, needed }) {
        given[index] = needed;
        return index + 10;
      },
    });
    const needy: Study<Configuration, number> = {
      ...squares,
      needs: (_, index) => (index === 0 ? [] : [0, index - 1]),
    };
    await computePieces(needy as Study, { seed: 1, count: 3 }, host);
    expect(given).toEqual([[], [10, 10], [10, 11]]);
  });

  it('run alone where they are wide', async () => {
    const beside: number[] = [];
    let busy = 0;
    const { host } = hostOf(3, {
      async compute({ index, wide }) {
        busy++;
        await new Promise((resume) => setTimeout(resume, 3));
        if (wide) beside.push(busy);
        busy--;
        return index;
      },
    });
    const wide: Study<Configuration, number> = { ...squares, wide: (_, index) => index === 2 };
    await computePieces(wide as Study, { seed: 1, count: 5 }, host);
    expect(beside).toEqual([1]);
  });

  it('begin no other once told to stop', async () => {
    const stop = new AbortController();
    const { host, kept } = hostOf(1, {
      signal: stop.signal,
      async compute({ index }) {
        if (index === 1) stop.abort();
        return index;
      },
    });
    expect(await computePieces(squares as Study, { seed: 1, count: 5 }, host)).toBeUndefined();
    expect([...kept.keys()]).toEqual([0, 1]);
  });

  it('hand on what a piece throws, once the others have ended', async () => {
    const { host, kept } = hostOf(2, {
      async compute({ index }) {
        if (index === 0) throw new Error('boom');
        await new Promise((resume) => setTimeout(resume, 5));
        return index;
      },
    });
    await expect(computePieces(squares as Study, { seed: 1, count: 9 }, host)).rejects.toThrow(
      'boom',
    );
    expect([...kept.keys()]).toEqual([1]);
  });
});

describe('a piece with states', () => {
  const backend = createReferenceBackend();
  /** Counts to `count`, and can be continued after every step. */
  const counting: Study<Configuration, number> = {
    ...squares,
    pieces: () => 1,
    async piece({ count }, context) {
      let step = (context.resume as number | undefined) ?? 0;
      while (step < count) {
        step++;
        context.metric({ step });
        await context.checkpoint(() => step);
      }
      return step;
    },
  };

  it('goes on from where it was interrupted, with the same metrics', async () => {
    const kept = new Map<number, KeptPiece>();
    const stop = new AbortController();
    const configuration = { seed: 1, count: 5 };
    const first = await runStudy(counting, configuration, {
      backend,
      kept,
      signal: stop.signal,
      metric: ({ step }) => {
        if (step === 3) stop.abort();
      },
    });
    expect(first).toBeUndefined();
    expect(kept.get(0)).toMatchObject({ ended: false, state: 3 });
    const result = await runStudy(counting, configuration, { backend, kept });
    expect(result?.headline).toEqual({ sum: 5 });
    expect(kept.get(0)?.metrics).toEqual([1, 2, 3, 4, 5].map((step) => ({ step })));
  });
});
