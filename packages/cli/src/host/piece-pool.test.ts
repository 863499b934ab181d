import { createReferenceBackend, MesoscopeError, parseConfiguration, studyByName } from 'mesoscope';
import { afterEach, expect, it } from 'vitest';
import type { Execution } from './backend.ts';
import { createPiecePool, type ThreadPool } from './piece-pool.ts';

const execution: Execution = { backend: 'wasm', precision: 'f64', workers: 2 };
const phase = studyByName('gaussian/phase');

let pool: ThreadPool | undefined;
afterEach(() => pool?.dispose());

function poolOf(given: object): { pool: ThreadPool; configuration: unknown } {
  const configuration = parseConfiguration(phase.schema, given);
  pool = createPiecePool({ study: phase.name, configuration, execution });
  return { pool, configuration };
}

const axis = (path: string) => ({ path, from: -1, to: 1, points: 4 });

it('computes pieces on threads, as they come out here', { timeout: 30_000 }, async () => {
  const { pool, configuration } = poolOf({ x: axis('heads.0.B.0.0'), y: axis('W') });
  expect(pool.size).toBe(2);
  const backend = createReferenceBackend();
  const here = [0, 1, 6].map((index) =>
    phase.piece?.(configuration, index, { backend, progress: () => {} }),
  );
  const there = await Promise.all([0, 1].map((index) => pool.compute(index, () => {})));
  // The third waits for no thread: one of the two is free again.
  there.push(await pool.compute(6, () => {}));
  expect(there).toEqual(here);
});

it('tells how far a piece is', { timeout: 30_000 }, async () => {
  const narrow = { name: 'narrow', layers: 2, dimension: 12, heads: 3, hidden: 24 };
  const study = studyByName('gaussian/transformers');
  const given = { shapes: [narrow], prescribed: narrow, tokens: 16 };
  const configuration = parseConfiguration(study.schema, given);
  pool = createPiecePool({ study: study.name, configuration, execution });
  const shares: number[] = [];
  await pool.compute(0, (share) => shares.push(share));
  expect(shares).toEqual([0, 0.5, 1]);
});

it('hands on what a piece refuses, with its fault, and goes on', { timeout: 30_000 }, async () => {
  const { pool } = poolOf({ x: axis('heads.7.B'), y: axis('W') });
  for (const index of [0, 1]) {
    const refusal = await pool.compute(index, () => {}).catch((cause: unknown) => cause);
    expect(refusal).toBeInstanceOf(MesoscopeError);
    expect((refusal as MesoscopeError).fault).toMatchObject({
      code: 'unknown-name',
      received: '7',
    });
  }
});

it('fails the pieces under way when a thread dies', { timeout: 30_000 }, async () => {
  const { pool } = poolOf({ x: { ...axis('heads.0.B.0.0'), points: 400 }, y: axis('W') });
  const under = pool.compute(0, () => {});
  await Promise.all([expect(under).rejects.toThrow(), pool.dispose()]);
});
