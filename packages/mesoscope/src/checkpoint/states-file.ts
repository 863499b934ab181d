import { MesoscopeError } from '../errors.ts';
import type { NumberArray } from '../formats/arrays.ts';
import { requireFinite } from '../numeric/checks.ts';
import type { Matrix } from '../numeric/matrix.ts';
import { unreadable } from './refusal.ts';

/** The fewest tokens of which a cloud's statistics say anything. */
const fewest = 8;

/**
 * Hidden states of one's own by depth: arrays `h0` … `hL` and, where there is one, `final`, each n × d or inputs × n × d.
 *
 * @throws MesoscopeError `file` (no h0, a gap, other arrays of states' names), `shape-mismatch`, `not-finite`
 */
export function matrixByName(
  arrays: Readonly<Record<string, NumberArray>>,
  path: string,
): Record<string, readonly Matrix[]> {
  const names: string[] = [];
  while (arrays[`h${names.length}`] !== undefined) names.push(`h${names.length}`);
  const stray = Object.keys(arrays).find((name) => /^h\d+$/.test(name) && !names.includes(name));
  if (names.length === 0 || stray !== undefined) {
    const reason =
      stray === undefined ? 'it holds no array h0' : `it holds ${stray}, but not h${names.length}`;
    throw unreadable(path, reason, 'Name the states h0, h1, … hL, and final after the last norm.');
  }
  if (arrays.final !== undefined) names.push('final');
  const [, ...expected] = arrays.h0.shape.length === 2 ? [1, ...arrays.h0.shape] : arrays.h0.shape;
  return Object.fromEntries(
    names.map((name) => [name, clouds(arrays[name], name, expected, path)]),
  );
}

function clouds(
  { shape, data }: NumberArray,
  name: string,
  [n, d]: readonly number[],
  path: string,
): Matrix[] {
  const [inputs, rows, columns] = shape.length === 2 ? [1, ...shape] : shape;
  if (shape.length > 3 || shape.length < 2 || rows !== n || columns !== d || n < fewest) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: `${path}, ${name}`,
      received: shape,
      expected: n >= fewest ? ['inputs, or none', n, d] : [`at least ${fewest} tokens`, d ?? 'd'],
    });
  }
  requireFinite(`${path}, ${name}`, data);
  return Array.from({ length: inputs }, (_, i) => ({
    rows,
    columns,
    data: Float64Array.from(data.subarray(i * rows * columns, (i + 1) * rows * columns)),
  }));
}
