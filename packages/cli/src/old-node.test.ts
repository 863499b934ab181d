import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const entry = fileURLToPath(new URL('../bin/mesoscope.js', import.meta.url));

/** Starts the program on a Node that says it is of another version. */
function startOn(version: string, ...commandLine: readonly string[]) {
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;
  const script = `${pretend} process.argv = ['node', 'mesoscope', ...${JSON.stringify(commandLine)}]; require(${JSON.stringify(entry)});`;
  return spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
}

it.each(['verify', 'list', '--help', 'study'])('tells an old Node what %s needs', (command) => {
  const { status, stdout, stderr } = startOn('18.20.8', command);
  expect(status).toBe(2);
  expect(stderr).toBe('Mesoscope needs Node 20.19 or later; this is Node 18.20.8.\n');
  expect(stdout).toBe('');
});

it('is a JSON document too with --json', () => {
  const { status, stdout } = startOn('20.18.1', 'list', '--json');
  expect(status).toBe(2);
  expect(JSON.parse(stdout).error.code).toBe('unsupported');
});

it('asks for the version that the package does', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(startOn('8.0.0').stderr).toContain(`Node ${engines.node.replace('>=', '')} or later`);
});
