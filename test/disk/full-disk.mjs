// Fills a small disk before every call of the program that changes it, from the first on to the last of the bundle: nothing
// computed may be lost, and what the program says must be true: `node test/disk/full-disk.mjs`. Ends with one line of
// counts, with status 77 where no disk of its own can be mounted (not root, no tmpfs).
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../packages/cli/bin/mesoscope.js', import.meta.url));
const filling = fileURLToPath(new URL('./fill-at-call.mjs', import.meta.url));
const disk = mkdtempSync(join(tmpdir(), 'disk-'));
try {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
} catch {
  console.log('skipped: a tmpfs can be mounted by root only');
  process.exit(77);
}

const axis = (path) => ({ path, from: -1, to: 1, points: 2 });
const configuration = { x: axis('heads.0.B.0.0'), y: axis('W') };
writeFileSync(join(disk, 'grid.json'), JSON.stringify(configuration));

function run(words, fillAt) {
  const loaded = fillAt === undefined ? [] : ['--import', filling];
  const { status, stderr } = spawnSync(process.execPath, [...loaded, program, ...words], {
    cwd: disk,
    env: { ...process.env, FILL_AT_CALL: String(fillAt), FILL_FOLDER: disk },
    encoding: 'utf8',
  });
  return { status, stderr };
}

const start = (out) => [
  'study',
  'gaussian/phase',
  '--config',
  'grid.json',
  '--out',
  out,
  '--workers',
  '1',
];
const there = (name) => existsSync(join(disk, name));
const empty = (name) => rmSync(join(disk, name), { recursive: true, force: true });

/** What a bundle says, without times. */
function contentOf(bundle) {
  const record = JSON.parse(readFileSync(join(disk, bundle, 'run.json'), 'utf8'));
  const arrays = createHash('sha256').update(readFileSync(join(disk, bundle, 'arrays.npz')));
  return JSON.stringify([record.configuration, record.headline, arrays.digest('hex')]);
}

const found = { calls: 0, refused: 0, resumed: 0, finished: 0, wrong: 0 };
const complain = (sentence, told) => {
  found.wrong++;
  console.error(`${sentence}\n${told}`);
};

try {
  run(start('straight'));
  const expected = contentOf('straight');
  for (let call = 1; ; call++) {
    empty('run');
    const { status, stderr } = run(start('run'), call);
    const filled = there('filler');
    empty('filler');
    if (!filled) break;
    found.calls++;
    if (there('run')) {
      if (status === 0 && contentOf('run') === expected && !there('run.partial')) found.finished++;
      else complain(`call ${call}: a bundle that is not whole`, stderr);
      continue;
    }
    if (status !== 2 || !/no space is left/.test(stderr)) {
      complain(`call ${call}: status ${status}`, stderr);
    } else if (there('run.partial')) {
      const told = stderr.includes('Continue with: mesoscope study --resume run.partial');
      const again = run(['study', '--resume', 'run.partial']);
      if (told && again.status === 0 && contentOf('run') === expected) found.resumed++;
      else complain(`call ${call}: cannot be continued`, `${stderr}${again.stderr}`);
    } else if (stderr.includes('to run')) {
      // Only a run that has begun says where it goes; one that kept nothing has not ended its first piece.
      if (/is kept/.test(stderr)) complain(`call ${call}: nothing is kept`, stderr);
      found.refused++;
    } else found.refused++;
    empty('run.partial');
    const left = readdirSync(disk).filter(
      (name) => !['grid.json', 'straight', 'run'].includes(name),
    );
    if (left.length > 0) complain(`call ${call}: ${left} is left`, stderr);
  }

  const before = contentOf('straight');
  const drawing = run(['figures', 'straight', '--format', 'svg'], 2);
  if (
    drawing.status !== 2 ||
    !/no space is left/.test(drawing.stderr) ||
    contentOf('straight') !== before
  )
    complain('figures on a full disk', drawing.stderr);
  empty('filler');
  empty('run');

  execFileSync('mount', ['-o', 'remount,ro', disk]);
  const readOnly = run(start('run'));
  if (readOnly.status !== 2 || !/read-only/.test(readOnly.stderr)) {
    complain('a read-only disk', readOnly.stderr);
  }
} finally {
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
}
console.log(
  Object.entries(found)
    .map(([name, count]) => `${count} ${name}`)
    .join(', '),
);
process.exitCode = found.wrong > 0 ? 1 : 0;
