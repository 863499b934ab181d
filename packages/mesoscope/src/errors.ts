/**
 * Everything that can be wrong with what a person hands us, as data. The sentence is made late, by
 * `describe`, so that a command line, a page and a test can each show it their own way.
 */
export type Fault =
  | {
      readonly code: 'unknown-name';
      readonly kind: string;
      readonly received: string;
      readonly known: readonly string[];
    }
  | {
      readonly code: 'invalid-value';
      readonly path: string;
      readonly received: unknown;
      readonly expected: string;
      readonly wayOut?: string | undefined;
    }
  | {
      readonly code: 'shape-mismatch';
      readonly path: string;
      readonly received: readonly number[];
      readonly expected: readonly (number | string)[];
      /** What may have happened: `transposed?`. */
      readonly hint?: string;
    }
  | {
      readonly code: 'not-finite';
      readonly path: string;
      readonly index: number;
      readonly received: number;
    }
  | {
      readonly code: 'invalid-configuration';
      readonly issues: readonly { readonly path: string; readonly message: string }[];
      /** Whose configuration it is, if not the only one: `A.euler-order`. */
      readonly subject?: string;
      readonly wayOut?: string;
    }
  /** Refused by an estimate, before anything was read or allocated. */
  | {
      readonly code: 'too-large';
      readonly path: string;
      /** What takes the memory, as the beginning of a sentence: `its content`. */
      readonly what: string;
      readonly bytes: number;
      readonly budget: number;
      /** The time that it would take one core at the least, and the longest allowed; where a time is known. */
      readonly seconds?: number;
      readonly secondsBudget?: number;
      readonly wayOut: string;
    }
  /** Begun, timed, and stopped, since nobody could be asked. */
  | {
      readonly code: 'too-long';
      /** Of work that are left, as its first part went. */
      readonly seconds: number;
      readonly secondsBudget: number;
      readonly wayOut: string;
    }
  | {
      readonly code: 'out-of-memory';
      readonly requestedBytes: number;
      readonly availableBytes: number;
      readonly wayOut: string;
    }
  | {
      readonly code: 'unsupported';
      readonly what: string;
      readonly by: string;
      readonly wayOut: string;
    }
  | {
      readonly code: 'file';
      readonly path: string;
      readonly reason: string;
      readonly wayOut: string;
    };

/** An input was refused. `fault` says what was received and what was expected; `message` is its sentence. */
export class MesoscopeError extends Error {
  override readonly name = 'MesoscopeError';
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(describe(fault));
    this.fault = fault;
  }
}

/** The sentence for a fault: what was received, what was expected, and the way out. */
export function describe(fault: Fault): string {
  switch (fault.code) {
    case 'unknown-name': {
      const near = nearest(fault.received, fault.known);
      const hint =
        near !== undefined
          ? `Did you mean "${near}"?`
          : fault.known.length > 0
            ? `Known: ${fault.known.join(', ')}.`
            : 'There is none yet.';
      return `Unknown ${fault.kind} "${shortened(fault.received)}". ${hint}`;
    }
    case 'invalid-value':
      return `${shortened(fault.path)}: received ${preview(fault.received)}, expected ${fault.expected}.${fault.wayOut ? ` ${fault.wayOut}` : ''}`;
    case 'shape-mismatch':
      return `${shortened(fault.path)}: received shape ${shapeText(fault.received)}, expected ${shapeText(fault.expected)}${fault.hint ? ` (${fault.hint})` : '.'}`;
    case 'not-finite':
      return `${shortened(fault.path)}: entry ${fault.index} is ${fault.received}; every number must be finite.`;
    case 'invalid-configuration':
      return [
        `The configuration${fault.subject ? ` of ${fault.subject}` : ''} is not valid:`,
        ...issueLines(fault.issues),
        ...(fault.wayOut ? [fault.wayOut] : []),
      ].join('\n');
    case 'too-large': {
      const { seconds, secondsBudget } = fault;
      const time = seconds === undefined ? '' : ` and ${roughTime(seconds)} of one core`;
      const most = secondsBudget === undefined ? '' : ` and ${roughTime(secondsBudget)}`;
      return `${shortened(fault.path)}: ${fault.what} would take at least ${bytesText(fault.bytes)}${time}; the limit is ${bytesText(fault.budget)}${most}. ${fault.wayOut}`;
    }
    case 'too-long':
      return `As its beginning went, the run would take ${roughTime(fault.seconds)} more; past ${roughTime(fault.secondsBudget)} one is asked first. ${fault.wayOut}`;
    case 'out-of-memory':
      return `Needs ${bytesText(fault.requestedBytes)} more, ${bytesText(fault.availableBytes)} are free in this backend's memory. ${fault.wayOut}`;
    case 'unsupported':
      return `${fault.by} cannot do this: ${fault.what}. ${fault.wayOut}`;
    case 'file':
      return `${shortened(fault.path)}: ${fault.reason}. ${fault.wayOut}`;
  }
}

