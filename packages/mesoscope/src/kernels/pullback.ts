import { refuse } from '../numeric/checks.ts';
import { type Costate, Costates, type Gradient, isOne } from './costates.ts';
import type { Instruction, InstructionOf, MatrixRef, Opcode, ScalarRef } from './instruction.ts';
import { operandsOf, overlap } from './operands.ts';
import { one, type ProgramBuilder } from './program.ts';

export type { Gradient } from './costates.ts';

/** What is pulled back. */
export interface Pullback {
  /** The result. */
  readonly value: MatrixRef;
  /** `p = alpha · costate`, shaped like it; alpha is 1 by default. */
  readonly costate: MatrixRef;
  readonly alpha?: ScalarRef;
  /** By what, and where to. */
  readonly gradients: readonly Gradient[];
  /** How many instructions the builder had before those that compute the value; default 0. */
  readonly from?: number;
}

/**
 * Writes the vector–Jacobian product `Dᵀp` of the instructions written so far: they are read backwards, and each gives the
 * contributions of its rule. Only what leads from `gradients` to `value` is written; what of the forward pass nothing
 * reads any more, a backend leaves out. An operand that a rule needs must still stand where it was.
 *
 * Source: Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3 (reverse mode).
 *
 * @throws RangeError for an instruction that has no rule, or a value that was overwritten
 */
export function pullBack(builder: ProgramBuilder, pullback: Pullback): void {
  const { value, costate, alpha = one, gradients, from = 0 } = pullback;
  const tape = builder.instructions.slice(from);
  const costates = new Costates(builder, tape, gradients);
  costates.pass(value, { matrix: costate, alpha });
  for (let at = tape.length - 1; at >= 0; at--) {
    const instruction = tape[at];
    const results = operandsOf(instruction).filter(({ role }) => role !== 'read');
    const [p, ...others] = results.map(({ ref, role }) =>
      role === 'accumulate' ? costates.of(ref) : costates.take(ref, at),
    );
    if (others.some((other) => other !== undefined)) withoutPullback(instruction.op);
    if (p === undefined) continue;
    const before = builder.instructions.length;
    rules[instruction.op](instruction as never, p, costates);
    requireUntouched(builder.instructions.slice(before), tape.slice(at));
  }
  costates.finish();
}

type Rule<Op extends Opcode> = (instruction: InstructionOf<Op>, p: Costate, g: Costates) => void;

