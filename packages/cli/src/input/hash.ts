import { createHash } from 'node:crypto';

/** SHA-256 of a value as JSON with sorted keys, its first hexadecimal digits. */
export function hashOf(value: unknown, digits: number): string {
  const text = JSON.stringify(sorted(value));
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

/** The same value with the keys of all objects in alphabetical order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, entry]) => [key, sorted(entry)]));
}
