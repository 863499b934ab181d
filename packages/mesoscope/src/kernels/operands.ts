import type { Instruction, MatrixRef } from './instruction.ts';

/**
 * What an instruction does with an operand: `read` it; `write` it, whatever stood there; `accumulate`: add to it
 * without looking at it; `update`: read and replace it.
 */
export type Role = 'read' | 'write' | 'accumulate' | 'update';

/** A number of rows or columns: fixed, or named by a letter that must stand for one number within an instruction. */
export type Extent = number | string | OneOf;

/** An operand that may have either of two numbers of rows, as one head's or all heads'. */
export interface OneOf {
  readonly oneOf: readonly [number, number];
}

/** One operand of an instruction, with what {@link Instruction} says about its shape. */
export interface Operand {
  readonly name: string;
  readonly ref: MatrixRef;
  readonly role: Role;
  readonly rows: Extent;
  readonly columns: Extent;
}

/** The operands of an instruction, in the order in which its formula names them. */
export function operandsOf(instruction: Instruction): readonly Operand[] {
  const i = instruction;
  switch (i.op) {
    case 'product':
      return [
        i.transposeA ? read('a', i.a, 'k', 'm') : read('a', i.a, 'm', 'k'),
        read('b', i.b, 'k', 'n'),
        result('c', i.c, 'm', 'n', i.accumulate),
      ];
    case 'outer':
      return [
        read('a', i.a, 'm', 'n'),
        read('b', i.b, 'k', 'n'),
        result('c', i.c, 'm', 'k', i.accumulate),
      ];
    case 'rowSums':
      return [read('a', i.a, 'm', 'n'), result('c', i.c, 'm', 1, i.accumulate)];
    case 'broadcast':
      return [read('b', i.b, 'm', 1), result('c', i.c, 'm', 'n', i.accumulate)];
    case 'fill':
      return [write('y', i.y, 'm', 'n')];
    case 'axpy':
      return [read('x', i.x, 'm', 'n'), result('y', i.y, 'm', 'n', i.accumulate)];
    case 'hadamard':
      return [
        read('x', i.x, 'm', 'n'),
        read('y', i.y, 'm', 'n'),
        result('z', i.z, 'm', 'n', i.accumulate),
      ];
    case 'dot':
      return [
        read('x', i.x, 'm', 'n'),
        read('y', i.y, 'm', 'n'),
        result('c', i.c, 1, 1, i.accumulate),
      ];
    case 'maxAbs':
      return [read('x', i.x, 'm', 'n'), write('c', i.c, 1, 1)];
    case 'activation':
    case 'normalise':
      return [read('x', i.x, 'd', 'n'), write('y', i.y, 'd', 'n')];
    case 'activationPullback':
    case 'normalisePullback':
      return [
        read('x', i.x, 'd', 'n'),
        read('p', i.p, 'd', 'n'),
        result('g', i.g, 'd', 'n', i.accumulate),
      ];
    case 'tangent':
      return [read('x', i.x, 'd', 'n'), read('f', i.f, 'd', 'n'), write('y', i.y, 'd', 'n')];
    case 'tangentPullback':
      return [
        read('x', i.x, 'd', 'n'),
        read('f', i.f, 'd', 'n'),
        read('p', i.p, 'd', 'n'),
        accumulate('gx', i.gx, 'd', 'n'),
        accumulate('gf', i.gf, 'd', 'n'),
      ];
    case 'attention': {
      const { ofKeys, ofValues } = headRows(i);
      const m = i.causal ? 'n' : 'm';
      return [
        read('queries', i.queries, ofKeys, 'n'),
        read('keys', i.keys, ofKeys, m),
        read('values', i.values, ofValues, m),
        ...(i.weights === undefined ? [] : [read('weights', i.weights, 1, m)]),
        write('out', i.out, ofValues, 'n'),
        write('normaliser', i.normaliser, i.heads, 'n'),
      ];
    }
    case 'attentionPullback': {
      const { ofKeys, ofValues } = headRows(i);
      const m = i.causal ? 'n' : 'm';
      return [
        read('queries', i.queries, ofKeys, 'n'),
        read('keys', i.keys, ofKeys, m),
        read('values', i.values, ofValues, m),
        ...(i.weights === undefined ? [] : [read('weights', i.weights, 1, m)]),
        read('normaliser', i.normaliser, i.heads, 'n'),
        read('p', i.p, ofValues, 'n'),
        accumulate('gQueries', i.gQueries, i.queries.rows, 'n'),
        accumulate('gKeys', i.gKeys, i.keys.rows, m),
        accumulate('gValues', i.gValues, i.values.rows, m),
      ];
    }
    case 'crossEntropy':
      return [
        read('logits', i.logits, 'C', 'n'),
        read('labels', i.labels, 1, 'n'),
        read('weights', i.weights, 1, 'n'),
        write('loss', i.loss, 1, 'n'),
        write('residual', i.residual, 'C', 'n'),
      ];
    case 'gather':
      return [
        read('table', i.table, 'd', 'c'),
        read('indices', i.indices, 1, 'n'),
        result('y', i.y, 'd', 'n', i.accumulate),
      ];
    case 'scatter':
      return [
        read('indices', i.indices, 1, 'n'),
        read('p', i.p, 'd', 'n'),
        accumulate('g', i.g, 'd', 'c'),
      ];
    case 'adam':
      return [
        update('x', i.x, 'm', 'n'),
        read('g', i.g, 'm', 'n'),
        update('m', i.m, 'm', 'n'),
        update('v', i.v, 'm', 'n'),
      ];
    case 'pairwiseLogSumExp':
      return [
        read('x', i.x, 'd', 'n'),
        read('y', i.y, 'd', 'm'),
        read('potential', i.potential, 1, 'm'),
        read('logWeights', i.logWeights, 1, 'm'),
        read('previous', i.previous, 1, 'n'),
        write('out', i.out, 1, 'n'),
      ];
    case 'gaussianMoments': {
      const square = i.dimension * i.dimension;
      return [
        update('mean', i.mean, i.dimension, 'n'),
        update('covariance', i.covariance, square, 'n'),
        read('V', i.V, i.heads * square, 'n'),
        read('B', i.B, i.heads * square, 'n'),
        read('W', i.W, square, 'n'),
        read('b', i.b, i.dimension, 'n'),
      ];
    }
  }
}

function headRows(shape: { heads: number; keyDimension: number; valueDimension: number }): {
  ofKeys: OneOf;
  ofValues: OneOf;
} {
  const { heads, keyDimension, valueDimension } = shape;
  return {
    ofKeys: { oneOf: [heads * keyDimension, keyDimension] },
    ofValues: { oneOf: [heads * valueDimension, valueDimension] },
  };
}

function read(name: string, ref: MatrixRef, rows: Extent, columns: Extent): Operand {
  return { name, ref, role: 'read', rows, columns };
}

function write(name: string, ref: MatrixRef, rows: Extent, columns: Extent): Operand {
  return { name, ref, role: 'write', rows, columns };
}

function accumulate(name: string, ref: MatrixRef, rows: Extent, columns: Extent): Operand {
  return { name, ref, role: 'accumulate', rows, columns };
}

function update(name: string, ref: MatrixRef, rows: Extent, columns: Extent): Operand {
  return { name, ref, role: 'update', rows, columns };
}

function result(
  name: string,
  ref: MatrixRef,
  rows: Extent,
  columns: Extent,
  adds: boolean,
): Operand {
  return { name, ref, role: adds ? 'accumulate' : 'write', rows, columns };
}
