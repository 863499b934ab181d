import { MesoscopeError } from 'mesoscope';
import { sweepColumns } from 'mesoscope/study';
import { hashOf } from '../input/hash.ts';
import { type ComputeOptions, type Counts, labelOf, startKeeper } from './compute.ts';
import type { SweepFolder, SweepRecord } from './folder.ts';
import type { PlannedCell } from './plan.ts';

/** Milliseconds between two looks at whether the queue is empty. */
const look = 500;

/** Milliseconds without an answer from Redis after which a worker gives up. */
const patience = 60_000;

/** Seconds for which the queue remembers a cell that has ended, so that no worker adds it again. */
const memory = 7 * 86_400;

/**
 * Computes cells as one of any number of workers, on any number of machines, that share a queue in Redis (BullMQ). Cells are
 * computed on threads, so that this thread renews the locks of its jobs; a cell of a worker that was killed goes to another once its
 * lock has run out.
 *
 * @returns once the queue is empty
 * @throws MesoscopeError `unsupported` without bullmq, `file` where Redis does not answer
 */
export async function workOnQueue(
  folder: SweepFolder,
  record: SweepRecord,
  cells: readonly PlannedCell[],
  address: string,
  options: ComputeOptions & { ended(done: number, label: string): void; log(line: string): void },
): Promise<Counts> {
  const { Queue, Worker } = await loadQueue();
  const url = redisAddress(address);
  const name = `mesoscope-${hashOf([record.plans, record.kernels, record.version], 16)}`;
  const connection = { url, maxRetriesPerRequest: null };
  const counts: Counts = { done: 0, differs: 0, failed: 0, stopped: 0 };
  const columns = sweepColumns(record.sweep);
  const keeper = startKeeper(folder, record, options);
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  let silentSince: number | undefined;
  let fault: unknown;
  let done = 0;
  const queue = new Queue(name, { connection });
  const worker = new Worker(
    name,
    async ({ id = '' }) => {
      const cell = byId.get(id);
      if (cell === undefined || folder.has(id)) return;
      try {
        const end = await keeper.compute(cell);
        counts[end]++;
        options.ended(++done, labelOf(columns, cell));
        if (end === 'stopped') throw new Error('the worker was stopped');
      } catch (cause) {
        if (!options.signal.aborted) fault ??= cause;
        throw cause;
      }
    },
    { connection, concurrency: options.workers, maxStalledCount: 1000, autorun: false },
  );
  const heard = (cause: Error) => {
    if (silentSince === undefined)
      options.log(`Redis does not answer (${cause.message}); trying again …`);
    silentSince ??= performance.now();
  };
  queue.on('error', heard);
  worker.on('error', heard);
  const isSilent = () => silentSince !== undefined && performance.now() - silentSince > patience;
  try {
    await within(queue.waitUntilReady(), address);
    await worker.waitUntilReady();
    const waiting = cells.filter(({ id }) => !folder.has(id));
    for (let i = 0; i < waiting.length; i += 1000) {
      await queue.addBulk(
        waiting.slice(i, i + 1000).map(({ id }) => ({
          name: 'cell',
          data: {},
          opts: { jobId: id, attempts: 100, backoff: 1000, removeOnComplete: { age: memory } },
        })),
      );
    }
    void worker.run().catch(heard);
    for (;;) {
      await new Promise((resume) => setTimeout(resume, look));
      if (options.signal.aborted || fault !== undefined) break;
      if (isSilent()) throw silent(address);
      const left = await Promise.race([
        queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized'),
        later(),
      ]);
      if (left === undefined) continue;
      silentSince = undefined;
      if (left === 0) break;
    }
    if (fault !== undefined) throw fault;
    return counts;
  } finally {
    await keeper.dispose();
    await Promise.race([Promise.all([worker.close(true), queue.close()]), later()]);
    queue.disconnect().catch(() => {});
  }
}

function later(): Promise<undefined> {
  return new Promise((resume) => setTimeout(() => resume(undefined), 5000).unref());
}

async function within(ready: Promise<unknown>, address: string): Promise<void> {
  const answered = await Promise.race([ready.then(() => true), later()]);
  if (answered !== true) throw silent(address);
}

function silent(address: string): MesoscopeError {
  return new MesoscopeError({
    code: 'file',
    path: address,
    reason: 'Redis does not answer there',
    wayOut:
      'Start it or check the address; what is done is kept, and `mesoscope sweep work` goes on.',
  });
}

/** @throws MesoscopeError `invalid-value` */
function redisAddress(address: string): string {
  if (/^rediss?:\/\/[^\s]+$/.test(address)) return address;
  throw new MesoscopeError({
    code: 'invalid-value',
    path: '--queue',
    received: address,
    expected: 'the address of a Redis or Valkey server, as redis://localhost:6379',
  });
}

async function loadQueue(): Promise<typeof import('bullmq')> {
  try {
    return await import('bullmq');
  } catch {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'a queue in Redis',
      by: 'mesoscope without the package bullmq',
      wayOut: 'Install it beside mesoscope-cli: npm install bullmq ioredis.',
    });
  }
}
