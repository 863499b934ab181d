import { afterEach, expect, test, vi } from 'vitest';
import { JOB, PROGRAM } from '../heap/memory-map.ts';
import { loadKernels } from './module.ts';
import { startPool } from './pool.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A job whose only instruction no interpreter knows: every unit traps. */
async function poolWithBadJob(posting: (thread: number) => void) {
  const { module } = await loadKernels('strict', true);
  const memory = new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true });
  const words = new Int32Array(memory.buffer);
  words[PROGRAM / 4] = -1;
  words.set([2, 2, PROGRAM + 4, 0, PROGRAM + 65536, 4096], JOB / 4);
  return startPool(1, module, memory, { workF64: posting }, 'workF64');
}

test('a kernel that traps on a worker ends the run with an error, and all later runs', async () => {
  // The posting thread takes part in nothing, so that the worker gets the units.
  const pool = await poolWithBadJob(() => {});
  expect(() => pool.run(2)).toThrow('worker thread was lost');
  expect(() => pool.run(2)).toThrow('worker thread was lost');
  pool.dispose();
});

test('a kernel that traps on the posting thread ends the run with an error', async () => {
  const pool = await poolWithBadJob(() => {
    throw new WebAssembly.RuntimeError('unreachable');
  });
  expect(() => pool.run(2)).toThrow('unreachable');
});

/** `(module (func (loop (br 0))) (start 0))`: its instances are never done. */
const endless = Buffer.from(
  '0061736d01000000' + '010401600000' + '03020100' + '080100' + '0a0901070003400c000b0b',
  'hex',
);

test('workers that never start are given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const memory = new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true });
  const pool = startPool(1, new WebAssembly.Module(endless), memory, {}, 'workF64');
  const refused = expect(pool).rejects.toThrow('no worker thread in 20000 ms');
  await vi.advanceTimersByTimeAsync(20000);
  await refused;
});
