// Whether the library runs under Deno and Bun, which are fetched as packages: `node test/runtimes/runtimes.mjs`.
// All conformance cases must hold, and a flow end on Node's bits with the strict build, on one thread and on two. The
// reference uses the engine's own exponentials, which differ in the last bit, and must agree to rounding. Status 77:
// neither could be had.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./flow.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'runtimes-'));
const runtimes = [
  { name: 'deno', scope: '@deno', words: ['run', '--no-prompt', '--allow-read', '--allow-env'] },
  { name: 'bun', scope: '@oven', words: [] },
];

/** The executable inside the package of this platform; undefined where it cannot be had. */
function executable({ name, scope }) {
  const cwd = mkdtempSync(join(directory, name));
  writeFileSync(join(cwd, 'package.json'), '{"private":true}');
  try {
    const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', name];
    execFileSync('npm', words, { cwd, stdio: 'ignore' });
    const packages = join(cwd, 'node_modules', scope);
    const path = readdirSync(packages, { recursive: true }).find((file) =>
      [name, `${name}.exe`].includes(basename(file)),
    );
    return path && join(packages, path);
  } catch {
    return undefined;
  }
}

/** A hang is an error, too. */
function flow(command, words, threads) {
  const said = execFileSync(command, [...words, program, threads], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  return JSON.parse(said);
}

function disagreement(found, own, threads) {
  const [reference, wasm] = found.results;
  const [ownReference, ownWasm] = own.results;
  if (found.threads !== threads) return `${found.threads} threads instead of ${threads}`;
  if (found.unmet.length > 0) return `conformance of ${found.unmet.join(', ')}`;
  if (wasm.status !== 'completed') return `the flow ended as ${wasm.status}`;
  if (JSON.stringify(wasm.states) !== JSON.stringify(ownWasm.states)) return 'other bits of wasm';
  const apart = reference.states.map((state, i) => Math.abs(state - ownReference.states[i]));
  const size = Math.max(...ownReference.states.map(Math.abs));
  return Math.max(...apart) <= 1e-12 * size
    ? undefined
    : `the reference is off by ${Math.max(...apart)}`;
}

const own = flow(process.execPath, [], 1);
const answers = runtimes.flatMap((runtime) => {
  const command = executable(runtime);
  if (command === undefined) {
    console.log(`${runtime.name}: skipped, since its package could not be had`);
    return [];
  }
  return [1, 2].map((threads) => {
    let problem;
    try {
      problem = disagreement(flow(command, runtime.words, threads), own, threads);
    } catch (error) {
      problem = error.message;
    }
    console.log(
      `${runtime.name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}: ${problem ?? 'agrees'}`,
    );
    return problem;
  });
});
rmSync(directory, { recursive: true });
if (answers.length === 0) process.exitCode = 77;
else process.exitCode = answers.every((problem) => problem === undefined) ? 0 : 1;
