// Kills the processes that compute a sweep with SIGKILL, at random moments, starts others, and compares what is collected with an
// undisturbed run, byte for byte: `node test/kill/sweep.mjs [kills] [processes at once]`. Ends with one line of counts.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collected, planned, program, run, stateOf } from '../launchers/sweeps.mjs';

const wanted = Number(process.argv[2] ?? 200);
const lanes = Number(process.argv[3] ?? 2);
const directory = mkdtempSync(join(tmpdir(), 'sweep-kill-'));

function start(words) {
  const child = spawn(process.execPath, [program, ...words], { cwd: directory, stdio: 'ignore' });
  const ended = new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, killed: signal === 'SIGKILL' }));
  });
  return { child, ended };
}

planned(directory, 'straight');
const begin = performance.now();
run(directory, 'run', 'straight', '--workers', '1', '--quiet');
const whole = performance.now() - begin;
const expected = collected(directory, 'straight');

const found = { kills: 0, sweeps: 0, lost: 0, wrong: 0, leftovers: 0 };

/** One sweep by several processes, each killed again and again until the kills are spent. */
async function trial(number) {
  const sweep = `sweep-${number}`;
  planned(directory, sweep);
  const left = () => {
    const { cells, done } = stateOf(directory, sweep);
    return cells - done;
  };
  const lane = async () => {
    for (;;) {
      const { child, ended } = start(['sweep', 'run', sweep, '--workers', '1', '--quiet']);
      // A start takes half a second; most kills come while cells are computed.
      const timer =
        found.kills < wanted &&
        setTimeout(() => child.kill('SIGKILL'), Math.random() * Math.min(whole, 2500));
      const { code, killed } = await ended;
      clearTimeout(timer);
      if (killed) found.kills++;
      else {
        if (code !== 0) found.lost++;
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (left() > 0) found.lost++;
  else if (!collected(directory, sweep).equals(expected)) found.wrong++;
  run(directory, 'run', sweep, '--quiet');
  const inside = readdirSync(join(directory, sweep));
  const stray = [
    ...inside.filter((name) => name === 'conflicts' || name.endsWith('.tmp')),
    ...readdirSync(join(directory, sweep, 'tmp')),
  ];
  if (stray.length > 0) found.leftovers++;
  found.sweeps++;
  rmSync(join(directory, sweep), { recursive: true });
}

for (let number = 1; found.kills < wanted; number++) await trial(number);
rmSync(directory, { recursive: true });
console.log(
  Object.entries(found)
    .map(([name, count]) => `${count} ${name}`)
    .join(', '),
);
process.exitCode = found.lost + found.wrong + found.leftovers > 0 ? 1 : 0;
