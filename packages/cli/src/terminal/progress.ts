import { Presets, SingleBar } from 'cli-progress';
import { formatDuration, formatNumber } from 'mesoscope-view';

/** A stream to write to; a terminal if `isTTY`. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** Shows how far a run is, on standard error. */
export interface Progress {
  /** `done` of `total`, in words. */
  update(done: number, total: number, label: string): void;
  /** The latest numbers, shown beside the bar. */
  metric(record: Readonly<Record<string, number | string>>): void;
  /** A line that stays. */
  log(line: string): void;
  /** Leaves the screen, cleared, to something else, such as a question, until it is over. */
  hold<T>(something: () => Promise<T>): Promise<T>;
  end(): void;
}

/** A way of showing it, for as long as nothing else is on the screen. */
type Display = Omit<Progress, 'hold'>;

/** Milliseconds between two plain lines. */
const lineInterval = 2000;

/** Columns below which a bar leaves no room for words. */
const leastColumns = 50;

/** Milliseconds without news after which it is said that the work goes on. */
const silence = 10_000;

/**
 * A bar with the time left on a terminal; plain lines elsewhere and on narrow terminals, at most one every two seconds. No
 * colours are used. Where a step is silent for ten seconds, what is known is shown again with the time that has passed.
 *
 * @param quiet - nothing but lines that stay, such as where a run is kept
 */
export function createProgress(output: Output, quiet = false): Progress {
  if (quiet) return holdable(quietDisplay(output));
  const wide = (output.columns ?? 80) >= leastColumns;
  const display = output.isTTY && wide ? barDisplay(output) : lineDisplay(output);
  return withHeartbeat(holdable(display));
}

/** Shows nothing while it is held; lines that stay come after. */
function holdable(display: Display): Progress {
  let held = false;
  const waiting: string[] = [];
  return {
    ...display,
    update(...news) {
      if (!held) display.update(...news);
    },
    log(line) {
      if (held) waiting.push(line);
      else display.log(line);
    },
    async hold(something) {
      display.end();
      held = true;
      try {
        return await something();
      } finally {
        held = false;
        for (const line of waiting.splice(0)) display.log(line);
      }
    },
  };
}

function quietDisplay(output: Output): Display {
  return {
    update() {},
    metric() {},
    log(line) {
      output.write(`${line}\n`);
    },
    end() {},
  };
}

/** Shows the state again when nothing was heard for a while, from the first seconds on. */
function withHeartbeat(progress: Progress): Progress {
  let state: Parameters<Progress['update']> = [0, 1, 'starting'];
  let heard = performance.now();
  const beat = setInterval(() => {
    if (performance.now() - heard >= silence) progress.update(...state);
  }, silence);
  beat.unref();
  return {
    ...progress,
    update(...news) {
      state = news;
      heard = performance.now();
      progress.update(...news);
    },
    end() {
      clearInterval(beat);
      progress.end();
    },
  };
}

/** Seconds left, from the rate since the total last changed or the work restarted. */
function paceKeeper(): (done: number, total: number) => number {
  let origin = { done: 0, total: Number.NaN, time: 0 };
  return (done, total) => {
    const time = performance.now() / 1000;
    if (total !== origin.total || done < origin.done) origin = { done, total, time };
    const elapsed = time - origin.time;
    const rate = elapsed > 0 ? (done - origin.done) / elapsed : 0;
    return rate > 0 ? (total - done) / rate : Number.NaN;
  };
}

function paceText(left: number): string {
  return Number.isFinite(left) ? `${formatDuration(left)} left` : '';
}

/** Where a number was measured: the label of the work says it already. */
const positions: ReadonlySet<string> = new Set(['phase', 'stage', 'layers', 'step', 'seconds']);

/** `loss 2.314, held out bits 3.1`: at most four numbers. */
function metricText(record: Readonly<Record<string, number | string>>): string {
  return Object.entries(record)
    .filter(([name]) => !positions.has(name))
    .slice(0, 4)
    .map(
      ([name, value]) =>
        `${words(name)} ${typeof value === 'number' ? formatNumber(value) : value}`,
    )
    .join(', ');
}

/** `held out bits` from `heldOutBits`. */
function words(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function lineDisplay(output: Output): Display {
  const start = performance.now();
  const pace = paceKeeper();
  let last = Number.NEGATIVE_INFINITY;
  let numbers = '';
  return {
    update(done, total, label) {
      const left = pace(done, total);
      const now = performance.now();
      if (now - last < lineInterval && done < total) return;
      last = now;
      const percent = total > 0 ? Math.floor((100 * done) / total) : 0;
      const parts = [`${percent} %`, label, paceText(left), numbers].filter((p) => p !== '');
      const line = `${formatDuration((now - start) / 1000)}  ${parts.join('  ')}`;
      output.write(`${output.isTTY ? line.slice(0, output.columns ?? 80) : line}\n`);
    },
    metric(record) {
      numbers = metricText(record);
    },
    log(line) {
      output.write(`${line}\n`);
    },
    end() {},
  };
}

function barDisplay(output: Output): Display {
  const pace = paceKeeper();
  const start = () => {
    const fresh = new SingleBar(
      {
        stream: output,
        format: '{bar} {percentage} %  {words}',
        barsize: 20,
        fps: 8,
        clearOnComplete: true,
        hideCursor: false,
        // Leaves the terminal's own wrapping alone: a killed process could not turn it on again.
        linewrap: true,
      },
      Presets.shades_classic,
    );
    fresh.start(1, 0, { words: '' });
    return fresh;
  };
  let bar: SingleBar | undefined;
  let numbers = '';
  const clear = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(done, total, label) {
      bar ??= start();
      const left = pace(done, total);
      bar.setTotal(total);
      const words = [label, paceText(left), numbers].filter((part) => part !== '');
      bar.update(done, { words: words.join('  ').slice(0, (output.columns ?? 80) - 29) });
    },
    metric(record) {
      numbers = metricText(record);
    },
    log(line) {
      clear();
      output.write(`${line}\n`);
    },
    end: clear,
  };
}
