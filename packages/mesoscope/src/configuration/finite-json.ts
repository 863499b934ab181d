/** A value that JSON can hold, and what had to be left out to make it so. */
export interface FiniteJson {
  readonly value: unknown;
  /** One sentence for each number that JSON does not have. */
  readonly notes: readonly string[];
}

/**
 * Makes a value fit for JSON: typed arrays become lists, and a number that JSON does not have (NaN, ±Infinity)
 * becomes `null` with a note that names its path.
 */
export function finiteJson(input: unknown): FiniteJson {
  const notes: string[] = [];
  return { value: convert(input, '', notes), notes };
}

function convert(value: unknown, path: string, notes: string[]): unknown {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    notes.push(`${path || 'value'} is ${value}, which JSON cannot hold: null stands for it`);
    return null;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) {
    return convert(Array.from(value as unknown as ArrayLike<number>), path, notes);
  }
  if (Array.isArray(value)) return value.map((entry, i) => convert(entry, `${path}[${i}]`, notes));
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      convert(entry, path === '' ? key : `${path}.${key}`, notes),
    ]),
  );
}
