import { MesoscopeError } from '../errors.ts';
import { refuse, shapeMismatch } from '../numeric/checks.ts';
import type { RandomStream } from '../numeric/random.ts';
import type { Field, ParameterBlock } from './field.ts';

/**
 * A random start: each block has independent normal entries of standard deviation `1/√columns` unless its layout says
 * otherwise ({@link ParameterBlock.deviation}); biases are 0, gains 1. On tokens with entries of order 1 the queries, keys and
 * the value of the field then have entries of order 1, whatever the number of heads.
 */
export function initialiseParameters(field: Field, random: RandomStream): Float64Array {
  const vector = new Float64Array(field.parameters.length);
  for (const { rows, columns, offset, deviation, mean = 0 } of field.parameters.blocks) {
    const scale = deviation ?? 1 / Math.sqrt(columns);
    const entries = vector.subarray(offset, offset + rows * columns).fill(mean);
    if (scale === 0) continue;
    for (let i = 0; i < entries.length; i++) entries[i] += scale * random.normal();
  }
  return vector;
}

/** A bias, a matrix, or one matrix per head. */
export type MatrixValue =
  | readonly number[]
  | readonly (readonly number[])[]
  | readonly (readonly (readonly number[])[])[];

/**
 * A parameter vector from explicit matrices by block name, every block exactly once. A block stacked over heads takes one
 * matrix per head (`Q: [Q_1, Q_2, …]`, each k × d; `O: [O_1, …]`, each d × v); a bias takes a list of numbers.
 *
 * ```ts
 * parametersFromMatrices(field, { ...matricesOfHeads(heads, 'attention'), 'affine.W': W, 'affine.b': b })
 * ```
 *
 * @throws MesoscopeError `unknown-name`, `invalid-value` (missing block), `shape-mismatch`, `not-finite`
 */
export function parametersFromMatrices(
  field: Field,
  matrices: Readonly<Record<string, MatrixValue>>,
): Float64Array {
  const { blocks, length } = field.parameters;
  const known = blocks.map((block) => block.name);
  for (const received of Object.keys(matrices)) {
    if (!known.includes(received)) {
      throw new MesoscopeError({
        code: 'unknown-name',
        kind: 'parameter block',
        received,
        known,
      });
    }
  }
  const vector = new Float64Array(length);
  for (const block of blocks) {
    const value = matrices[block.name];
    if (value === undefined) {
      refuse(
        block.name,
        undefined,
        `a matrix of ${block.rows} × ${block.columns}, or one per head that stack to it`,
      );
    }
    vector.set(entries(block, value), block.offset);
  }
  return vector;
}

/**
 * One matrix per head and block from one record per head: `[{Q, K, V}, …]` to `{Q: [Q_1, …], K: [K_1, …], V: …}`, for
 * {@link parametersFromMatrices}.
 *
 * @param summand - what the attention is called inside a sum of fields: `attention` gives `attention.Q`
 * @throws MesoscopeError `invalid-value` (no head, or heads that have different matrices)
 */
export function matricesOfHeads(
  heads: readonly Readonly<Record<string, readonly (readonly number[])[]>>[],
  summand?: string,
): Record<string, (readonly (readonly number[])[])[]> {
  if (heads.length === 0) {
    refuse('heads', heads, 'at least one head');
  }
  const names = Object.keys(heads[0]);
  const expected = [...names].sort().join(', ');
  heads.forEach((head, h) => {
    const received = Object.keys(head).sort().join(', ');
    if (received !== expected) {
      refuse(`heads[${h}]`, received, `the matrices ${expected}, as the first head has`);
    }
  });
  return Object.fromEntries(
    names.map((name) => [
      summand === undefined ? name : `${summand}.${name}`,
      heads.map((head) => head[name]),
    ]),
  );
}

/** The entries of a block, row-major. */
function entries(block: ParameterBlock, value: MatrixValue): number[] {
  const matrix = asMatrix(block, value);
  const columns = rectangular(block.name, matrix);
  if (matrix.length !== block.rows || columns !== block.columns) {
    throw mismatch(block, [matrix.length, columns]);
  }
  const flat = matrix.flat();
  const index = flat.findIndex((x) => !Number.isFinite(x));
  if (index >= 0) {
    throw new MesoscopeError({
      code: 'not-finite',
      path: block.name,
      index,
      received: flat[index],
    });
  }
  return flat;
}

function asMatrix(block: ParameterBlock, value: MatrixValue): readonly (readonly number[])[] {
  const first = value[0];
  if (!Array.isArray(first)) return (value as readonly number[]).map((x) => [x]);
  if (!Array.isArray(first[0])) return value as readonly (readonly number[])[];
  const heads = value as readonly (readonly (readonly number[])[])[];
  const columns = heads.map((head, h) => rectangular(`${block.name}[${h}]`, head));
  const differing = heads.findIndex(
    (head, h) => head.length !== heads[0].length || columns[h] !== columns[0],
  );
  if (differing >= 0) {
    throw shapeMismatch(
      `${block.name}[${differing}]`,
      [heads[differing].length, columns[differing]],
      [heads[0].length, columns[0]],
    );
  }
  const rows = heads[0].length;
  if (rows === block.rows && heads.length * columns[0] === block.columns) {
    return heads[0].map((_, i) => heads.flatMap((head) => head[i]));
  }
  if (columns[0] !== block.columns || heads.length * rows !== block.rows) {
    throw mismatch(block, [heads.length, rows, columns[0]]);
  }
  return heads.flat();
}

/** The number of columns, if all rows have it. */
function rectangular(path: string, matrix: readonly (readonly number[])[]): number {
  const columns = matrix[0]?.length ?? 0;
  const ragged = matrix.findIndex((row) => row.length !== columns);
  if (ragged >= 0) {
    throw shapeMismatch(`${path}[${ragged}]`, [matrix[ragged].length], [columns]);
  }
  return columns;
}

function mismatch(block: ParameterBlock, received: readonly number[]): MesoscopeError {
  return new MesoscopeError({
    code: 'shape-mismatch',
    path: block.name,
    received,
    expected: [block.rows, block.columns],
  });
}
