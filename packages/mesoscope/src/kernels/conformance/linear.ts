import { one, scaled } from '../program.ts';
import { type ConformanceCase, constant, type OperandOptions, trialCase } from './trial.ts';

/** Products, sums and entrywise instructions. */
export function linearCases(): ConformanceCase[] {
  return [
    ...productShapes.flatMap(([m, k, n]) =>
      [false, true].flatMap((transposeA) =>
        [false, true].map((accumulate) => productCase(m, k, n, transposeA, accumulate)),
      ),
    ),
    ...productShapes.flatMap(([m, k, n]) =>
      [false, true].map((accumulate) => outerCase(m, k, n, accumulate)),
    ),
    ...stateShapes.flatMap(([d, n]) => [false, true].map((add) => entrywiseCase(d, n, add))),
    ...stateShapes.map(([d, n]) => denseCase(d, n)),
    ...[1, 2, 37].map(accumulatorCase),
    scratchCase(),
    nanCase(),
    noSampleCase(),
  ];
}

/** Rows of C, terms of the sum, columns of C. */
const productShapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 5, 7],
  [4, 16, 8],
  [5, 2, 17],
  [17, 33, 70],
  [64, 70, 130],
  [7, 6, 300],
];

const stateShapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [3, 7],
  [16, 8],
  [5, 130],
  [33, 17],
];

function productCase(
  m: number,
  k: number,
  n: number,
  transposeA: boolean,
  accumulate: boolean,
): ConformanceCase {
  const operation = `${transposeA ? 'AᵀB' : 'AB'}${accumulate ? ' + C' : ''}`;
  return trialCase({
    name: `product ${operation}, ${m}×${k} by ${k}×${n}`,
    samples: 2,
    write({ operand, scalar, builder }) {
      const a = transposeA
        ? operand('A', k, m, { kind: 'shared', dense: true })
        : operand('A', m, k, { kind: 'shared', dense: true });
      const b = operand('B', k, n);
      const c = operand('C', m, n);
      const alpha = scaled(scalar('alpha', -0.75), 0.5);
      builder.emit({ op: 'product', a, transposeA, b, c, alpha, accumulate });
    },
  });
}

function outerCase(m: number, k: number, n: number, accumulate: boolean): ConformanceCase {
  return trialCase({
    name: `outer ABᵀ${accumulate ? ' + C' : ''}, ${m}×${n} by ${k}×${n}`,
    samples: 2,
    write({ operand, scalar, builder }) {
      const alpha = scalar('alpha', 1.25);
      const a = operand('A', m, n);
      const b = operand('B', k, n);
      const c = operand('C', m, k, { dense: true });
      builder.emit({ op: 'outer', a, b, c, alpha, accumulate });
    },
  });
}

function entrywiseCase(d: number, n: number, accumulate: boolean): ConformanceCase {
  return trialCase({
    name: `entrywise and sums, ${d}×${n}${accumulate ? ', accumulating' : ''}`,
    samples: 3,
    write({ operand, scalar, builder }) {
      const alpha = scalar('alpha', 0.3);
      const x = operand('X', d, n);
      const y = operand('Y', d, n);
      const column: OperandOptions = { dense: true };
      builder.emit({
        op: 'rowSums',
        a: x,
        c: operand('row sums', d, 1, column),
        alpha,
        accumulate,
      });
      const b = operand('b', d, 1, { kind: 'shared', dense: true });
      builder.emit({ op: 'broadcast', b, c: operand('broadcast', d, n), accumulate });
      builder.emit({ op: 'fill', y: operand('filled', d, n), value: -1.5 });
      builder.emit({ op: 'axpy', x, y: operand('sum', d, n), alpha, accumulate });
      builder.emit({ op: 'hadamard', x, y, z: operand('hadamard', d, n), alpha, accumulate });
      builder.emit({ op: 'dot', x, y, c: operand('dot', 1, 1, column), alpha, accumulate });
      builder.emit({ op: 'maxAbs', x, c: operand('maxAbs', 1, 1, column) });
      const inPlace = operand('in place', d, n);
      builder.emit({ op: 'axpy', x: inPlace, y: inPlace, alpha, accumulate });
      builder.emit({ op: 'hadamard', x: inPlace, y: inPlace, z: inPlace, alpha, accumulate });
    },
  });
}

