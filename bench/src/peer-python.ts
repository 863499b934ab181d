import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Contender } from './contender.ts';
import type { Workload } from './workloads.ts';

const script = fileURLToPath(new URL('../peers/peer.py', import.meta.url));

/** The Python to use: MESOSCOPE_PYTHON, or python3. */
export const python = process.env.MESOSCOPE_PYTHON ?? 'python3';

/** Versions of PyTorch and NumPy, of JAX where it is there, or the reason why there are none. */
export function pythonPeers():
  | Readonly<Record<'torch' | 'numpy', string>>
  | Readonly<Record<'torch' | 'numpy' | 'jax', string>>
  | { missing: string } {
  const versions = versionsOf(['torch', 'numpy']);
  if (typeof versions === 'string') {
    return { missing: `${python} cannot import torch and numpy (${versions})` };
  }
  const [torch, numpy] = versions;
  const jax = versionsOf(['jax']);
  return typeof jax === 'string' ? { torch, numpy } : { torch, numpy, jax: jax[0] };
}

/** Versions of modules, or what Python says instead. */
function versionsOf(modules: readonly string[]): readonly string[] | string {
  const list = modules.map((name) => `${name}.__version__`).join(', ');
  const script = `import ${modules.join(', ')}; print(${list})`;
  const probe = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  if (probe.status === 0) return probe.stdout.trim().split(' ');
  return probe.error?.message ?? probe.stderr.trim().split('\n').at(-1) ?? 'no answer';
}

/** The variants of a workload that Python offers; the fastest one is the peer. */
export function variantsOf(workload: Workload, hasJax: boolean): readonly string[] {
  const jax = hasJax ? ['jax'] : [];
  switch (workload.kind) {
    case 'attention-flow':
      return ['plain', 'fused', 'compiled', ...jax];
    case 'product':
      return ['torch', ...jax];
    case 'heads-step':
    case 'ensemble-step':
      return ['torch'];
    case 'covariance-flow':
    case 'sinkhorn':
      return ['torch', 'numpy', ...jax];
  }
}

/** A Python process that has prepared one variant of a workload. */
export async function pythonContender(
  workload: Workload,
  folder: string,
  precision: 'f64' | 'f32',
  variant: string,
): Promise<Contender> {
  const child = spawn(python, [script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      OMP_NUM_THREADS: '1',
      OMP_WAIT_POLICY: 'passive',
      OPENBLAS_NUM_THREADS: '1',
    },
  });
  const ask = conversation(child);
  await ask({ do: 'prepare', workload, folder, precision, threads: 1, variant });
  return {
    name: `Python ${variant} ${precision}`,
    precision,
    threads: 1,
    run: async (repeats) => (await ask({ do: 'run', repeats })).seconds as number,
    output: async () => {
      const path = join(folder, `output-${precision}-${variant}.bin`);
      await ask({ do: 'output', path });
      const bytes = readFileSync(path);
      return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8).slice();
    },
    close: async () => {
      child.stdin?.end();
    },
  };
}

/** One JSON line out, one JSON line back. */
function conversation(child: ChildProcess): (request: object) => Promise<Record<string, unknown>> {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the peer process has no pipes');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return async (request) => {
    stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done)
      throw new Error(
        `the Python peer ended early while asked to ${JSON.stringify(request).slice(0, 80)}`,
      );
    return JSON.parse(value as string) as Record<string, unknown>;
  };
}
