import { MesoscopeError } from 'mesoscope';
import { applyAssignment, mergeConfigurations, setAtPath } from 'mesoscope/configuration';
import type { FileConfiguration } from 'mesoscope/formats';
import type { Precision } from 'mesoscope/kernels';
import { backendNames, backendOf, type Execution } from '../host/backend.ts';
import { defaultWorkers } from '../host/describe.ts';
import { readConfigurationFile } from '../input/configuration-file.ts';

/** Options of the commands that run something, as they were typed. */
export interface RunOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly yes?: boolean;
  /** With `--resume`: the lock of another process is broken. */
  readonly takeOver?: boolean;
  /** The folder of an interrupted run, to be continued. */
  readonly resume?: string;
  readonly config?: readonly string[];
  readonly set?: readonly string[];
  readonly seed?: string;
  readonly out?: string;
  readonly backend?: string;
  readonly precision?: string;
  readonly workers?: string;
  readonly inputLimit?: string;
}

/** Exit codes of the program. */
export const exitCode = {
  done: 0,
  /** A claim failed or threw, or a study diverged. */
  failed: 1,
  /** An input was refused, or a file could not be read or written. */
  refused: 2,
  interrupted: 130,
} as const;

/** How the kernels are to be run. @throws MesoscopeError for a value that is none */
export function readExecution(options: RunOptions): Execution {
  return {
    backend: backendOf(oneOf('backend', options.backend ?? 'auto', backendNames)),
    precision: oneOf<Precision>('precision', options.precision ?? 'f64', ['f64', 'f32']),
    workers: readInteger('--workers', options.workers, 1) ?? defaultWorkers(),
  };
}

/** @throws MesoscopeError `unknown-name` */
export function oneOf<T extends string>(kind: string, received: string, known: readonly T[]): T {
  const found = known.find((name) => name === received);
  if (found === undefined)
    throw new MesoscopeError({ code: 'unknown-name', kind, received, known });
  return found;
}

/** @throws MesoscopeError `invalid-value` */
export function readInteger(
  path: string,
  text: string | undefined,
  minimum: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < minimum) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path,
      received: text,
      expected: `a whole number ≥ ${minimum}`,
    });
  }
  return value;
}

/** What the `--config` files say, one laid over the other, and what was changed in them, one sentence each. */
export function readFiles(options: RunOptions, directory: string): FileConfiguration {
  const limit = readInteger('--input-limit', options.inputLimit, 1);
  const reading = limit === undefined ? {} : { budget: limit * 2 ** 20 };
  const files = (options.config ?? []).map((file) =>
    readConfigurationFile(file, directory, reading),
  );
  return {
    configuration: files.reduce<unknown>(
      (below, file) => mergeConfigurations(below, file.configuration),
      {},
    ),
    notes: files.flatMap(({ notes }) => notes),
  };
}

/** Applies `--set` to a configuration; `defaults` is what runs where nothing is set. */
export function assigned(options: RunOptions, configuration: unknown, defaults: unknown): unknown {
  return (options.set ?? []).reduce<unknown>(
    (before, assignment) => applyAssignment(before, assignment, defaults),
    configuration,
  );
}

/** `base` with the `--config` files laid over it, then `--set`, then `--seed` as the field `seed`. */
export function readConfiguration(
  options: RunOptions,
  directory: string,
  base: unknown,
  defaults: unknown,
): FileConfiguration {
  const files = readFiles(options, directory);
  const laid = mergeConfigurations(base, files.configuration);
  const configuration = assigned(options, laid, defaults);
  const seed = readInteger('--seed', options.seed, 0);
  return {
    configuration: seed === undefined ? configuration : setAtPath(configuration, 'seed', seed),
    notes: files.notes,
  };
}
