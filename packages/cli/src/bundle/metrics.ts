import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finiteJson } from 'mesoscope';
import { onDisk } from './atomic.ts';

const wayOut = 'Make room, then try again.';

export const metricsName = 'metrics.jsonl';

/** The metrics of a run under way: one JSON object a line. */
export interface MetricsLog {
  append(record: Readonly<Record<string, number | string>>): void;
  /** Writes what is still in memory. */
  flush(): void;
  /** Lines so far. */
  lines(): number;
  /** The whole text. */
  text(): string;
}

/** Opens the metrics of a partial folder, keeping the first `keep` lines (those before the checkpoint). */
export function openMetrics(partial: string, keep: number): MetricsLog {
  const path = join(partial, metricsName);
  const before = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, keep) : [];
  const text = before.map((line) => `${line}\n`).join('');
  onDisk(path, wayOut, () => writeFileSync(path, text));
  let count = before.length;
  let pending = '';
  const flush = () => {
    if (pending !== '') onDisk(path, wayOut, () => appendFileSync(path, pending));
    pending = '';
  };
  return {
    append(record) {
      pending += `${JSON.stringify(finiteJson(record).value)}\n`;
      count++;
      if (pending.length > 1 << 16) flush();
    },
    flush,
    lines: () => count,
    text() {
      flush();
      return readFileSync(path, 'utf8');
    },
  };
}
