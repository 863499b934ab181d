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

/** What was asked of the one-thread ratio to Python's faster variant. */
const asked: Readonly<Record<string, number>> = {
  W1: 0.3,
  W2: 0.75,
  W3: 0.5,
  W4: 1.1,
  W6: 0.3,
  W8: 0.75,
  W9: 0.75,
};

/** The Markdown table of bench/README.md: milliseconds and ratios (below 1: we are faster). */
export function readmeTable(results: Results): string {
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `Measured on ${results.date}: ${results.machine}; ${versions.join(', ')}.`,
    '',
    '| workload | precision | ours, 1 thread (ms) | ours, 2 threads (ms) | speed-up | Python (ms) | variant | ratio to Python | asked | jax-js f32 (ms) | ratio to jax-js |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const workload of new Set(results.measurements.map((m) => m.workload))) {
    for (const precision of ['f64', 'f32'] as const) {
      const rows = results.measurements.filter(
        (m) => m.workload === workload && m.precision === precision,
      );
      const [single, double] = [1, 2].map((threads) =>
        rows.find((m) => m.contender.startsWith('mesoscope') && m.threads === threads),
      );
      if (single === undefined || double === undefined) continue;
      const python = rows
        .filter((m) => m.contender.startsWith('Python'))
        .sort((a, b) => a.seconds - b.seconds)[0];
      const jax = results.measurements.find(
        (m) => m.workload === workload && m.contender.startsWith('jax-js'),
      );
      const ratio = (peer: Measurement | undefined) =>
        peer === undefined ? '–' : (single.seconds / peer.seconds).toFixed(2);
      const milliseconds = (m: Measurement | undefined) =>
        m === undefined ? '–' : (1000 * m.seconds).toPrecision(3);
      lines.push(
        `| ${[
          workload,
          precision,
          milliseconds(single),
          milliseconds(double),
          `${(single.seconds / double.seconds).toFixed(2)}×`,
          milliseconds(python),
          python === undefined ? '–' : (python.contender.split(' ')[1] ?? '–'),
          ratio(python),
          asked[workload] === undefined ? '–' : `≤ ${asked[workload].toFixed(2)}`,
          precision === 'f32' ? milliseconds(jax) : '–',
          precision === 'f32' ? ratio(jax) : '–',
        ].join(' | ')} |`,
      );
    }
  }
  return lines.join('\n');
}
