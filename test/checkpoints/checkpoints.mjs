// Whether a real checkpoint is read: rxnmapper 0.4.3 (3 MB, MIT) is fetched by pip and inspected: `node
// test/checkpoints/checkpoints.mjs`. Ends with one line; status 77: it could not be had.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../packages/cli/bin/mesoscope.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'checkpoints-'));
const wheel = join(directory, 'rxnmapper-0.4.3-py3-none-any.whl');
const sha256 = '27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5';

/** Whether the package was fetched and unpacked; nothing of it is run. */
function fetched() {
  try {
    const words = ['-m', 'pip', 'download', '--no-deps', '-q', '-d', directory, 'rxnmapper==0.4.3'];
    execFileSync('python3', words, { stdio: 'ignore' });
    execFileSync('python3', ['-m', 'zipfile', '-e', wheel, directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function inspected() {
  const text = execFileSync(process.execPath, [program, 'inspect', directory, '--json'], {
    encoding: 'utf8',
  });
  return JSON.parse(text);
}

/** What is known of it, and what was found. */
function differences() {
  const found = createHash('sha256').update(readFileSync(wheel)).digest('hex');
  if (found !== sha256) return [`the package has the SHA-256 ${found}, not ${sha256}`];
  const { format, architecture, parameters, licence, tokenizer, tensors } = inspected();
  const facts = [
    ['format', format, 'pytorch'],
    ['architecture', architecture?.name, 'ALBERT'],
    ['layers', architecture?.facts.layers, 12],
    ['parameters', parameters, 877_598],
    ['tensors', tensors.length, 32],
    ['licence', licence?.slice(0, 4), 'MIT '],
    ['tokeniser', tokenizer?.endsWith('vocab.txt'), true],
  ];
  return facts
    .filter(([, one, other]) => one !== other)
    .map(([name, one, other]) => `${name}: ${one}, not ${other}`);
}

try {
  if (!fetched()) {
    console.log('rxnmapper 0.4.3 could not be had from PyPI: no real checkpoint was read');
    process.exitCode = 77;
  } else {
    const wrong = differences();
    console.log(wrong.length === 0 ? 'rxnmapper 0.4.3 is read as it is known' : wrong.join('\n'));
    process.exitCode = wrong.length === 0 ? 0 : 1;
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
