import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A width of vectors that the addon was compiled for. */
export interface Level {
  /** `avx512`, `avx2` or `neon`. */
  readonly name: string;
  /** Bytes of a vector; 0 where the processor does not have the level. */
  readonly vector: number;
  readonly isThere: boolean;
}

/** A machine of the addon; only the addon knows what is in it. */
export type NativeMachine = object;

/** What `source/addon.cpp` exports. */
export interface Addon {
  levels(): Level[];
  createHeap(bytes: number): ArrayBuffer;
  createMachine(
    heap: ArrayBuffer,
    level: string,
    isDouble: boolean,
    threads: number,
  ): NativeMachine;
  run(machine: NativeMachine, units: number): void;
  /** Ends the machine's threads. */
  dispose(machine: NativeMachine): void;
  merge(
    machine: NativeMachine,
    target: number,
    partials: number,
    bytes: number,
    units: number,
    count: number,
  ): void;
}

/** Whether the addon can be used, and if not, why. */
export type AddonState =
  | {
      readonly addon: Addon;
      readonly path: string;
      readonly levels: readonly Level[];
    }
  | { readonly addon: undefined; readonly reason: string };

/** The package that holds the addon for this platform, when it was not built here. */
export const platformPackage = `mesoscope-native-${process.platform}-${process.arch}`;

let state: AddonState | undefined;

/** Looks for the addon once: built here, or else in the package for this platform. Never throws. */
export function addonState(): AddonState {
  state ??= find();
  return state;
}

const require = createRequire(import.meta.url);

function find(): AddonState {
  const built = fileURLToPath(new URL('../build/kernels.node', import.meta.url));
  const path = existsSync(built) ? built : packaged();
  if (path !== undefined) return loadAddon(path);
  return {
    addon: undefined,
    reason: `there is neither ${built} (npm run build:native) nor the package ${platformPackage}`,
  };
}

/** Loads an addon; a file that is none, or is made for another machine, is a state with its reason. */
export function loadAddon(path: string): AddonState {
  try {
    const addon = require(path) as Addon;
    const levels = addon.levels();
    if (!levels.some(({ isThere }) => isThere)) {
      return {
        addon: undefined,
        reason: `this processor has none of ${levels.map(({ name }) => name).join(', ')}`,
      };
    }
    return { addon, path, levels };
  } catch (error) {
    return { addon: undefined, reason: `${path} cannot be loaded: ${messageOf(error)}` };
  }
}

function packaged(): string | undefined {
  try {
    return require.resolve(`${platformPackage}/kernels.node`);
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0] : String(error);
}
