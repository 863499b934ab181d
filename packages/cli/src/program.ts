import { Command, CommanderError } from 'commander';
import { MesoscopeError, version } from 'mesoscope';
import { preview, shortened } from 'mesoscope/configuration';
import { citeCommand } from './commands/cite.ts';
import { compareCommand } from './commands/compare.ts';
import { doctorCommand } from './commands/doctor.ts';
import { figuresCommand } from './commands/figures.ts';
import { inspectCommand } from './commands/inspect.ts';
import { listCommand } from './commands/list.ts';
import { notebookCommand } from './commands/notebook.ts';
import { exitCode } from './commands/options.ts';
import { probeCommand } from './commands/probe.ts';
import { studyCommand } from './commands/study.ts';
import { surgeryCommand } from './commands/surgery.ts';
import { addSweepCommands } from './commands/sweep/index.ts';
import { templateCommand } from './commands/template.ts';
import { verifyCommand } from './commands/verify.ts';
import { type Environment, processEnvironment } from './environment.ts';

/**
 * Runs one command line, without the program's name: `run(['verify', 'A', '--json'])`.
 *
 * @returns the exit code: 0 done, 1 a claim failed or a study diverged, 2 an input was refused, 130 interrupted
 */
export async function run(
  commandLine: readonly string[],
  environment: Environment = processEnvironment(),
): Promise<number> {
  let code: number = exitCode.done;
  const program = commands(environment, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...commandLine], { from: 'user' });
    return code;
  } catch (cause) {
    return report(cause, commandLine.includes('--json'), environment);
  }
}

/** Says what went wrong, and with which exit code. */
function report(cause: unknown, json: boolean, { stdout, stderr }: Environment): number {
  if (cause instanceof CommanderError) {
    if (cause.exitCode === 0) return exitCode.done;
    // Commander has written its sentence to standard error.
    if (json) writeError(stdout, { code: 'command-line', message: shortened(cause.message) });
    return exitCode.refused;
  }
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const refused = error instanceof MesoscopeError;
  stderr.write(refused ? `${error.message}\n` : `A fault of the program:\n${error.stack}\n`);
  if (json) {
    writeError(
      stdout,
      refused ? faultDocument(error) : { code: 'internal', message: error.message },
    );
  }
  return refused ? exitCode.refused : exitCode.failed;
}

/** A refusal as data; what was received only as far as its sentence repeats it. */
function faultDocument({ fault, message }: MesoscopeError): object {
  const isLong = 'received' in fault && preview(fault.received).endsWith('…');
  const received = isLong ? { received: preview(fault.received) } : {};
  const issues =
    fault.code === 'invalid-configuration' ? { issues: fault.issues.slice(0, 100) } : {};
  return { ...fault, ...received, ...issues, message };
}

function writeError(stdout: Environment['stdout'], error: object): void {
  stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
}

