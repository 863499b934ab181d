import { createHash } from 'node:crypto';
import { type Claim, MesoscopeError, parseConfiguration } from 'mesoscope';

/** The schema of what a claim can be given; nothing else in the command line knows where a claim keeps it. */
export function claimSchema(claim: Claim): Claim['instance'] {
  return claim.instance;
}

/**
 * An explicit instance of a claim, defaults filled in.
 *
 * @throws MesoscopeError as `parseConfiguration`, with the claim's name and the way to a complete instance
 */
export function parseInstance(claim: Claim, given: unknown): unknown {
  try {
    return parseConfiguration(claimSchema(claim), given);
  } catch (cause) {
    if (cause instanceof MesoscopeError && cause.fault.code === 'invalid-configuration') {
      const wayOut = `A complete instance to begin with: mesoscope template ${claim.id} > instance.json`;
      throw new MesoscopeError({ ...cause.fault, subject: claim.id, wayOut });
    }
    throw cause;
  }
}

/** What a claim ran on: the instance, its defaults included, and a hash by which two can be told apart. */
export interface RanInstance {
  /** Null: the claim's own experiment, which its schema does not spell out. */
  readonly instance: unknown;
  /** SHA-256 of the instance as JSON with sorted keys, its first 16 hexadecimal digits. */
  readonly instanceHash: string | null;
}

/** @param given - undefined: the claim's own experiment */
export function ranInstance(claim: Claim, given: unknown): RanInstance {
  const instance =
    given === undefined ? claimSchema(claim).safeParse({}).data : parseInstance(claim, given);
  if (instance === undefined) return { instance: null, instanceHash: null };
  const text = JSON.stringify(sorted(instance));
  const instanceHash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return { instance, instanceHash };
}

/** The same value with the keys of all objects in alphabetical order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, entry]) => [key, sorted(entry)]));
}
