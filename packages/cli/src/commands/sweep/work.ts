import { MesoscopeError } from 'mesoscope';
import type { Environment } from '../../environment.ts';
import { workOnQueue } from '../../sweep/queue.ts';
import { runCells, type SweepRunOptions } from './run.ts';

/** `mesoscope sweep work <folder> --queue redis://…`: cells from a queue, as one of any number of workers. */
export async function workCommand(
  path: string,
  options: SweepRunOptions & { readonly queue?: string },
  environment: Environment,
): Promise<number> {
  const { queue } = options;
  if (queue === undefined) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: '--queue',
      received: null,
      expected: 'the address of a Redis or Valkey server, as redis://localhost:6379',
      wayOut: 'Without a queue: mesoscope sweep run.',
    });
  }
  return runCells(path, options, environment, {
    rounds: true,
    compute: (folder, record, cells, computing) =>
      workOnQueue(folder, record, cells, queue, computing),
  });
}
