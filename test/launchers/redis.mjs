// A sweep computed by workers that share a queue in Redis, some of them killed with SIGKILL and Redis itself stopped for a while,
// against an undisturbed run, byte for byte: `node test/launchers/redis.mjs [kills]`. Needs redis-server or valkey-server; ends
// with status 77 where there is none.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collected, planned, program, run, stateOf } from './sweeps.mjs';

const wanted = Number(process.argv[2] ?? 4);
const server = ['redis-server', 'valkey-server'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
if (server === undefined) {
  console.log('skipped: neither redis-server nor valkey-server is installed');
  process.exit(77);
}
const directory = mkdtempSync(join(tmpdir(), 'redis-'));
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
const startServer = () =>
  spawn(
    server,
    [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--appendonly',
      'yes',
      '--loglevel',
      'warning',
    ],
    {
      stdio: 'ignore',
    },
  );
let redis = startServer();
const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));
await pause(1000);

planned(directory, 'straight');
run(directory, 'run', 'straight', '--quiet');
const expected = collected(directory, 'straight');

planned(directory, 'queued');
let kills = 0;
let lost = 0;
const worker = async () => {
  for (;;) {
    const words = [
      'sweep',
      'work',
      'queued',
      '--queue',
      `redis://127.0.0.1:${port}`,
      '--workers',
      '1',
      '--quiet',
    ];
    const child = spawn(process.execPath, [program, ...words], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const timer =
      kills < wanted && setTimeout(() => child.kill('SIGKILL'), 1500 + Math.random() * 3000);
    const { code, signal } = await new Promise((resolve) => {
      child.on('close', (ended, by) => resolve({ code: ended, signal: by }));
    });
    clearTimeout(timer);
    if (signal === 'SIGKILL') kills++;
    else {
      if (code !== 0) lost++;
      return;
    }
  }
};
const interrupted = (async () => {
  await pause(4000);
  redis.kill('SIGTERM');
  await pause(3000);
  redis = startServer();
})();
await Promise.all([worker(), worker(), interrupted]);
const { cells, done, conflicts } = stateOf(directory, 'queued');
const same = done === cells && collected(directory, 'queued').equals(expected);
redis.kill('SIGKILL');
rmSync(directory, { recursive: true, force: true });
console.log(
  `${kills} kills, ${done} of ${cells} cells, ${lost} lost, ${conflicts} conflicts, ${same ? 'the same table' : 'ANOTHER TABLE'}`,
);
process.exitCode = same && lost === 0 && conflicts === 0 ? 0 : 1;