/** Characters of what was received that a sentence repeats at most. */
const longestEcho = 120;

/** A text as a sentence repeats it: its first 120 characters. */
export function shortened(text: string): string {
  return text.length > longestEcho ? `${text.slice(0, longestEcho - 1)}…` : text;
}

/** A value as a sentence repeats it. Only its beginning is looked at, so that a long list costs nothing. */
export function preview(value: unknown, levels = 6): string {
  if (typeof value === 'string') return shortened(JSON.stringify(value.slice(0, longestEcho)));
  if (typeof value !== 'object' || value === null) return shortened(String(value));
  if (levels === 0) return '…';
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const beginning = Array.prototype.slice.call(value, 0, longestEcho) as unknown[];
    return shortened(`[${beginning.map((entry) => preview(entry, levels - 1)).join(',')}]`);
  }
  const entries = Object.entries(value).slice(0, longestEcho);
  const texts = entries.map(([key, entry]) => `"${shortened(key)}":${preview(entry, levels - 1)}`);
  return shortened(`{${texts.join(',')}}`);
}

function shapeText(shape: readonly (number | string)[]): string {
  return `[${shape.join(' × ')}]`;
}

/** Complaints that are listed; the rest is counted. */
const mostIssues = 20;

function issueLines(issues: readonly { readonly path: string; readonly message: string }[]) {
  const lines = issues
    .slice(0, mostIssues)
    .map(({ path, message }) => `  ${shortened(path || '(root)')}: ${message}`);
  const left = issues.length - lines.length;
  return left > 0 ? [...lines, `  … and ${left} more`] : lines;
}

/** The known name closest to what was typed, if it is close enough to be a slip. */
export function nearest(received: string, known: readonly string[]): string | undefined {
  if (received.length > longestEcho) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(received.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(received.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

function bytesText(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let size = bytes / 2 ** 10;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size < 1e6 ? size.toFixed(1) : size.toExponential(1)} ${units[unit]}`;
}

function roughTime(seconds: number): string {
  if (seconds < 1) return 'a second';
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  const days = Math.round(seconds / 86_400);
  return days < 730 ? `${days} days` : `${(days / 365).toPrecision(2)} years`;
}

/** An error without its class, which a message between threads, or a file, loses. */
export interface ErrorData {
  readonly message: string;
  readonly stack: string;
  readonly fault?: Fault;
}

/** An error as data. */
export function errorData(cause: unknown): ErrorData {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const { message, stack = '' } = error;
  return error instanceof MesoscopeError
    ? { message, stack, fault: error.fault }
    : { message, stack };
}

/** The error that was made data. */
export function errorOf({ message, stack, fault }: ErrorData): Error {
  const error = fault === undefined ? new Error(message) : new MesoscopeError(fault);
  return Object.assign(error, { stack });
}
