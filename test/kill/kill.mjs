// Kills runs of the program with SIGKILL, at random moments and at every call that changes the disk, continues them, and
// compares what they leave with an undisturbed run: `node test/kill/kill.mjs [kills]`. Ends with one line of counts.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wanted = Number(process.argv[2] ?? 1000);
const program = fileURLToPath(new URL('../../packages/cli/bin/mesoscope.js', import.meta.url));
const dying = fileURLToPath(new URL('./die-at-call.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'kill-'));

const axis = (path) => ({ path, from: -1, to: 1, points: 5 });
writeFileSync(
  join(directory, 'grid.json'),
  JSON.stringify({ x: axis('heads.0.B.0.0'), y: axis('W') }),
);

const subjects = [
  {
    name: 'study',
    start: (out) => ['study', 'gaussian/phase', '--config', 'grid.json', '--out', out],
  },
  { name: 'verify', start: (out) => ['verify', 'C.clustering', 'C.reachability', '--out', out] },
];

/** Runs the program; kills it after some milliseconds, or lets it die at a call. */
function run(words, { after, call } = {}) {
  return new Promise((resolve) => {
    const loaded = call === undefined ? [] : ['--import', dying];
    const child = spawn(process.execPath, [...loaded, program, ...words, '--workers', '1'], {
      cwd: directory,
      env: { ...process.env, DIE_AT_CALL: String(call ?? 0) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), after);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, killed: signal === 'SIGKILL', errors });
    });
  });
}

/** What a bundle says, without times. */
function contentOf(bundle) {
  const record = JSON.parse(readFileSync(join(bundle, 'run.json'), 'utf8'));
  const claims = record.claims.map(({ seconds, ...claim }) => claim);
  const hash = createHash('sha256')
    .update(readFileSync(join(bundle, 'arrays.npz')))
    .digest('hex');
  const metrics = readFileSync(join(bundle, 'metrics.jsonl'), 'utf8');
  return JSON.stringify([record.configuration, record.headline, claims, hash, metrics]);
}

const random = (() => {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
})();

const found = { kills: 0, runs: 0, lost: 0, wrong: 0, leftovers: 0 };
const complaints = [];

/** One run, killed again and again until it comes to its end. */
async function trial(subject, expected, duration, number, atCall) {
  const out = `${subject.name}-${number}`;
  const bundle = join(directory, out);
  let call = atCall;
  for (let attempt = 0; ; attempt++) {
    const begun = existsSync(`${bundle}.partial`);
    const resumable = begun && existsSync(join(`${bundle}.partial`, 'run.json'));
    if (begun && !resumable) {
      // Killed before anything was done: only an empty folder is there.
      const inside = readdirSync(`${bundle}.partial`).filter((name) => !/^lock/.test(name));
      if (inside.some((name) => name !== 'pieces' && !name.endsWith('.tmp')))
        complaints.push(`${out}: ${inside}`);
      rmSync(`${bundle}.partial`, { recursive: true });
    }
    const words = resumable ? [subject.name, '--resume', out] : subject.start(out);
    const how = attempt > 20 ? {} : call === undefined ? { after: random() * duration } : { call };
    const { code, killed, errors } = await run(words, how);
    if (killed) found.kills++;
    if (killed && call !== undefined) call = undefined;
    if (existsSync(bundle) && !existsSync(`${bundle}.partial`) && !killed) {
      found.runs++;
      if (code !== 0) {
        found.lost++;
        complaints.push(`${out}: ${errors}`);
      } else if (contentOf(bundle) !== expected) {
        found.wrong++;
        complaints.push(`${out}: another content`);
      }
      break;
    }
    if (existsSync(bundle)) {
      if (contentOf(bundle) !== expected) {
        found.wrong++;
        complaints.push(`${out}: a bundle that looks whole is not`);
        break;
      }
      if (existsSync(`${bundle}.partial`)) {
        // Complete; the next --resume says so and tidies up.
        const told = await run([subject.name, '--resume', out]);
        if (told.code !== 2 || !told.errors.includes('complete')) {
          found.lost++;
          complaints.push(`${out}: ${told.errors}`);
        }
      }
      found.runs++;
      break;
    }
    if (!killed && code !== 0) {
      found.lost++;
      complaints.push(`${out}: ${errors}`);
      break;
    }
  }
  const left = readdirSync(directory).filter((name) => name.includes(out) && name !== out);
  // A temporary bundle is swept by the next run in that place.
  if (left.length > 0) {
    await run(subject.start(out));
    const still = readdirSync(directory).filter((name) => name.startsWith(`.${out}.`));
    if (still.length > 0) {
      found.leftovers++;
      complaints.push(`${out}: ${still}`);
    }
  }
  for (const name of readdirSync(directory)) {
    if (name.includes(out)) rmSync(join(directory, name), { recursive: true });
  }
}

for (const subject of subjects) {
  const begin = performance.now();
  await run(subject.start('straight'));
  const duration = performance.now() - begin;
  const expected = contentOf(join(directory, 'straight'));
  rmSync(join(directory, 'straight'), { recursive: true });
  const until = found.kills + wanted / subjects.length;
  // At every call first, as far as there are kills; then at random moments.
  for (let number = 1; found.kills < until; number++) {
    const call = number % 2 === 1 ? (number + 1) / 2 : undefined;
    await trial(subject, expected, duration, number, call);
  }
}
rmSync(directory, { recursive: true });
for (const complaint of complaints.slice(0, 20)) console.error(complaint);
console.log(
  Object.entries(found)
    .map(([name, count]) => `${count} ${name}`)
    .join(', '),
);
process.exitCode = found.lost + found.wrong + found.leftovers > 0 ? 1 : 0;