/** One rule an opcode: what the costate p of its first result adds to the costates g of its operands. */
const rules: { readonly [Op in Opcode]: Rule<Op> } = {
  product: ({ a, transposeA, b, alpha }, p, g) => {
    const { matrix, alpha: factor } = g.times(alpha, p);
    g.send(a, factor, (to) =>
      transposeA ? g.builder.outer(b, matrix, to) : g.builder.outer(matrix, b, to),
    );
    g.send(b, factor, (to) => g.builder.product(a, matrix, { ...to, transpose: !transposeA }));
  },
  outer: ({ a, b, alpha }, p, g) => {
    const { matrix, alpha: factor } = g.times(alpha, p);
    g.send(a, factor, (to) => g.builder.product(matrix, b, to));
    g.send(b, factor, (to) => g.builder.product(matrix, a, { ...to, transpose: true }));
  },
  rowSums: ({ a, alpha }, p, g) => {
    const column = g.plain(g.times(alpha, p));
    g.send(a, one, (to) => g.builder.broadcast(column, a.columns, to));
  },
  broadcast: ({ b }, p, g) => g.send(b, p.alpha, (to) => g.builder.rowSums(p.matrix, to)),
  fill: () => {},
  axpy: ({ x, alpha }, p, g) => {
    if (isOne(alpha)) g.pass(x, p);
    else {
      const { matrix, alpha: factor } = g.times(alpha, p);
      g.send(x, factor, (to) => g.builder.scale(matrix, to));
    }
  },
  hadamard: ({ x, y, alpha }, p, g) => {
    const { matrix, alpha: factor } = g.times(alpha, p);
    g.send(x, factor, (to) => g.builder.hadamard(matrix, y, to));
    g.send(y, factor, (to) => g.builder.hadamard(matrix, x, to));
  },
  dot: ({ x, y, alpha }, p, g) => {
    const { matrix, alpha: factor } = g.times(alpha, p);
    const ones = g.builder.scratch(x.rows, 1);
    g.builder.fill(ones, 1);
    const everywhere = g.builder.product(ones, g.builder.broadcast(matrix, x.columns));
    g.send(x, factor, (to) => g.builder.hadamard(everywhere, y, to));
    g.send(y, factor, (to) => g.builder.hadamard(everywhere, x, to));
  },
  activation: ({ kind, x }, p, g) => {
    const costate = g.plain(p);
    g.send(x, one, ({ into, add }) =>
      g.builder.emit({
        op: 'activationPullback',
        kind,
        x,
        p: costate,
        g: into,
        accumulate: add,
      }),
    );
  },
  normalise: ({ kind, epsilon, x }, p, g) => {
    const costate = g.plain(p);
    g.send(x, one, ({ into, add }) =>
      g.builder.emit({
        op: 'normalisePullback',
        kind,
        epsilon,
        x,
        p: costate,
        g: into,
        accumulate: add,
      }),
    );
  },
  rotate: ({ layout, dimension, theta, inverse, x }, p, g) => {
    const costate = g.plain(p);
    g.send(x, one, ({ into, add }) =>
      g.builder.emit({
        op: 'rotate',
        layout,
        dimension,
        theta,
        inverse: !inverse,
        x: costate,
        y: into,
        accumulate: add,
      }),
    );
  },
  tangent: ({ x, f }, p, g) =>
    g.builder.emit({
      op: 'tangentPullback',
      x,
      f,
      p: g.plain(p),
      gx: g.sum(x),
      gf: g.sum(f),
    }),
  attention: ({ op, out, ...operands }, p, g) =>
    g.builder.emit({
      ...operands,
      op: 'attentionPullback',
      p: g.plain(p),
      gQueries: g.sum(operands.queries),
      gKeys: g.sum(operands.keys),
      gValues: g.sum(operands.values),
    }),
  gather: ({ table, indices }, p, g) =>
    g.builder.emit({ op: 'scatter', indices, p: g.plain(p), g: g.sum(table) }),
  // The residual is the derivative of the loss: begin there.
  crossEntropy: ({ op }) => withoutPullback(op),
  maxAbs: ({ op }) => withoutPullback(op),
  activationPullback: ({ op }) => withoutPullback(op),
  normalisePullback: ({ op }) => withoutPullback(op),
  tangentPullback: ({ op }) => withoutPullback(op),
  attentionPullback: ({ op }) => withoutPullback(op),
  scatter: ({ op }) => withoutPullback(op),
  adam: ({ op }) => withoutPullback(op),
  pairwiseLogSumExp: ({ op }) => withoutPullback(op),
  gaussianMoments: ({ op }) => withoutPullback(op),
};

function withoutPullback(op: Opcode): never {
  refuse(
    'instruction',
    op,
    'one with a pullback',
    'Write the field with others, or run it forward only.',
  );
}

/** Operands of an instruction that its pullback reads must not have been written by it or since. */
function requireUntouched(
  pullback: readonly Instruction[],
  [instruction, ...later]: readonly Instruction[],
): void {
  const read = pullback.flatMap(operandsOf).filter(({ role }) => role === 'read');
  const written = later.flatMap(operandsOf).filter(({ role }) => role !== 'read');
  const own = operandsOf(instruction);
  for (const { name, ref, role } of own) {
    const since =
      role === 'read' ? [...written, ...own.filter((o) => o.role === 'write')] : written;
    if (
      read.some((operand) => overlap(operand.ref, ref)) &&
      since.some((result) => overlap(result.ref, ref))
    ) {
      refuse(
        `operand "${name}" of "${instruction.op}"`,
        'a value that was overwritten',
        'one that is still there when the derivative is taken',
        'Write later values to a matrix of their own.',
      );
    }
  }
}