function commands(environment: Environment, finish: (code: number) => void): Command {
  const { stdout, stderr } = environment;
  const program = new Command('mesoscope')
    .description('The mathematics of deep transformers, run.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.split('\n').map(shortened).join('\n')),
    })
    .showSuggestionAfterError();

  withRunOptions(program.command('study'))
    .argument(
      '[study]',
      'name of a study, a module (./my-study.js), or a file { "study", "configuration" } such as a run.json',
    )
    .description('Run a study and leave its bundle: report, figures, arrays, metrics.')
    .option('--resume <dir>', 'continue an interrupted run to the same final numbers')
    .option('--take-over', 'with --resume: break the lock of a process that has ended elsewhere')
    .action(async (name, options) => finish(await studyCommand(name, options, environment)));

  withRunOptions(program.command('verify'))
    .argument(
      '[claims...]',
      'claim ids (A.euler-order), paper letters (A) or modules (./my-claim.js); default: all',
    )
    .description('Run claims and print their verdicts.')
    .option('--full', 'the full setting of each claim instead of the quick one')
    .option('--checkpoint <path>', 'a trained model: run the claims about such models on it')
    .option('--strict', 'undecided claims make the exit code 1 too')
    .option('--resume <dir>', 'continue an interrupted run with --out: what is done is kept')
    .option('--take-over', 'with --resume: break the lock of a process that has ended elsewhere')
    .action(async (selectors, options) =>
      finish(await verifyCommand(selectors, options, environment)),
    );

  withJson(program.command('list'))
    .description(
      'List the studies and claims; with --json also the fields of their configurations.',
    )
    .action(async (options) => finish(await listCommand(options, environment)));

  program
    .command('template')
    .argument('<name>', 'a claim (A.euler-order) or a study (first-look)')
    .description('Print a complete commented configuration, to be changed and run with --config.')
    .option('--json', 'as without it: a template is JSON')
    .action(async (name) => finish(await templateCommand(name, environment)));

  withJson(program.command('cite'))
    .argument('<run>', 'folder of a run, or its run.json')
    .description('Print BibTeX of the program and of the works that a run used.')
    .action((run, options) => finish(citeCommand(run, options, environment)));

  withJson(program.command('figures'))
    .argument('<run>', 'folder of a finished run, or its run.json')
    .description('Draw the figures of a run again, for a paper.')
    .option('--format <list>', 'pdf (default), svg, tikz, png; gif of animations; with commas')
    .option('--width <length>', 'of a figure, as in 8.6cm (default), 86mm, 3.4in, 244pt')
    .option('--font <name>', '"DejaVu Sans" (default), "DejaVu Serif", or a .ttf or .otf file')
    .option('--font-size <length>', 'default: 8pt')
    .option('--out <dir>', 'default: the folder paper in the run')
    .action(async (run, options) => finish(await figuresCommand(run, options, environment)));

  withJson(program.command('notebook'))
    .argument('<run>', 'folder of a finished run, or its run.json')
    .description(
      'Write a Jupyter notebook that draws the figures of a run with NumPy and Matplotlib.',
    )
    .action((run, options) => finish(notebookCommand(run, options, environment)));

  withJson(program.command('compare'))
    .argument('<one>', 'folder of a finished run, or its run.json')
    .argument('<other>', 'another one')
    .description('Put two runs side by side: settings, numbers, curves over each other.')
    .option(
      '--out <file>',
      'the report; default: compared-with-<one>.html in the folder of the other',
    )
    .action((one, other, options) => finish(compareCommand(one, other, options, environment)));

  withJson(program.command('inspect'))
    .argument('<checkpoint>', 'folder of a trained model, of a package that holds one, or a file')
    .description('Say what a trained model holds and what can be tested; no weight is read.')
    .action(async (path, options) => finish(await inspectCommand(path, options, environment)));

  withRunOptions(program.command('probe'))
    .argument('[checkpoint]', 'folder of a trained model, of a package that holds one, or a file')
    .description(
      'Measure a trained model layer by layer beside its nulls: which theorems hold of it.',
    )
    .option('--text <file>', 'a text file, or moby-dick (default)')
    .option('--ids <list>', 'numbers of tokens in place of a text, with commas between them')
    .option('--gaussian <law>', 'Gaussian tokens: matched (to the embedded text) or standard')
    .option('--inputs <count>', 'pieces of the text; default: 4')
    .option('--tokens <count>', 'tokens of each; default: 96')
    .option('--heads', 'a table of every head')
    .option('--states', 'keep the states h0 … hL and final in arrays.npz')
    .option('--example', 'say how to get a trained model')
    .action(async (path, options) => finish(await probeCommand(path, options, environment)));

  withRunOptions(program.command('surgery'))
    .argument('[checkpoint]', 'folder of a trained model, of a package that holds one, or a file')
    .description(
      'Operate on the depth of a trained model: shorter steps along its layers, merged, dropped, swapped ones.',
    )
    .option('--text <file>', 'a text file, or moby-dick (default)')
    .option('--ids <list>', 'numbers of tokens in place of a text, with commas between them')
    .option('--inputs <count>', 'pieces of the text; default: 4')
    .option('--tokens <count>', 'tokens of each; default: 64')
    .option('--refine <list>', 'steps for each layer: 2,4,8 (default)')
    .option('--segment <a:b>', 'layers a ≤ l < b; default: all')
    .option('--per-layer', 'halve each layer alone, and measure the norm of its derivative')
    .option('--coarsen <list>', 'pairs, drop, swap, with commas; default: all')
    .option('--metric <name>', 'nll (default, where there are logits), state or cosine')
    .action(async (path, options) => finish(await surgeryCommand(path, options, environment)));

  addSweepCommands(program, environment, finish);

  withJson(program.command('doctor'))
    .description('Say what this machine offers.')
    .action(async (options) => finish(await doctorCommand(options, environment)));

  return program;
}

function withJson(command: Command): Command {
  return command.option('--json', 'one JSON document on standard output, nothing else there');
}

function withRunOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  return withJson(command)
    .option('--config <file>', 'JSON, .npz or .safetensors laid over the configuration', collect)
    .option('--set <path=value>', 'set one field, as in training.rate=0.01', collect)
    .option('--input-limit <MiB>', 'memory that a --config file may take once read (default: 64)')
    .option('--seed <n>', 'seed of all random streams')
    .option('--out <dir>', 'where the run bundle goes')
    .option(
      '--backend <name>',
      'wasm (default), native, auto (native where it is built), wasm-strict (same bits everywhere) or reference',
    )
    .option('--precision <f64|f32>', 'numbers of the kernels (default: f64)')
    .option('--quiet', 'no progress on standard error, only what stays to be known')
    .option('--yes', 'do not ask before a run of more than ten minutes')
    .option('--workers <n>', 'threads (default: one a core, at most 8)');
}
