// Kills runs of the program with SIGKILL, at random moments and at every call that changes the disk, continues them, and
// compares what they leave with an undisturbed run: `node test/kill/kill.mjs [kills] [first trial]`. As many trials at once
// as there are cores. Ends with one line of counts.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wanted = Number(process.argv[2] ?? 1000);
const firstTrial = Number(process.argv[3] ?? 1);
const program = fileURLToPath(new URL('../../packages/cli/bin/mesoscope.js', import.meta.url));
const dying = fileURLToPath(new URL('./die-at-call.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'kill-'));

// Small, so that a kill costs little more than the start of a process.
const axis = (path) => ({ path, from: -1, to: 1, points: 3 });
writeFileSync(
  join(directory, 'grid.json'),
  JSON.stringify({ x: axis('heads.0.B.0.0'), y: axis('W') }),
);
writeFileSync(
  join(directory, 'claims.json'),
  JSON.stringify({
    'A.residual-mixing': { sequences: 2, depths: [1, 2, 4, 8] },
    'C.rank': { controls: 2 },
  }),
);
const claims = ['A.residual-mixing', 'C.rank', '--config', 'claims.json'];

const subjects = [
  {
    name: 'study',
    start: (out) => ['study', 'gaussian/phase', '--config', 'grid.json', '--out', out],
  },
  { name: 'verify', start: (out) => ['verify', ...claims, '--out', out] },
];

/**
 * Runs the program; kills it some milliseconds after it was started, or after its first word, or lets it die at a call.
 * Says how long it took from its first word to its end.
 */
function run(words, { after, working, call } = {}) {
  return new Promise((resolve) => {
    const loaded = call === undefined ? [] : ['--import', dying];
    const child = spawn(process.execPath, [...loaded, program, ...words, '--workers', '1'], {
      cwd: directory,
      env: { ...process.env, DIE_AT_CALL: String(call ?? 0) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    let begun = performance.now();
    let timer;
    const killAfter = (milliseconds) => {
      if (milliseconds !== undefined) timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
    };
    child.stderr.once('data', () => {
      begun = performance.now();
      killAfter(working);
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    killAfter(after);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const worked = performance.now() - begun;
      resolve({ code, killed: signal === 'SIGKILL', errors, worked });
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

/** Numbers in [0, 1) of a trial of its own, whatever runs beside it. */
function randomOf(trial) {
  let state = Math.imul(trial, 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const found = { kills: 0, runs: 0, lost: 0, wrong: 0, leftovers: 0 };
const complaints = [];

/** One kill in four while the program starts or at any other moment, the others while it works; some come too late. */
function moment(random, { whole, working }) {
  return random() < 0.25 ? { after: random() * whole } : { working: random() * 1.4 * working };
}

/** One run, killed again and again until it comes to its end. */
async function trial(subject, expected, durations, number, atCall, until) {
  const out = `${subject.name}-${number}-`;
  const bundle = join(directory, out);
  const random = randomOf(number);
  let call = atCall;
  for (;;) {
    const begun = existsSync(`${bundle}.partial`);
    const resumable = begun && existsSync(join(`${bundle}.partial`, 'run.json'));
    if (begun && !resumable) {
      // Killed before anything was done: only an empty folder is there.
      const inside = readdirSync(`${bundle}.partial`);
      if (inside.some((name) => !/^(lock|pieces$|reserve$)|\.tmp$/.test(name)))
        complaints.push(`${out}: ${inside}`);
      rmSync(`${bundle}.partial`, { recursive: true });
    }
    const words = resumable ? [subject.name, '--resume', out] : subject.start(out);
    const how =
      found.kills >= until ? {} : call === undefined ? moment(random, durations) : { call };
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

/** Trials side by side, until there are kills enough. */
async function trials(subject, expected, durations) {
  const until = found.kills + wanted / subjects.length;
  let next = firstTrial;
  const lane = async () => {
    while (found.kills < until) {
      const number = next++;
      // At every call and at random moments, in turn.
      const call = number % 2 === 1 ? (number + 1) / 2 : undefined;
      await trial(subject, expected, durations, number, call, until);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return next;
}

for (const subject of subjects) {
  const begin = performance.now();
  const { worked } = await run(subject.start('straight'));
  const durations = { whole: performance.now() - begin, working: worked };
  const expected = contentOf(join(directory, 'straight'));
  rmSync(join(directory, 'straight'), { recursive: true });
  const next = await trials(subject, expected, durations);
  console.log(`${subject.name}: trials ${firstTrial} to ${next - 1}`);
}
rmSync(directory, { recursive: true });
for (const complaint of complaints.slice(0, 20)) console.error(complaint);
console.log(
  Object.entries(found)
    .map(([name, count]) => `${count} ${name}`)
    .join(', '),
);
process.exitCode = found.lost + found.wrong + found.leftovers > 0 ? 1 : 0;
