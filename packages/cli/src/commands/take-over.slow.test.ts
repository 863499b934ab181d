import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Two processes of the built program on one partial folder, the second with --take-over. */

const program = fileURLToPath(new URL('../../bin/mesoscope.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'take-over-'));
const axis = (path: string) => ({ path, from: -1, to: 1, points: 5 });
writeFileSync(
  join(directory, 'grid.json'),
  JSON.stringify({ x: axis('heads.0.B.0.0'), y: axis('W') }),
);
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

function start(words: readonly string[]) {
  const child = spawn(process.execPath, [program, ...words, '--workers', '1'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, said }));
  return { child, ended };
}

const begin = (out: string) =>
  start(['study', 'gaussian/phase', '--config', 'grid.json', '--out', out]);
const takeOver = (out: string) => start(['study', '--resume', `${out}.partial`, '--take-over']);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

const names = (folder: string) =>
  readdirSync(join(directory, folder), { recursive: true }).map(String).sort();

/** All bytes of a bundle that hold no times, and what run.json says without them. */
function contentOf(out: string): readonly [string, string][] {
  const read = (name: string) => readFileSync(join(directory, out, name), 'latin1');
  const record = JSON.parse(read('run.json'));
  const said = JSON.stringify([record.configuration, record.headline, record.status, record.seed]);
  const files = names(out).filter((name) => /\.(npz|jsonl|svg|bib)$|figures\.json$/.test(name));
  return [['run.json', said], ...files.map((name): [string, string] => [name, read(name)])];
}

/** A process that is halted after its first piece, and one that has taken the run over from it. */
async function takenOver(out: string) {
  const partial = join(directory, `${out}.partial`);
  const first = begin(out);
  await until(() => existsSync(join(partial, 'pieces', '00000.bin')));
  first.child.kill('SIGSTOP');
  const second = takeOver(out);
  await until(() => !existsSync(partial) || existsSync(join(partial, 'lock.2')));
  return { first, second };
}

describe('a run that is taken over from a living process', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    expect((await begin('undisturbed').ended).code).toBe(0);
  }, 60_000);

  it('goes on there; the first says so, and stops', async () => {
    const { first, second } = await takenOver('awake');
    first.child.kill('SIGCONT');
    const [one, two] = await Promise.all([first.ended, second.ended]);
    expect(one.code).toBe(2);
    expect(one.said).toContain('another process has taken this run over');
    expect(one.said).not.toContain('Continue with');
    expect(two.code).toBe(0);
    expect(contentOf('awake')).toEqual(contentOf('undisturbed'));
    expect(existsSync(join(directory, 'awake.partial'))).toBe(false);
  });

  it('is not written to by the first where that wakes up after its end', async () => {
    const { first, second } = await takenOver('asleep');
    expect((await second.ended).code).toBe(0);
    const left = names('.');
    first.child.kill('SIGCONT');
    const { code, said } = await first.ended;
    expect(code).toBe(2);
    expect(said).toContain('another process has taken this run over');
    expect(names('.')).toEqual(left);
    expect(contentOf('asleep')).toEqual(contentOf('undisturbed'));
  });

  it('is kept from a second process that does not ask for it', async () => {
    const first = begin('held');
    await until(() => existsSync(join(directory, 'held.partial', 'pieces', '00000.bin')));
    first.child.kill('SIGSTOP');
    const { code, said } = await start(['study', '--resume', 'held.partial']).ended;
    expect(code).toBe(2);
    expect(said).toContain(`process ${first.child.pid} on`);
    expect(said).toContain('--take-over');
    first.child.kill('SIGCONT');
    expect((await first.ended).code).toBe(0);
    expect(contentOf('held')).toEqual(contentOf('undisturbed'));
  });
});
