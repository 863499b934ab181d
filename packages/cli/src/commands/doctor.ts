import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { wrap } from 'mesoscope-view';
import type { Environment } from '../environment.ts';
import { createBackend, nativeKernels } from '../host/backend.ts';
import { defaultWorkers } from '../host/describe.ts';
import { systemReason } from '../input/configuration-file.ts';
import { exitCode } from './options.ts';

/** One thing looked at. `warning`: works, but slower or with less. */
interface Finding {
  readonly name: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly sentence: string;
}

/** `mesoscope doctor`: what this machine offers, a sentence each; exit 1 if something needed is missing. */
export async function doctorCommand(
  options: { readonly json?: boolean },
  environment: Environment,
): Promise<number> {
  const { directory, stdout } = environment;
  const findings = [
    nodeVersion(),
    cores(),
    simd(),
    // Starting the kernels turns relaxed SIMD on where Node has it behind a flag.
    await kernels(),
    relaxedSimd(),
    native(),
    threads(),
    memory(),
    writable(directory),
    python(),
  ];
  if (options.json) {
    stdout.write(`${JSON.stringify({ findings }, null, 2)}\n`);
  } else {
    const marks = { good: 'good', warning: 'note', bad: 'BAD ' };
    for (const { state, sentence } of findings) {
      stdout.write(`${wrap(`${marks[state]}  ${sentence}`, 98, '      ')}\n`);
    }
  }
  return findings.some(({ state }) => state === 'bad') ? exitCode.failed : exitCode.done;
}

function nodeVersion(): Finding {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const enough = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    state: enough ? 'good' : 'bad',
    sentence: enough
      ? `Node ${process.versions.node} runs Mesoscope.`
      : `Node ${process.versions.node} is too old: install Node 20.19 or newer.`,
  };
}

function cores(): Finding {
  const count = availableParallelism();
  const state = count > 1 ? 'good' : 'warning';
  const sentence = `${count} core${count > 1 ? 's' : ''} can be used; --workers sets how many are.`;
  return { name: 'cores', state, sentence };
}

/** `v128.const 0` dropped: valid where WebAssembly has 128-bit SIMD. */
const simdModule = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 23, 1, 21, 0, 253, 12, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 11,
];

/** `f32x4.relaxed_madd` of three constants, dropped. */
const relaxedModule = (() => {
  const zero = [253, 12, ...new Array<number>(16).fill(0)];
  const body = [0, ...zero, ...zero, ...zero, 253, 133, 2, 26, 11];
  return [
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10],
    ...[body.length + 2, 1, body.length, ...body],
  ];
})();

function simd(): Finding {
  const has = WebAssembly.validate(Uint8Array.from(simdModule));
  return {
    name: 'simd',
    state: has ? 'good' : 'bad',
    sentence: has
      ? 'WebAssembly has 128-bit SIMD.'
      : 'WebAssembly has no SIMD here: only --backend reference works, 4 to 23 times slower.',
  };
}

async function kernels(): Promise<Finding> {
  const name = 'kernels';
  try {
    const execution = { backend: 'wasm', precision: 'f64', workers: defaultWorkers() } as const;
    const backend = await createBackend(execution);
    backend.dispose();
    return { name, state: 'good', sentence: `The kernels start: ${backend.name}.` };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const sentence = `The kernels do not start (${reason}): only --backend reference works.`;
    return { name, state: 'bad', sentence };
  }
}

function relaxedSimd(): Finding {
  const has = WebAssembly.validate(Uint8Array.from(relaxedModule));
  return {
    name: 'relaxed-simd',
    state: has ? 'good' : 'warning',
    sentence: has
      ? 'WebAssembly has relaxed SIMD (fused multiply-add).'
      : 'WebAssembly has no relaxed SIMD here: the kernels run without fused multiply-add, slower.',
  };
}

function native(): Finding {
  const { there, sentence } = nativeKernels();
  return {
    name: 'native',
    state: there ? 'good' : 'warning',
    sentence: `${sentence[0].toUpperCase()}${sentence.slice(1)}. ${
      there
        ? 'They are what runs by default.'
        : 'WebAssembly runs instead, two to three times slower.'
    }`,
  };
}

function threads(): Finding {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const has = memory.buffer instanceof SharedArrayBuffer;
  return {
    name: 'threads',
    state: has ? 'good' : 'warning',
    sentence: has
      ? 'Threads can share WebAssembly memory.'
      : 'Threads cannot share WebAssembly memory: one thread does all the work.',
  };
}

function memory(): Finding {
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const enough = freemem() > 2 ** 30;
  return {
    name: 'memory',
    state: enough ? 'good' : 'warning',
    sentence: `${gibibytes(freemem())} of ${gibibytes(totalmem())} memory are free${enough ? '.' : ': large studies will not fit.'}`,
  };
}

function writable(directory: string): Finding {
  try {
    accessSync(directory, constants.W_OK);
    const sentence = `Runs can be written below ${directory}.`;
    return { name: 'folder', state: 'good', sentence };
  } catch (cause) {
    const sentence = `${directory} cannot be written (${systemReason(cause)}): use --out, or change the folder.`;
    return { name: 'folder', state: 'bad', sentence };
  }
}

function python(): Finding {
  const script = 'import numpy; print(numpy.__version__)';
  const { status, stdout } = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
  return {
    name: 'python',
    state: 'good',
    sentence:
      status === 0
        ? `python3 with NumPy ${stdout.trim()} can join the benchmarks (optional).`
        : 'python3 with NumPy is not here; only the benchmarks against it need it (optional).',
  };
}
