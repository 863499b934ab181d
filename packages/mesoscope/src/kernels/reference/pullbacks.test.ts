import { describe, expect, test } from 'vitest';
import { randomStream } from '../../numeric/random.ts';
import type { Instruction, MatrixRef } from '../instruction.ts';
import { activationKinds, rotationLayouts } from '../instruction-table.ts';
import { ProgramBuilder } from '../program.ts';
import { createReferenceBackend } from './backend.ts';

const backend = createReferenceBackend();

interface PullbackCase {
  /** Rows and columns of the operands that are differentiated. */
  readonly inputs: Readonly<Record<string, readonly [number, number]>>;
  /** Operands that are not: shape and entries. */
  readonly fixed?: Readonly<Record<string, readonly [number, number, (j: number) => number]>>;
  /** Results: the first is differentiated, the others only written. */
  readonly outputs: Readonly<Record<string, readonly [number, number]>>;
  readonly forward: (at: (name: string) => MatrixRef) => Instruction;
  /** `g.name` is the gradient of input `name`; `p` the costate of the first output. */
  readonly pullback: (at: (name: string) => MatrixRef) => Instruction;
}

/** Compares the pullback of `⟨p, out⟩` with central differences; the padding holds NaN throughout. */
function expectPullback({ inputs, fixed = {}, outputs, forward, pullback }: PullbackCase): void {
  const random = randomStream(7, 'pullbacks');
  const builder = new ProgramBuilder();
  const refs = new Map<string, MatrixRef>();
  const buffers: Record<string, Float64Array> = {};
  const declare = (
    name: string,
    [rows, columns]: readonly [number, number],
    value: (j: number) => number,
  ) => {
    const ref = builder.state('sample', name, rows, columns);
    refs.set(name, ref);
    buffers[name] = new Float64Array(rows * ref.stride).fill(Number.NaN);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) buffers[name][i * ref.stride + j] = value(j);
    }
  };
  const [out] = Object.keys(outputs);
  for (const [name, shape] of Object.entries(inputs)) {
    declare(name, shape, () => random.normal());
    declare(`g.${name}`, shape, () => 0);
  }
  for (const [name, [rows, columns, value]] of Object.entries(fixed))
    declare(name, [rows, columns], value);
  for (const [name, shape] of Object.entries(outputs)) declare(name, shape, () => 0);
  declare('p', outputs[out], () => random.normal());
  const at = (name: string) => {
    const ref = refs.get(name);
    if (ref === undefined) throw new Error(`no operand ${name}`);
    return ref;
  };
  builder.emit(forward(at));
  const slots = builder.program().slots;
  const run = backend.compile({ slots, scalars: [], instructions: [forward(at)] });
  const runBoth = backend.compile({
    slots,
    scalars: [],
    instructions: [forward(at), pullback(at)],
  });

  const objective = () => {
    run({ samples: 1, buffers });
    const { rows, columns, stride } = at(out);
    let total = 0;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++)
        total += buffers.p[i * stride + j] * buffers[out][i * stride + j];
    }
    return total;
  };
  runBoth({ samples: 1, buffers });
  const step = 1e-5;
  for (const name of Object.keys(inputs)) {
    const { rows, columns, stride } = at(name);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const entry = i * stride + j;
        const centre = buffers[name][entry];
        buffers[name][entry] = centre + step;
        const above = objective();
        buffers[name][entry] = centre - step;
        const below = objective();
        buffers[name][entry] = centre;
        const difference = (above - below) / (2 * step);
        const gradient = buffers[`g.${name}`][entry];
        expect(Math.abs(gradient - difference), `${name}(${i}, ${j})`).toBeLessThan(
          1e-7 * Math.max(1, Math.abs(difference)),
        );
      }
    }
  }
}

