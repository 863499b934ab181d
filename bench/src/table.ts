/** One contender on one workload. */
export interface Measurement {
  readonly workload: string;
  readonly contender: string;
  readonly precision: 'f64' | 'f32';
  readonly threads: number;
  /** Median over the rounds. */
  readonly seconds: number;
  readonly rounds: readonly number[];
  /** Largest deviation from the reference backend, relative to the largest entry. */
  readonly deviation: number;
}

export interface Results {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly measurements: readonly Measurement[];
}

/** What was asked of the one-thread ratio of native kernels to the fastest peer in Python, f64 and f32. */
const asked: Readonly<Record<string, readonly [f64: number, f32: number]>> = {
  W1: [0.1, 0.1],
  W2: [0.25, 0.35],
  W3: [0.25, 0.25],
  W4: [0.4, 0.4],
  'W5-256': [0.7, 0.7],
  'W5-1024': [0.7, 0.7],
  W6: [0.05, 0.05],
  'W7-1000': [0.3, 0.3],
  'W7-10000': [0.3, 0.3],
  W8: [0.08, 0.08],
  W9: [0.15, 0.15],
};

const columns = [
  'workload',
  'precision',
  'native (ms)',
  'wasm (ms)',
  'native on 2 threads',
  'wasm on 2 threads',
  'fastest in Python (ms)',
  'which',
  'native ÷ Python',
  'asked',
  'wasm ÷ Python',
  'jax-js f32 (ms)',
];

/** The Markdown table of bench/README.md: milliseconds on one thread, speed-ups on two, and ratios (below 1: we are faster). */
export function readmeTable({ date, machine, versions, measurements }: Results): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const rows = [...new Set(measurements.map((m) => m.workload))].flatMap((workload) =>
    (['f64', 'f32'] as const)
      .map((precision) =>
        measurements.filter((m) => m.workload === workload && m.precision === precision),
      )
      .filter((found) => found.length > 0)
      .map(rowOf),
  );
  return [
    `Measured on ${date}: ${machine}; ${named.join(', ')}.`,
    '',
    rowText(columns),
    rowText(columns.map(() => '---')),
    ...rows.map(rowText),
  ].join('\n');
}

const rowText = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

/** What was measured on one workload in one precision. */
function rowOf(found: readonly Measurement[]): string[] {
  const [{ workload, precision }] = found;
  const ours = (kernels: string, threads: number) =>
    found.find((m) => m.contender.startsWith(`mesoscope ${kernels}`) && m.threads === threads);
  const [native, wasm] = [ours('native', 1), ours('wasm', 1)];
  const fastest = found
    .filter((m) => m.contender.startsWith('Python'))
    .sort((a, b) => a.seconds - b.seconds)
    .at(0);
  const jax = found.find((m) => m.contender.startsWith('jax-js'));
  return [
    workload,
    precision,
    milliseconds(native),
    milliseconds(wasm),
    `${ratio(native, ours('native', 2))}×`,
    `${ratio(wasm, ours('wasm', 2))}×`,
    milliseconds(fastest),
    fastest?.contender.split(' ')[1] ?? '–',
    ratio(native, fastest),
    asked[workload] === undefined ? '–' : `≤ ${asked[workload][precision === 'f64' ? 0 : 1]}`,
    ratio(wasm, fastest),
    milliseconds(jax),
  ];
}

function milliseconds(measured: Measurement | undefined): string {
  return measured === undefined ? '–' : (1000 * measured.seconds).toPrecision(3);
}

function ratio(one: Measurement | undefined, other: Measurement | undefined): string {
  return one === undefined || other === undefined ? '–' : (one.seconds / other.seconds).toFixed(2);
}
