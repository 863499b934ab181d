import { MesoscopeError } from 'mesoscope';
import { parseConfiguration } from 'mesoscope/configuration';
import { createReferenceBackend } from 'mesoscope/kernels';
import { studyByName } from 'mesoscope/study';
import { afterEach, expect, it } from 'vitest';
import type { PieceJob } from './thread-message.ts';
import { type PieceThreads, startThreads } from './threads.ts';

const phase = studyByName('gaussian/phase');
const events = { progress: () => {}, metric: () => {}, state: () => {} };
const order = (index: number) => ({ index, wide: false, needed: [] });

let threads: PieceThreads | undefined;
afterEach(() => threads?.dispose());

async function start(study: string, given: object, pieces = 3) {
  const configuration = parseConfiguration(studyByName(study).schema, given);
  const execution = { backend: 'wasm', precision: 'f64', workers: 2 } as const;
  const job: PieceJob = { study, configuration, execution, directory: '.', modules: [] };
  threads = await startThreads(job, pieces);
  return { threads, configuration };
}

const axis = (path: string) => ({ path, from: -1, to: 1, points: 4 });
const diagram = { x: axis('heads.0.B.0.0'), y: axis('W') };

it('computes pieces on threads, as they come out here', { timeout: 30_000 }, async () => {
  const { threads, configuration } = await start('gaussian/phase', diagram);
  expect(threads.size).toBe(2);
  const context = {
    backend: createReferenceBackend(),
    needed: [],
    progress: () => {},
    metric: () => {},
    corpus: () => Promise.reject(new Error('none')),
    images: () => Promise.reject(new Error('none')),
    trainedModel: () => Promise.reject(new Error('none')),
    checkpoint: async () => {},
  };
  const here = [0, 1, 6].map((index) => phase.piece(configuration, { ...context, index }));
  // The third waits for no thread: one of the two is free again.
  const there = await Promise.all([0, 1, 6].map((index) => threads.compute(order(index), events)));
  expect(there).toEqual(here);
});

it('tells how far a piece is, in order', { timeout: 30_000 }, async () => {
  const narrow = { name: 'narrow', layers: 2, dimension: 12, heads: 3, hidden: 24 };
  const given = { shapes: [narrow], prescribed: narrow, tokens: 16 };
  const { threads } = await start('gaussian/transformers', given);
  const shares: number[] = [];
  await threads.compute(order(0), { ...events, progress: (share) => shares.push(share) });
  // Shares come no oftener than they can be shown.
  expect(shares[0]).toBe(0);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
});

it('hands on what a piece refuses, with its fault, and goes on', { timeout: 30_000 }, async () => {
  const { threads } = await start('gaussian/phase', { x: axis('heads.7.B'), y: axis('W') });
  for (const index of [0, 1]) {
    const refusal = await threads.compute(order(index), events).catch((cause: unknown) => cause);
    expect(refusal).toBeInstanceOf(MesoscopeError);
    expect((refusal as MesoscopeError).fault).toMatchObject({
      code: 'unknown-name',
      received: '7',
    });
  }
});

it('ends a piece that comes to no state, within two seconds', { timeout: 30_000 }, async () => {
  const wide = { name: 'wide', layers: 40, dimension: 256, heads: 4, hidden: 1024 };
  const given = { shapes: [wide], prescribed: wide, tokens: 512 };
  const { threads } = await start('gaussian/transformers', given);
  const under = threads.compute(order(0), events).catch((cause: unknown) => cause);
  await new Promise((resume) => setTimeout(resume, 800));
  const asked = performance.now();
  threads.stop();
  expect(await under).toMatchObject({ name: 'Interrupted' });
  expect(performance.now() - asked).toBeLessThan(4000);
});
