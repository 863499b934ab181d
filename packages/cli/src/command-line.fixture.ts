import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Study } from 'mesoscope/study';
import { beforeEach } from 'vitest';
import { run } from './program.ts';
import {
  type Halved,
  type ToyConfiguration,
  toyCatalogue,
  toyEnvironment,
  toyStudy,
} from './toy.fixture.ts';

/** Where the commands of a test run: a folder of its own. */
export let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mesoscope-'));
});

/** Runs a command line; `interruptAfter` presses Ctrl-C when so many metrics were written. */
export async function mesoscope(line: string | readonly string[], interruptAfter?: number) {
  let press = () => {};
  const study: Study<ToyConfiguration, Halved> = {
    ...toyStudy,
    piece: (configuration, context) =>
      toyStudy.piece(configuration, {
        ...context,
        metric(record) {
          context.metric(record);
          if (record.step === interruptAfter) press();
        },
      }),
  };
  const catalogue = toyCatalogue(undefined, [study as Study]);
  const { environment, stdout, stderr, interrupt } = toyEnvironment(directory, catalogue);
  press = interrupt;
  const code = await run(typeof line === 'string' ? line.split(' ') : line, environment);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** Names in a folder, sorted. */
export const files = (path: string) => readdirSync(join(directory, path)).sort();
export const json = (path: string) => JSON.parse(readFileSync(join(directory, path), 'utf8'));
