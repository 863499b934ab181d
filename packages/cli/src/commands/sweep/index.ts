import type { Command } from 'commander';
import type { Environment } from '../../environment.ts';
import { collectCommand } from './collect.ts';
import { emitCommand } from './emit.ts';
import { planCommand } from './plan.ts';
import { refineCommand, retryCommand, shardCommand, sweepRunCommand } from './run.ts';
import { extendCommand, statusCommand } from './status.ts';
import { workCommand } from './work.ts';

/** `mesoscope sweep …`: many runs of one study or claim, planned, computed anywhere, and collected. */
export function addSweepCommands(
  program: Command,
  environment: Environment,
  finish: (code: number) => void,
): void {
  const sweep = program
    .command('sweep')
    .description('Run a study or claim in many cells, on this machine, a scheduler or a queue.');
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  const json = (command: Command) =>
    command.option('--json', 'one JSON document on standard output, nothing else there');
  const planning = (command: Command) =>
    json(command)
      .option('--set <path=value>', 'set one field of the file', collect)
      .option('--most-cells <n>', 'cells that a plan may have (default: 200000)');
  const running = (command: Command) =>
    json(command)
      .option('--workers <n>', 'cells at once (default: one a core, at most 8)')
      .option('--limit <seconds>', 'that one cell may take (default: 3600)')
      .option('--quiet', 'no progress on standard error');

  planning(sweep.command('plan'))
    .argument(
      '<file>',
      'a JSON file: study or claim, configuration, axes, seeds, conditions, refine',
    )
    .description('Check every cell, and say how many there are and what they will cost.')
    .option('--out <dir>', 'folder of the sweep (default: sweeps/<study>)')
    .option(
      '--backend <name>',
      'wasm (default), native where all machines have it, or wasm-strict for the same bits on different processors',
    )
    .option('--precision <f64|f32>', 'numbers of the kernels (default: f64)')
    .option('--workers <n>', 'threads, for the estimate')
    .option('--no-estimate', 'compute no cell yet')
    .action(async (file, options) => finish(await planCommand(file, options, environment)));

  running(sweep.command('run'))
    .argument('<sweep>', 'folder of a sweep')
    .description('Compute the cells that are missing, on this machine; goes on where it stopped.')
    .action(async (path, options) => finish(await sweepRunCommand(path, options, environment)));

  running(sweep.command('shard'))
    .argument('<sweep>', 'folder of a sweep')
    .description('Compute every Nth cell; Slurm arrays and indexed Kubernetes jobs say which.')
    .option('--index <i>', 'which shard, from 0')
    .option('--of <N>', 'how many shards')
    .action(async (path, options) => finish(await shardCommand(path, options, environment)));

  running(sweep.command('work'))
    .argument('<sweep>', 'folder of a sweep')
    .description('Compute cells from a queue in Redis, as one of any number of workers.')
    .option('--queue <url>', 'redis://host:port')
    .action(async (path, options) => finish(await workCommand(path, options, environment)));

  running(sweep.command('retry'))
    .argument('<sweep>', 'folder of a sweep')
    .description('Compute the cells that failed once more.')
    .action(async (path, options) => finish(await retryCommand(path, options, environment)));

  json(sweep.command('refine'))
    .argument('<sweep>', 'folder of a sweep')
    .description('Plan the next round of a refinement; `run` and `work` do so by themselves.')
    .action(async (path, options) => finish(await refineCommand(path, options, environment)));

  planning(sweep.command('extend'))
    .argument('<sweep>', 'folder of a sweep')
    .argument('<file>', 'a file as for plan, with other values of the same paths')
    .description('Add cells to a sweep.')
    .action(async (path, file, options) =>
      finish(await extendCommand(path, file, options, environment)),
    );

  json(sweep.command('status'))
    .argument('<sweep>', 'folder of a sweep')
    .description('Say how far a sweep is, and why cells failed.')
    .action((path, options) => finish(statusCommand(path, options, environment)));

  json(sweep.command('collect'))
    .argument('<sweeps...>', 'folder of a sweep, or several copies of one')
    .description('Put all cells into one table, with figures and a report.')
    .option('--out <dir>', 'where the bundle goes (default: <sweep>-collected)')
    .option('--allow <list>', 'gaps, failures, conflicts: what may be missing or differ')
    .action(async (paths, options) => finish(await collectCommand(paths, options, environment)));

  sweep
    .command('emit')
    .argument('<launcher>', 'slurm, kubernetes or xargs')
    .argument('<sweep>', 'folder of a sweep')
    .description('Print a script or manifest that runs a sweep in shards.')
    .option('--shards <N>', 'default: 100, or fewer if there are fewer cells')
    .option('--parallel <n>', 'shards at once')
    .option('--limit <seconds>', 'that one cell may take')
    .option('--time <time>', 'of a Slurm task (default: 12:00:00)')
    .option('--partition <name>', 'of Slurm')
    .option('--max-array <n>', 'greatest job array of the cluster (default: 1000)')
    .option('--image <name>', 'of Kubernetes containers (default: node:22-slim)')
    .option('--volume-claim <name>', 'that holds the folder (default: sweeps)')
    .action((launcher, path, options) => finish(emitCommand(launcher, path, options, environment)));
}