/** The same instructions on matrices without padding: they must not write past their ends. */
function denseCase(d: number, n: number): ConformanceCase {
  return trialCase({
    name: `entrywise on dense ${d}×${n}: neighbours stay`,
    write({ builder, operand }) {
      const dense: OperandOptions = { kind: 'shared', dense: true };
      const whole = operand('three matrices', 3 * d, n, dense);
      const x = operand('X', d, n, dense);
      const middle = { ...whole, offset: d * n, rows: d };
      builder.emit({ op: 'axpy', x, y: middle, alpha: one, accumulate: true });
      builder.emit({ op: 'hadamard', x, y: x, z: middle, alpha: one, accumulate: true });
      builder.emit({
        op: 'outer',
        a: x,
        b: x,
        c: operand('XXᵀ', d, d, dense),
        alpha: one,
        accumulate: false,
      });
      const filled = operand('filled rows', 3 * d, n, dense);
      builder.emit({ op: 'fill', y: { ...filled, offset: d * n, rows: d }, value: 2 });
    },
  });
}

/** Every sample adds to the same accumulators. */
function accumulatorCase(samples: number): ConformanceCase {
  return trialCase({
    name: `accumulators over ${samples} samples`,
    samples,
    growth: 256,
    write({ builder, operand }) {
      const x = operand('x', 5, 19);
      const y = operand('y', 3, 19);
      const into: OperandOptions = { kind: 'accumulator', dense: true };
      const alpha = one;
      builder.emit({
        op: 'outer',
        a: x,
        b: y,
        c: operand('outer', 5, 3, into),
        alpha,
        accumulate: true,
      });
      builder.emit({
        op: 'rowSums',
        a: x,
        c: operand('sums', 5, 1, into),
        alpha,
        accumulate: true,
      });
      builder.emit({ op: 'dot', x, y: x, c: operand('dot', 1, 1, into), alpha, accumulate: true });
      const state = operand('state', 5, 19, { kind: 'accumulator' });
      builder.emit({ op: 'axpy', x, y: state, alpha, accumulate: true });
    },
  });
}

/** Values pass through scratch, which several samples use one after the other. */
function scratchCase(): ConformanceCase {
  return trialCase({
    name: 'scratch between instructions',
    samples: 5,
    write({ builder, operand }) {
      const x = operand('x', 4, 11);
      const W = operand('W', 6, 4, { kind: 'shared', dense: true });
      const hidden = builder.scratch(6, 11);
      const out = operand('out', 4, 11);
      const common = { alpha: one, accumulate: false } as const;
      builder.emit({ op: 'product', a: W, transposeA: false, b: x, c: hidden, ...common });
      builder.emit({ op: 'hadamard', x: hidden, y: hidden, z: hidden, ...common });
      builder.emit({ op: 'product', a: W, transposeA: true, b: hidden, c: out, ...common });
    },
  });
}

function nanCase(): ConformanceCase {
  return trialCase({
    name: 'maxAbs sees a NaN and an infinity',
    samples: 3,
    write({ builder, operand }) {
      const x = operand('x', 5, 21, {
        entry: (random, i, j, s) => (i === 3 && j === 20 ? special[s] : random.normal()),
      });
      builder.emit({ op: 'maxAbs', x, c: operand('c', 1, 1, { dense: true }) });
    },
  });
}

const special = [Number.NaN, Number.NEGATIVE_INFINITY, 3];

function noSampleCase(): ConformanceCase {
  return trialCase({
    name: 'no sample: nothing happens',
    samples: 0,
    growth: 0,
    write({ builder, operand }) {
      const x = operand('x', 2, 3);
      const c = operand('c', 2, 2, { kind: 'accumulator', dense: true, entry: constant(1) });
      builder.emit({ op: 'outer', a: x, b: x, c, alpha: one, accumulate: true });
    },
  });
}
