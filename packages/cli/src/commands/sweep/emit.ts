import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MesoscopeError, version } from 'mesoscope';
import type { Environment } from '../../environment.ts';
import { SweepFolder } from '../../sweep/folder.ts';
import { exitCode, oneOf, readInteger } from '../options.ts';

export interface EmitOptions {
  readonly shards?: string;
  /** Shards at once. */
  readonly parallel?: string;
  readonly limit?: string;
  readonly time?: string;
  readonly partition?: string;
  readonly maxArray?: string;
  readonly image?: string;
  readonly volumeClaim?: string;
}

/** Where a sweep can be run in shards. */
const launchers = ['slurm', 'kubernetes', 'xargs'] as const;

/** What a launcher's script says. */
interface Job {
  readonly name: string;
  readonly folder: string;
  readonly shards: number;
  readonly parallel: number;
  readonly cellLimit: string;
  readonly options: EmitOptions;
}

/** The greatest job array that Slurm takes as it is configured by default. */
const slurmArray = 1000;

/** `mesoscope sweep emit slurm|kubernetes|xargs <folder>`: a script or manifest that runs a sweep in shards, as it is. */
export function emitCommand(
  launcher: string,
  path: string,
  options: EmitOptions,
  { directory, stdout }: Environment,
): number {
  const chosen = oneOf('launcher', launcher, launchers);
  const folder = new SweepFolder(resolve(directory, path));
  const cells = folder.cells(folder.read()).length;
  const most = readInteger('--max-array', options.maxArray, 1) ?? slurmArray;
  const asked = readInteger('--shards', options.shards, 1);
  if (chosen === 'slurm' && asked !== undefined && asked > most) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: '--shards',
      received: asked,
      expected: `at most ${most}, the size of a job array`,
      wayOut: 'A shard computes several cells. If the cluster takes larger arrays: --max-array.',
    });
  }
  const shards = Math.min(
    asked ?? 100,
    cells,
    chosen === 'slurm' ? most : Number.POSITIVE_INFINITY,
  );
  const job: Job = {
    name: `mesoscope-${folder.path
      .split('/')
      .at(-1)
      ?.toLowerCase()
      .replace(/[^a-z\d-]+/g, '-')
      .slice(0, 40)}`,
    folder: folder.path,
    shards,
    parallel: readInteger('--parallel', options.parallel, 1) ?? shards,
    cellLimit:
      options.limit === undefined ? '' : ` --limit ${readInteger('--limit', options.limit, 1)}`,
    options,
  };
  stdout.write(writers[chosen](job));
  return exitCode.done;
}

const writers: Readonly<Record<(typeof launchers)[number], (job: Job) => string>> = {
  slurm,
  kubernetes,
  xargs,
};

/** This program as it was started, by full paths; MESOSCOPE in the environment names another. */
function program(): string {
  const script = fileURLToPath(new URL('../../../bin/mesoscope.js', import.meta.url));
  return `\${MESOSCOPE:-${quoted(process.execPath)} ${quoted(script)}}`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function slurm({ name, folder, shards, parallel, cellLimit, options }: Job): string {
  const partition =
    options.partition === undefined ? '' : `#SBATCH --partition=${options.partition}\n`;
  return `#!/bin/bash
# ${shards} shards of ${folder}; send it off with: sbatch <this file>
#SBATCH --job-name=${name}
#SBATCH --array=0-${shards - 1}%${parallel}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=${options.time ?? '12:00:00'}
${partition}#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=${folder}/slurm-%A_%a.log
exec ${program()} sweep shard ${quoted(folder)} --index "$SLURM_ARRAY_TASK_ID" --of ${shards} --workers 1${cellLimit}
`;
}

function xargs({ folder, shards, parallel, cellLimit, options }: Job): string {
  const atOnce = options.parallel === undefined ? '$(getconf _NPROCESSORS_ONLN)' : parallel;
  return `#!/bin/sh
# ${shards} shards of ${folder} on this machine
seq 0 ${shards - 1} | xargs -P ${atOnce} -I '{}' ${program()} sweep shard ${quoted(folder)} --index '{}' --of ${shards} --workers 1 --quiet${cellLimit}
`;
}

/** An Indexed Job over a volume that holds the folder's parent: JOB_COMPLETION_INDEX says which shard. */
function kubernetes({ name, folder, shards, parallel, cellLimit, options }: Job): string {
  const image = options.image ?? 'node:22-slim';
  const command = `npx --yes mesoscope-cli@${version} sweep shard /sweeps/${folder.split('/').at(-1)} --of ${shards} --workers 1${cellLimit}`;
  return `# ${shards} shards; the volume claim ${options.volumeClaim ?? 'sweeps'} holds the folder ${folder.split('/').at(-1)}
apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
spec:
  completionMode: Indexed
  completions: ${shards}
  parallelism: ${parallel}
  backoffLimit: ${Math.max(6, shards)}
  template:
    metadata:
      labels:
        app: mesoscope-sweep
    spec:
      restartPolicy: OnFailure
      containers:
        - name: shard
          image: ${JSON.stringify(image)}
          command: ["sh", "-c", ${JSON.stringify(command)}]
          resources:
            requests:
              cpu: "1"
              memory: 1Gi
          volumeMounts:
            - name: sweeps
              mountPath: /sweeps
      volumes:
        - name: sweeps
          persistentVolumeClaim:
            claimName: ${JSON.stringify(options.volumeClaim ?? 'sweeps')}
`;
}
