// Kills the processes that compute a sweep with SIGKILL, at random moments, starts others, and compares what is collected with an
// undisturbed run, byte for byte: `node test/kill/sweep.mjs [kills] [processes at once]`. Ends with one line of counts.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wanted = Number(process.argv[2] ?? 200);
const lanes = Number(process.argv[3] ?? 2);
const program = fileURLToPath(new URL('../../packages/cli/bin/mesoscope.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'sweep-kill-'));
const mesoscope = (...words) =>
  execFileSync(process.execPath, [program, ...words], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const axis = (path) => ({ path, from: -1, to: 1, points: 2 });
writeFileSync(
  join(directory, 'sweep.json'),
  JSON.stringify({
    study: 'gaussian/phase',
    configuration: { x: axis('heads.0.B.0.0'), y: axis('W') },
    axes: [{ path: 'flow.horizon', from: 1, to: 3, count: 40 }],
    seeds: 3,
  }),
);

/** Bytes of the files that do not say when and where they were made. */
function collected(sweep) {
  mesoscope('sweep', 'collect', sweep, '--out', `${sweep}-table`);
  const names = ['table.csv', 'table.parquet', 'arrays.npz', 'figures.json'];
  return Buffer.concat(names.map((name) => readFileSync(join(directory, `${sweep}-table`, name))));
}

function start(words) {
  const child = spawn(process.execPath, [program, ...words], { cwd: directory, stdio: 'ignore' });
  const ended = new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, killed: signal === 'SIGKILL' }));
  });
  return { child, ended };
}

mesoscope('sweep', 'plan', 'sweep.json', '--out', 'straight', '--no-estimate');
const begin = performance.now();
mesoscope('sweep', 'run', 'straight', '--workers', '1', '--quiet');
const whole = performance.now() - begin;
const expected = collected('straight');

const found = { kills: 0, sweeps: 0, lost: 0, wrong: 0, leftovers: 0 };

/** One sweep by several processes, each killed again and again until the kills are spent. */
async function trial(number) {
  const sweep = `sweep-${number}`;
  mesoscope('sweep', 'plan', 'sweep.json', '--out', sweep, '--no-estimate');
  const left = () => {
    const { cells, done } = JSON.parse(mesoscope('sweep', 'status', sweep, '--json'));
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
  else if (!collected(sweep).equals(expected)) found.wrong++;
  mesoscope('sweep', 'run', sweep, '--quiet');
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
