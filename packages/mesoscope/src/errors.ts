/**
 * Everything that can be wrong with what a person hands us, as data. The sentence is made late, by
 * {@link describe}, so that a command line, a page and a test can each show it their own way.
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
      return `Unknown ${fault.kind} "${fault.received}". ${hint}`;
    }
    case 'invalid-value':
      return `${fault.path}: received ${quote(fault.received)}, expected ${fault.expected}.${fault.wayOut ? ` ${fault.wayOut}` : ''}`;
    case 'shape-mismatch':
      return `${fault.path}: received shape [${fault.received.join(' × ')}], expected [${fault.expected.join(' × ')}].`;
    case 'not-finite':
      return `${fault.path}: entry ${fault.index} is ${fault.received}; every number must be finite.`;
    case 'invalid-configuration':
      return `The configuration is not valid:\n${fault.issues.map((i) => `  ${i.path || '(root)'}: ${i.message}`).join('\n')}`;
    case 'out-of-memory':
      return `Needs ${megabytes(fault.requestedBytes)} more, ${megabytes(fault.availableBytes)} are free in this backend's memory. ${fault.wayOut}`;
    case 'unsupported':
      return `${fault.by} cannot do this: ${fault.what}. ${fault.wayOut}`;
    case 'file':
      return `${fault.path}: ${fault.reason}. ${fault.wayOut}`;
  }
}

/** The known name closest to what was typed, if it is close enough to be a slip. */
export function nearest(received: string, known: readonly string[]): string | undefined {
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

function quote(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value);
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
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
