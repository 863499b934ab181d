import { describe, expect, test } from 'vitest';
import { MesoscopeError } from '../errors.ts';
import { checkProgram, checkRun } from './check.ts';
import type { Instruction, MatrixRef } from './instruction.ts';
import { one, ProgramBuilder, rowsOf } from './program.ts';

/** The fault with which a program is refused, as `code: sentence`; '' if it is accepted. */
function verdict(write: (builder: ProgramBuilder) => void): string {
  const builder = new ProgramBuilder();
  write(builder);
  return refusal(() => checkProgram(builder.program()));
}

function refusal(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof MesoscopeError)) throw error;
    return `${error.fault.code}: ${error.message}`;
  }
  return '';
}

function product(a: MatrixRef, b: MatrixRef, c: MatrixRef, accumulate = false): Instruction {
  return { op: 'product', a, transposeA: false, b, c, alpha: one, accumulate };
}

describe('shapes', () => {
  test('a product whose inner extents differ names instruction, operand, received and expected', () => {
    const message = verdict((b) => {
      const W = b.parameters('shared', 'W', 2, 3);
      b.emit(product(W, b.state('sample', 'h', 4, 5), b.state('sample', 'out', 2, 5)));
    });
    expect(message).toBe(
      'shape-mismatch: instruction 0 (product), operand b: received shape [4 × 5], expected [3 × 5].',
    );
  });

  test('attention takes the rows of one head or of all, and nothing between', () => {
    const attend = (rows: number) => (b: ProgramBuilder) => {
      const queries = b.state('sample', 'q', rows, 5);
      const keys = b.state('sample', 'k', 6, 5);
      b.emit({
        op: 'attention',
        kind: 'softmax',
        causal: true,
        heads: 3,
        keyDimension: 2,
        valueDimension: 2,
        scale: 1,
        alpha: 1,
        queries,
        keys,
        values: keys,
        out: b.state('sample', 'out', 6, 5),
        normaliser: b.state('sample', 'z', 3, 5),
      });
    };
    expect(verdict(attend(6))).toBe('');
    expect(verdict(attend(2))).toBe('');
    expect(verdict(attend(4))).toMatch(/operand queries: .*\[4 × 5\], expected \[6 or 2 × 5\]/);
  });
});

describe('slots', () => {
  test('an operand must lie inside its slot', () => {
    const message = verdict((b) => {
      const h = b.state('sample', 'h', 2, 5);
      b.emit({ op: 'fill', y: rowsOf(h, 1, 2), value: 0 });
    });
    expect(message).toMatch(/operand y: received \[8,24\], expected inside 0 … 16 of "h"/);
  });

  test('an accumulator is only added to', () => {
    const write = (accumulate: boolean) => (b: ProgramBuilder) => {
      const x = b.state('sample', 'x', 2, 5);
      const c = b.parameters('accumulator', 'c', 2, 2);
      b.emit({ op: 'outer', a: x, b: x, c, alpha: one, accumulate });
    };
    expect(verdict(write(true))).toBe('');
    expect(verdict(write(false))).toMatch(/operand c: .*"c" is an accumulator/);
    const read = verdict((b) => {
      const c = b.parameters('accumulator', 'c', 2, 2);
      b.emit({
        op: 'axpy',
        x: c,
        y: b.parameters('shared', 'y', 2, 2),
        alpha: one,
        accumulate: true,
      });
    });
    expect(read).toMatch(/operand x: .*"c" is an accumulator/);
  });

  test('scratch is written before it is read', () => {
    const write = (first: boolean) => (b: ProgramBuilder) => {
      const hidden = b.scratch(2, 5);
      if (first) b.emit({ op: 'fill', y: hidden, value: 1 });
      b.emit({
        op: 'axpy',
        x: hidden,
        y: b.state('sample', 'y', 2, 5),
        alpha: one,
        accumulate: false,
      });
    };
    expect(verdict(write(true))).toBe('');
    expect(verdict(write(false))).toMatch(/operand x: .*\(0, 0\).*Write to it first/);
    const accumulates = verdict((b) => {
      const x = b.state('sample', 'x', 2, 5);
      b.emit({ op: 'axpy', x, y: b.scratch(2, 5), alpha: one, accumulate: true });
    });
    expect(accumulates).toMatch(/operand y/);
  });

  test('a result may not overlap what it is computed from, except in place, entry by entry', () => {
    const square = verdict((b) => {
      const W = b.parameters('shared', 'W', 8, 8);
      b.emit(product(W, W, W));
    });
    expect(square).toMatch(/operand c: received "overlapping operand a"/);
    const inPlace = verdict((b) => {
      const x = b.state('sample', 'x', 3, 5);
      b.emit({ op: 'activation', kind: 'tanh', x, y: x });
    });
    expect(inPlace).toBe('');
    const shifted = verdict((b) => {
      const x = b.state('sample', 'x', 3, 5);
      b.emit({ op: 'activation', kind: 'tanh', x: rowsOf(x, 0, 2), y: rowsOf(x, 1, 2) });
    });
    expect(shifted).toMatch(/operand y: received "overlapping operand x"/);
  });

  test('columns inside a state cannot be a result: its padding would overwrite the others', () => {
    const message = verdict((b) => {
      const h = b.state('sample', 'h', 2, 16);
      b.emit({ op: 'fill', y: { ...h, columns: 3 }, value: 0 });
    });
    expect(message).toMatch(/operand y, stride: received 16, expected 3 or 8.*gather/);
  });
});

test('a scalar that the program has not declared', () => {
  const message = verdict((b) => {
    const x = b.state('sample', 'x', 2, 5);
    b.emit({ op: 'axpy', x, y: x, alpha: { factor: 1, index: 0 }, accumulate: true });
  });
  expect(message).toMatch(/alpha, index: received 0, expected one of the program's 0 scalars/);
});

describe('a run', () => {
  const builder = new ProgramBuilder();
  const x = builder.state('sample', 'x', 2, 5);
  const W = builder.parameters('shared', 'W', 2, 2);
  const alpha = builder.scalar('rate');
  builder.emit({ op: 'outer', a: x, b: x, c: W, alpha, accumulate: true });
  const program = builder.program();
  const buffers = { x: new Float64Array(16), W: new Float64Array(4) };
  const scalars = { rate: 1 };

  test('is accepted when everything is there', () => {
    expect(refusal(() => checkRun(program, { samples: 1, buffers, scalars }, 'f64'))).toBe('');
  });

  test.each([
    ['a missing buffer', { samples: 1, buffers: { x: buffers.x }, scalars }, /buffer "W"/],
    [
      'a short one',
      { samples: 1, buffers: { ...buffers, W: buffers.W.subarray(1) }, scalars },
      /\[3\]/,
    ],
    [
      'the other precision',
      { samples: 1, buffers: { ...buffers, x: new Float32Array(16) }, scalars },
      /"f32".*"f64"/,
    ],
    ['a missing scalar', { samples: 1, buffers }, /scalar "rate"/],
    ['half a sample', { samples: 0.5, buffers, scalars }, /samples: received 0.5/],
    [
      'two samples writing to one slot',
      { samples: 2, buffers: { ...buffers, x: new Float64Array(32) }, scalars },
      /writes to the shared slot "W"/,
    ],
  ])('is refused with %s', (_, run, expected) => {
    expect(refusal(() => checkRun(program, run, 'f64'))).toMatch(expected);
  });
});
