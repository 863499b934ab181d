import { describe, expect, test } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import type { MatrixRef } from './instruction.ts';
import { literal, ProgramBuilder, rowsOf, stateLength } from './program.ts';
import { pullBack } from './pullback.ts';
import { createReferenceBackend } from './reference/backend.ts';

const [d, n] = [4, 5];
const backend = createReferenceBackend();

/** Forward lines from h (d × n) and W (d × d) to a result of any shape. */
type Lines = (b: ProgramBuilder, h: MatrixRef, W: MatrixRef) => MatrixRef;

interface Derivatives {
  readonly derived: readonly number[];
  readonly differences: readonly number[];
}

/** The gradient of `⟨p, value⟩` by h and W, derived and by central differences of order 4. */
function derivatives(lines: Lines, alpha = 1): Derivatives {
  const random = randomStream(3, 'pullback');
  const draw = (length: number) => random.normals(new Float64Array(length));
  const build = (withGradient: boolean) => {
    const b = new ProgramBuilder();
    const h = b.state('sample', 'h', d, n);
    const W = b.parameters('shared', 'W', d, d);
    const value = lines(b, h, W);
    const costate = b.state('sample', 'p', value.rows, value.columns);
    if (withGradient) {
      const gradients = [
        { of: h, into: b.state('sample', 'gh', d, n), add: false },
        { of: W, into: b.parameters('accumulator', 'gW', d, d), add: true },
      ];
      pullBack(b, { value, costate, alpha: literal(alpha), gradients });
    } else {
      b.dot(value, costate, { alpha: literal(alpha), into: b.parameters('sample', 'J', 1, 1) });
    }
    return { run: backend.compile(b.program()), costateLength: value.rows * costate.stride };
  };
  const { run: evaluate, costateLength } = build(false);
  const h = draw(stateLength(d, n));
  const W = draw(d * d);
  const p = draw(costateLength);
  const objective = () => {
    const J = new Float64Array(1);
    evaluate({ samples: 1, buffers: { h, W, p, J } });
    return J[0];
  };
  const gh = new Float64Array(h.length).fill(7);
  const gW = new Float64Array(W.length).fill(2);
  build(true).run({ samples: 1, buffers: { h, W, p, gh, gW } });
  const step = 1e-3;
  const difference = (x: Float64Array, i: number) => {
    const at = x[i];
    const moved = (shift: number) => {
      x[i] = at + shift;
      const J = objective();
      x[i] = at;
      return J;
    };
    return (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step);
  };
  const entries = Array.from({ length: d * n }, (_, i) => Math.floor(i / n) * 8 + (i % n));
  return {
    derived: [...entries.map((i) => gh[i]), ...gW.map((g) => g - 2)],
    differences: [
      ...entries.map((i) => difference(h, i)),
      ...Array.from(W, (_, i) => difference(W, i)),
    ],
  };
}

const cases: Readonly<Record<string, Lines>> = {
  'the state itself': (_, h) => h,
  'a state that is not used': (b, _h, W) => b.product(W, W),
  product: (b, h, W) => b.product(W, h, { alpha: literal(-0.5) }),
  'product, transposed and twice': (b, h, W) => b.product(W, b.product(W, h, { transpose: true })),
  outer: (b, h, W) => b.outer(b.product(W, h), h, { alpha: literal(0.3) }),
  'row sums, broadcast and a part of their columns': (b, h) =>
    b.hadamard(b.broadcast(b.rowSums(h, { alpha: literal(0.7) }), n), h),
  'a product with itself': (b, h) => b.hadamard(h, h, { alpha: literal(2) }),
  dot: (b, h, W) => b.dot(b.product(W, h), h, { alpha: literal(-1.5) }),
  'sums of copies, added to afterwards': (b, h, W) => {
    const x = b.copy(h, b.scratch(d, n));
    const moved = b.product(W, h);
    b.add(moved, x, literal(0.25));
    b.add(b.activate('tanh', moved), x);
    return b.add(x, b.copy(h, b.scratch(d, n)));
  },
  'a sum whose earlier value is used too': (b, h, W) => {
    const u = b.activate('tanh', b.product(W, h));
    const y = b.scale(h);
    const before = b.scale(y, { alpha: literal(2) });
    b.add(u, y);
    return b.add(before, b.scale(y, { alpha: literal(0.5) }));
  },
  'memory that is written twice': (b, h, W) => {
    const x = b.product(W, h);
    const sum = b.scale(x, { alpha: literal(3) });
    b.copy(h, x);
    return b.add(x, sum);
  },
  'rows of one matrix, from several sources': (b, h, W) => {
    const x = b.scratch(d, n);
    b.scale(rowsOf(h, 1, 2), { into: rowsOf(x, 0, 2), alpha: literal(2) });
    b.fill(rowsOf(x, 2, 2), 1);
    b.add(rowsOf(h, 0, 1), rowsOf(x, 3, 1));
    const before = b.scale(x);
    b.copy(rowsOf(h, 3, 1), rowsOf(x, 1, 1));
    return b.product(W, b.add(b.scale(x, { alpha: literal(0.5) }), before));
  },
  'attention on rows of one product': (b, h, W) => {
    const x = b.product(W, h);
    const shape = { kind: 'softmax', causal: true, heads: 2, scale: 0.8 } as const;
    return b.attention({
      shape: { ...shape, keyDimension: 1, valueDimension: 2 },
      queries: rowsOf(x, 0, 2),
      keys: rowsOf(x, 2, 1),
      values: h,
      weights: undefined,
      alpha: 0.5,
      summed: true,
    });
  },
  'normalised and tangent': (b, h, W) =>
    b.tangent(h, b.normalise('layer', 1e-2, b.product(W, b.normalise('rms', 1e-2, h)))),
};

describe('the derived pullback is what finite differences give', () => {
  test.each(Object.keys(cases))('%s', (name) => {
    for (const alpha of [1, -0.75]) {
      const { derived, differences } = derivatives(cases[name], alpha);
      derived.forEach((x, i) => {
        expect(Math.abs(x - differences[i])).toBeLessThan(1e-8 * Math.max(1, Math.abs(x)));
      });
    }
  });
});

describe('refused', () => {
  const pulled = (lines: Lines) => () => derivatives(lines);

  test('a value that a rule needs and that was overwritten', () => {
    expect(
      pulled((b, h, W) => {
        const x = b.product(W, h);
        const y = b.activate('tanh', x);
        b.fill(x, 0);
        return y;
      }),
    ).toThrow(/operand "x" .* overwritten/);
    expect(
      pulled((b, h, W) => {
        const x = b.product(W, h);
        return b.hadamard(x, h, { into: x });
      }),
    ).toThrow(/operand "x" .* overwritten/);
  });

  test('an instruction without a rule', () => {
    expect(
      pulled((b, h) => {
        const c = b.scratch(1, 1);
        b.maxAbs(h, c);
        return c;
      }),
    ).toThrow(/received "maxAbs", expected one with a pullback/);
  });
});
