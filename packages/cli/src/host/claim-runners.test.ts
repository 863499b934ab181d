import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../bin/mesoscope.js', import.meta.url));

/** Runs the built program, whose threads are files; `npm test` builds it first. */
async function verify(...options: string[]) {
  const claims = ['verify', 'A.terminal-costate', 'C.blow-up', 'C.rank', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...claims, ...options]);
  const document = JSON.parse(stdout) as { claims: Record<string, unknown>[] };
  return document.claims.map(({ seconds: _, ...claim }) => claim);
}

it('gives the same numbers in the same order on one thread and on several', async () => {
  const [alone, shared] = await Promise.all([verify('--workers', '1'), verify('--workers', '2')]);
  expect(alone.map(({ id }) => id)).toEqual(['A.terminal-costate', 'C.rank', 'C.blow-up']);
  expect(shared).toEqual(alone);
});
