// Runs claims at many seeds and keeps every verdict: `node test/seeds/seeds.mjs run FOLDER quick|full FROM TO [id …]`.
// A line a run goes to FOLDER/<id>.jsonl; runs that are there already are not made again, so an interrupted table goes on.
// `node test/seeds/seeds.mjs table FOLDER` writes docs/notes/seeds.md from the lines.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claims, createWasmBackend, runClaim } from '../../packages/mesoscope/dist/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [action, folder, ...rest] = process.argv.slice(2);

const fileOf = (id) => join(folder, `${id}.jsonl`);

function recordsOf(id) {
  if (!existsSync(fileOf(id))) return [];
  return readFileSync(fileOf(id), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** One run as a line: the verdict, its leading check, and why where it does not hold. */
async function judge(claim, backend, setting, seed) {
  const start = performance.now();
  const { finding } = await runClaim({ claim }, { backend, seed, setting });
  const [leading] = finding.checks;
  return {
    setting,
    seed,
    verdict: finding.verdict,
    measured: leading?.measured,
    interval: leading?.interval,
    reason: finding.verdict === 'holds' ? undefined : finding.summary,
    seconds: Number(((performance.now() - start) / 1000).toFixed(1)),
  };
}

async function run([setting, from, to, ...ids]) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: root,
    encoding: 'utf8',
  }).trim();
  mkdirSync(folder, { recursive: true });
  const backend = await createWasmBackend({ threads: 1 });
  const chosen = claims.filter(({ id }) => ids.length === 0 || ids.includes(id));
  for (let seed = Number(from); seed <= Number(to); seed += 1) {
    for (const claim of chosen) {
      if (recordsOf(claim.id).some((r) => r.setting === setting && r.seed === seed)) continue;
      let record;
      try {
        record = await judge(claim, backend, setting, seed);
      } catch (error) {
        record = { setting, seed, verdict: 'error', reason: String(error) };
      }
      appendFileSync(fileOf(claim.id), `${JSON.stringify({ ...record, commit })}\n`);
      console.log(
        claim.id,
        setting,
        seed,
        record.verdict,
        record.reason ?? '',
        `${record.seconds ?? '?'} s`,
      );
    }
  }
  backend.dispose();
}

/** Seeds as ranges: 1–20, or 1, 3–5. */
function ranges(seeds) {
  const sorted = [...new Set(seeds)].sort((a, b) => a - b);
  const runs = [];
  for (const seed of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === seed - 1) last[1] = seed;
    else runs.push([seed, seed]);
  }
  return runs.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(', ');
}

function count(records, verdict) {
  const seeds = records.filter((r) => r.verdict === verdict).map((r) => r.seed);
  return seeds.length === 0
    ? ''
    : verdict === 'holds'
      ? `${seeds.length}`
      : `${seeds.length} (${ranges(seeds)})`;
}

function table() {
  const verdicts = ['holds', 'undecided', 'fails', 'outside', 'error'];
  const lines = [
    '# Verdicts by seed',
    '',
    'The own experiments of every claim, judged at many seeds; written by `test/seeds/seeds.mjs`, which also lists the runs. A',
    'number in brackets is the seed. The time is the median of one run on one thread of a machine that was doing other work.',
    '',
  ];
  for (const setting of ['quick', 'full']) {
    lines.push(`## ${setting === 'quick' ? 'Quick' : 'Full'}`, '');
    lines.push(
      '| claim | seeds | holds | undecided | fails | outside | seconds |',
      '|---|---|--:|--:|--:|--:|--:|',
    );
    for (const { id } of claims) {
      const records = recordsOf(id).filter((r) => r.setting === setting);
      if (records.length === 0) {
        lines.push(`| ${id} | none | | | | | |`);
        continue;
      }
      const seconds = records.map((r) => r.seconds).sort((a, b) => a - b)[records.length >> 1];
      const cells = verdicts.slice(0, 4).map((v) => count(records, v));
      lines.push(
        `| ${id} | ${ranges(records.map((r) => r.seed))} | ${cells.join(' | ')} | ${seconds} |`,
      );
    }
    lines.push('');
  }
  lines.push('## What did not hold, and why', '');
  const others = claims.flatMap(({ id }) =>
    recordsOf(id)
      .filter((r) => r.verdict !== 'holds')
      .map((r) => `- **${id}**, ${r.setting}, seed ${r.seed}: ${r.verdict}. ${r.reason}`),
  );
  lines.push(...(others.length === 0 ? ['Nothing: every run holds.'] : others), '');
  writeFileSync(join(root, 'docs/notes/seeds.md'), lines.join('\n'));
}

if (action === 'run') await run(rest);
else if (action === 'table') table();
else
  throw new Error(
    'node test/seeds/seeds.mjs run FOLDER quick|full FROM TO [id …], or table FOLDER',
  );