describe('pullbacks agree with central differences', () => {
  test.each(activationKinds)('%s', (kind) => {
    expectPullback({
      inputs: { x: [3, 5] },
      outputs: { y: [3, 5] },
      forward: (at) => ({ op: 'activation', kind, x: at('x'), y: at('y') }),
      pullback: (at) => ({
        op: 'activationPullback',
        kind,
        x: at('x'),
        p: at('p'),
        g: at('g.x'),
        accumulate: true,
      }),
    });
  });

  test.each(['layer', 'rms'] as const)('%s normalisation', (kind) => {
    const common = { kind, epsilon: 1e-3 } as const;
    expectPullback({
      inputs: { x: [4, 5] },
      outputs: { y: [4, 5] },
      forward: (at) => ({ op: 'normalise', ...common, x: at('x'), y: at('y') }),
      pullback: (at) => ({
        op: 'normalisePullback',
        ...common,
        x: at('x'),
        p: at('p'),
        g: at('g.x'),
        accumulate: false,
      }),
    });
  });

  test('tangent projection', () => {
    expectPullback({
      inputs: { x: [3, 4], f: [3, 4] },
      outputs: { y: [3, 4] },
      forward: (at) => ({ op: 'tangent', x: at('x'), f: at('f'), y: at('y') }),
      pullback: (at) => ({
        op: 'tangentPullback',
        x: at('x'),
        f: at('f'),
        p: at('p'),
        gx: at('g.x'),
        gf: at('g.f'),
      }),
    });
  });

  test.each(rotationLayouts)('rotary positions, %s', (layout) => {
    const common = { op: 'rotate', layout, dimension: 4, theta: 30, accumulate: false } as const;
    expectPullback({
      inputs: { x: [8, 5] },
      outputs: { y: [8, 5] },
      forward: (at) => ({ ...common, x: at('x'), y: at('y'), inverse: false }),
      pullback: (at) => ({ ...common, x: at('p'), y: at('g.x'), inverse: true }),
    });
  });

  test.each([
    { window: 1 },
    { window: 1, causal: true },
    { alibi: 0.7 },
    { softCap: 0.8 },
    { softCap: 0.8, alibi: 0.3, window: 2, causal: true },
  ])('attention with groups and $window, $alibi, $softCap', (variant) => {
    const operands = (at: (name: string) => MatrixRef) => ({
      kind: 'softmax' as const,
      causal: false,
      heads: 4,
      keyDimension: 2,
      valueDimension: 3,
      scale: 0.6,
      alpha: 1.5,
      ...variant,
      queries: at('queries'),
      keys: at('keys'),
      values: at('values'),
      normaliser: at('normaliser'),
    });
    expectPullback({
      inputs: { queries: [8, 5], keys: [4, 5], values: [6, 5] },
      outputs: { out: [12, 5], normaliser: [4, 5] },
      forward: (at) => ({ op: 'attention', ...operands(at), out: at('out') }),
      pullback: (at) => ({
        op: 'attentionPullback',
        ...operands(at),
        p: at('p'),
        gQueries: at('g.queries'),
        gKeys: at('g.keys'),
        gValues: at('g.values'),
      }),
    });
  });

  test('gather', () => {
    expectPullback({
      inputs: { table: [3, 4] },
      fixed: { indices: [1, 6, (j) => (3 * j) % 4] },
      outputs: { y: [3, 6] },
      forward: (at) => ({
        op: 'gather',
        table: at('table'),
        indices: at('indices'),
        y: at('y'),
        accumulate: false,
      }),
      pullback: (at) => ({ op: 'scatter', indices: at('indices'), p: at('p'), g: at('g.table') }),
    });
  });

  const kinds = ['softmax', 'l2', 'hardmax', 'unnormalised', 'linear'] as const;
  const settings = kinds.flatMap((kind) =>
    [false, true].flatMap((causal) =>
      [false, true].flatMap((summed) =>
        [false, true].map((weighted) => ({ kind, causal, summed, weighted })),
      ),
    ),
  );
  test.each(settings)(
    '$kind attention, causal $causal, summed $summed, weights $weighted',
    (setting) => {
      const { kind, causal, summed, weighted } = setting;
      const [n, m, heads, k, v] = [4, causal ? 4 : 6, 2, 3, 2];
      const outRows = summed ? v : heads * v;
      const operands = (at: (name: string) => MatrixRef) => ({
        kind,
        causal,
        heads,
        keyDimension: k,
        valueDimension: v,
        scale: 0.6,
        alpha: -1.5,
        queries: at('queries'),
        keys: at('keys'),
        values: at('values'),
        ...(weighted && { weights: at('weights') }),
        normaliser: at('normaliser'),
      });
      expectPullback({
        inputs: { queries: [heads * k, n], keys: [k, m], values: [heads * v, m] },
        fixed: { weights: [1, m, (j) => (j === 1 ? 0 : 0.1 + 0.2 * j)] },
        outputs: { out: [outRows, n], normaliser: [heads, n] },
        forward: (at) => ({ op: 'attention', ...operands(at), out: at('out') }),
        pullback: (at) => ({
          op: 'attentionPullback',
          ...operands(at),
          p: at('p'),
          gQueries: at('g.queries'),
          gKeys: at('g.keys'),
          gValues: at('g.values'),
        }),
      });
    },
  );

  test('cross-entropy: the residual is the gradient of the loss', () => {
    // Its costate is 1 for every column, so the residual column is the gradient by that column's logits.
    const weights = [0.5, 2, 1, 0];
    const labels = [0, 2, -1, 1];
    const loss = (logits: Float64Array) => {
      const b = new ProgramBuilder();
      const refs = {
        logits: b.state('sample', 'logits', 3, 4),
        labels: b.state('sample', 'labels', 1, 4),
        weights: b.state('sample', 'weights', 1, 4),
        loss: b.state('sample', 'loss', 1, 4),
        residual: b.state('sample', 'residual', 3, 4),
      };
      b.emit({ op: 'crossEntropy', ...refs });
      const result = { loss: new Float64Array(8), residual: new Float64Array(24) };
      const padded = (row: readonly number[]) => Float64Array.from([...row, 0, 0, 0, 0]);
      backend.compile(b.program())({
        samples: 1,
        buffers: { logits, labels: padded(labels), weights: padded(weights), ...result },
      });
      return { ...result, total: result.loss.reduce((a, x) => a + x, 0) };
    };
    const logits = randomStream(8, 'logits').normals(new Float64Array(24));
    const { residual } = loss(logits);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 4; j++) {
        const moved = (step: number) =>
          loss(logits.map((z, e) => (e === 8 * i + j ? z + step : z))).total;
        expect(residual[8 * i + j]).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 8);
      }
    }
  });
});
