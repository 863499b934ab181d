// A sweep computed by a job array of Slurm on this machine, with shards killed by SIGKILL and sent off again, against an
// undisturbed run, byte for byte: `node test/launchers/slurm.mjs [kills]`. Needs slurmctld, slurmd and munged, and root; ends with
// status 77 where they are not there.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { collected, planned, run, stateOf } from './sweeps.mjs';

const wanted = Number(process.argv[2] ?? 4);
const needed = ['slurmctld', 'slurmd', 'munged', 'mungekey', 'sbatch'];
const there = ['/usr/sbin', '/usr/bin'];
const missing = needed.filter((name) => !there.some((folder) => existsSync(join(folder, name))));
if (missing.length > 0 || process.getuid?.() !== 0) {
  console.log(
    `skipped: ${missing.length > 0 ? `${missing.join(', ')} not installed` : 'not root'}`,
  );
  process.exit(77);
}
const directory = mkdtempSync(join(tmpdir(), 'slurm-'));
const at = (name) => join(directory, name);
for (const name of ['state', 'spool']) mkdirSync(at(name));
writeFileSync(
  at('slurm.conf'),
  `ClusterName=one
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${at('munge.socket')}
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('slurmctld.pid')}
SlurmdPidFile=${at('slurmd.pid')}
SlurmctldLogFile=${at('slurmctld.log')}
SlurmdLogFile=${at('slurmd.log')}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmctldPort=26817
SlurmdPort=26818
NodeName=${hostname()} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=${hostname()} Default=YES MaxTime=INFINITE State=UP
`,
);
const env = { ...process.env, SLURM_CONF: at('slurm.conf') };
const daemons = [];
const daemon = (name, ...words) => {
  const child = spawn(name, words, { env, stdio: 'ignore' });
  daemons.push(child);
  return child;
};
const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));
const end = (text, isFine) => {
  for (const child of daemons.reverse()) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
  console.log(text);
  process.exit(isFine ? 0 : 1);
};

execFileSync('mungekey', ['--create', '--keyfile', at('munge.key')]);
daemon(
  'munged',
  '--foreground',
  '--force',
  '--key-file',
  at('munge.key'),
  '--socket',
  at('munge.socket'),
  '--pid-file',
  at('munged.pid'),
  '--log-file',
  at('munged.log'),
  '--seed-file',
  at('munged.seed'),
);
await pause(1000);
daemon('slurmctld', '-D', '-f', at('slurm.conf'));
daemon('slurmd', '-D', '-f', at('slurm.conf'));
for (let second = 0; ; second++) {
  const { stdout = '' } = spawnSync('sinfo', ['-h', '-o', '%t'], { env, encoding: 'utf8' });
  if (/idle/.test(stdout ?? '')) break;
  if (second === 60)
    end(`Slurm did not start: ${readFileSync(at('slurmctld.log'), 'utf8').slice(-2000)}`, false);
  await pause(1000);
}

planned(directory, 'straight');
run(directory, 'run', 'straight', '--quiet');
const expected = collected(directory, 'straight');
planned(directory, 'array');
writeFileSync(
  at('job.sh'),
  run(directory, 'emit', 'slurm', 'array', '--shards', '6', '--parallel', '2', '--time', '10:00'),
);
let kills = 0;
let sent = 0;
for (; stateOf(directory, 'array').waiting > 0 && sent < 10 + wanted; sent++) {
  const job = spawn('sbatch', ['--wait', 'job.sh'], {
    cwd: directory,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => job.on('close', resolve));
  const timer = setInterval(() => {
    if (kills >= wanted || Math.random() < 0.5) return;
    const { status } = spawnSync('pkill', ['-KILL', '-o', '-f', 'sweep shard .*array --index']);
    if (status === 0) kills++;
  }, 1000);
  await ended;
  clearInterval(timer);
}
const { cells, done, conflicts } = stateOf(directory, 'array');
const same = done === cells && collected(directory, 'array').equals(expected);
end(
  `${kills} kills, ${sent} job arrays, ${done} of ${cells} cells, ${conflicts} conflicts, ${same ? 'the same table' : 'ANOTHER TABLE'}`,
  same && conflicts === 0,
);
