// Whether the strict build gives the same bits on several versions of Node, which are fetched as packages:
// `node test/nodes/nodes.mjs [version …]`. Ends with one line; status 77: none could be had.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24'];
const program = fileURLToPath(new URL('../../packages/cli/bin/mesoscope.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'nodes-'));

/** The executable of a version; undefined where it cannot be had. */
function executable(version) {
  const prefix = join(directory, version);
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const words = ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', [...words, `${name}@${version}`], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const path = join(prefix, 'node_modules', name, 'bin', 'node');
  return existsSync(path) ? path : undefined;
}

const works = [
  ['study', 'first-look', '--set', 'stages=[{"layers":2,"steps":60},{"layers":4,"steps":20}]'],
  ['study', 'gaussian/blow-up', '--set', 'starts=4'],
  ['study', 'ensemble/triple', '--set', 'steps=40'],
  [
    'study',
    'heads/teacher',
    '--set',
    'growth={"rounds":2}',
    '--set',
    'search={"starts":12}',
    '--set',
    'heads=[8]',
    '--set',
    'fixed=[1]',
  ],
];

/** Arrays without those that hold seconds. */
function hashes(node, version) {
  return works.map((words, i) => {
    const out = join(directory, `${version}-${i}`);
    execFileSync(node, [program, ...words, '--backend', 'wasm-strict', '--out', out], {
      stdio: 'ignore',
    });
    const record = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
    const timed = /second|time/i;
    const metrics = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Object.entries(JSON.parse(line)).filter(([name]) => !timed.test(name)));
    const headline = Object.entries(record.headline).filter(([name]) => !timed.test(name));
    const claims = record.claims.map(({ id, checks }) => [id, checks]);
    return createHash('sha256')
      .update(JSON.stringify([metrics, headline, claims]))
      .digest('hex')
      .slice(0, 16);
  });
}

const own = { version: process.version, found: hashes(process.execPath, 'own') };
const others = versions.flatMap((version) => {
  const node = executable(version);
  return node === undefined ? [] : [{ version, found: hashes(node, version) }];
});
rmSync(directory, { recursive: true });
if (others.length === 0) {
  console.log('no other version of Node could be had');
  process.exitCode = 77;
} else {
  const different = others.filter(
    ({ found }) => JSON.stringify(found) !== JSON.stringify(own.found),
  );
  for (const { version, found } of [own, ...others]) console.log(version, found.join(' '));
  console.log(
    `${others.length - different.length} of ${others.length} other versions agree bit by bit`,
  );
  process.exitCode = different.length > 0 ? 1 : 0;
}
