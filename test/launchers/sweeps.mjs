import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(
  new URL('../../packages/cli/bin/mesoscope.js', import.meta.url),
);

const axis = (path) => ({ path, from: -1, to: 1, points: 2 });
const sweep = {
  study: 'gaussian/phase',
  configuration: { x: axis('heads.0.B.0.0'), y: axis('W') },
  axes: [{ path: 'flow.horizon', from: 1, to: 3, count: 25 }],
  seeds: 2,
};

/** Runs `mesoscope sweep …` to its end. */
export function run(directory, ...words) {
  const stdio = ['ignore', 'pipe', 'inherit'];
  return execFileSync(process.execPath, [program, 'sweep', ...words], {
    cwd: directory,
    encoding: 'utf8',
    stdio,
  });
}

/** Plans a sweep of 50 small cells. */
export function planned(directory, name) {
  writeFileSync(join(directory, 'sweep.json'), JSON.stringify(sweep));
  run(directory, 'plan', 'sweep.json', '--out', name, '--no-estimate');
}

export function stateOf(directory, name) {
  return JSON.parse(run(directory, 'status', name, '--json'));
}

/** Bytes of the collected files that do not say when and where they were made. */
export function collected(directory, name) {
  run(directory, 'collect', name, '--out', `${name}-table`);
  const names = ['table.csv', 'table.parquet', 'arrays.npz', 'figures.json'];
  return Buffer.concat(names.map((file) => readFileSync(join(directory, `${name}-table`, file))));
}
