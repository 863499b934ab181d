import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Contender } from './contender.ts';
import { nativeContender, referenceOutput, wasmContender } from './ours.ts';
import { jaxContender } from './peer-jax.ts';
import { pythonContender, pythonPeers, variantsOf } from './peer-python.ts';
import { type Measurement, type Results, readmeTable } from './table.ts';
import { inputsOf, precisionsOf, type Workload, workloads, writeInputs } from './workloads.ts';

const bench = fileURLToPath(new URL('..', import.meta.url));

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

/** Largest deviation from the reference, relative to its largest entry. */
function deviation(output: Float64Array, reference: Float64Array): number {
  if (output.length !== reference.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let size = 0;
  for (let i = 0; i < output.length; i++) {
    const difference = Math.abs(output[i] - reference[i]);
    if (!(difference <= largest)) largest = difference;
    size = Math.max(size, Math.abs(reference[i]));
  }
  return largest / size;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Everything that can run a workload here. */
async function contendersOf(
  workload: Workload,
  folder: string,
  peers: ReturnType<typeof pythonPeers>,
): Promise<Contender[]> {
  const inputs = inputsOf(workload);
  const contenders: Contender[] = [];
  for (const precision of precisionsOf(workload)) {
    for (const threads of [1, 2]) {
      contenders.push(await wasmContender(workload, inputs, precision, threads));
      const native = nativeContender(workload, inputs, precision, threads);
      if (native !== undefined) contenders.push(native);
    }
    if ('missing' in peers) continue;
    for (const variant of variantsOf(workload, 'jax' in peers)) {
      contenders.push(await pythonContender(workload, folder, precision, variant));
    }
  }
  const jax = await jaxContender(workload, inputs);
  if (jax !== undefined) contenders.push(jax);
  return contenders;
}

/** Interleaved rounds: in each, every contender runs once, in an order that rotates. */
async function measure(
  workload: Workload,
  peers: ReturnType<typeof pythonPeers>,
  rounds: number,
): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mesoscope-bench-'));
  try {
    const inputs = inputsOf(workload);
    writeInputs(inputs, folder);
    const contenders = await contendersOf(workload, folder, peers);
    const reference = await referenceOutput(workload, inputs);
    const repeats: number[] = [];
    for (const contender of contenders) {
      await contender.run(1);
      const once = await contender.run(1);
      repeats.push(Math.max(1, Math.ceil(0.05 / once)));
    }
    const seconds: number[][] = contenders.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const i = (turn + round) % contenders.length;
        seconds[i].push(await contenders[i].run(repeats[i]));
      }
    }
    const measurements: Measurement[] = [];
    for (const [i, contender] of contenders.entries()) {
      measurements.push({
        workload: workload.id,
        contender: contender.name,
        precision: contender.precision,
        threads: contender.threads,
        seconds: median(seconds[i]),
        rounds: seconds[i],
        deviation: deviation(await contender.output(), reference),
      });
      await contender.close();
    }
    return measurements;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const chosen =
  options.only === '' ? workloads : workloads.filter((w) => options.only.split(',').includes(w.id));
if (chosen.length === 0) {
  console.error(`No workload "${options.only}". Known: ${workloads.map((w) => w.id).join(', ')}.`);
  process.exit(2);
}
const peers = pythonPeers();
if ('missing' in peers)
  console.error(`PyTorch and NumPy are left out: ${peers.missing}. See bench/README.md.`);
const measurements: Measurement[] = [];

/** Everything measured so far, kept after each workload: a run that is cut short leaves what it has. */
function keep(): string {
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`,
    versions: { node: process.version, ...('missing' in peers ? {} : peers) },
    measurements,
  };
  const table = readmeTable(results);
  if (options.write && options.only === '') {
    writeFileSync(join(bench, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
    const readme = join(bench, 'README.md');
    const text = readFileSync(readme, 'utf8');
    writeFileSync(
      readme,
      text.replace(/(<!-- table -->\n)[\s\S]*(<!-- end of table -->)/, `$1${table}\n$2`),
    );
  }
  return table;
}

for (const workload of chosen) {
  console.error(`${workload.id}: ${workload.description}`);
  const rows = await measure(workload, peers, Number(options.rounds));
  for (const row of rows) {
    const milliseconds = (1000 * row.seconds).toFixed(2).padStart(10);
    const deviates = row.deviation.toExponential(1);
    console.error(`  ${row.contender.padEnd(32)} ${milliseconds} ms   deviation ${deviates}`);
  }
  measurements.push(...rows);
  keep();
}

console.log(keep());
const wrong = measurements.filter((m) => !(m.deviation <= (m.precision === 'f64' ? 1e-10 : 2e-3)));
for (const m of wrong) {
  console.error(`${m.workload}: ${m.contender} deviates by ${m.deviation} from the reference`);
}
process.exit(wrong.length > 0 ? 1 : 0);
