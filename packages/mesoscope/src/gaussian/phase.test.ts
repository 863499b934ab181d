import { describe, expect, test } from 'vitest';
import { parseConfiguration } from '../configuration/parse.ts';
import { add, fromRows, identity, scale } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { gaussianLayer } from './layer.ts';
import { integrateMoments } from './moment-flow.ts';
import { classifyGrid, type LayerFamily } from './phase.ts';
import { boundaryCrossings, boundaryCurve } from './phase-boundary.ts';
import { gaussianFlowSchema, lawOfInstance, layerOfInstance } from './schema.ts';
import { sufficientCondition } from './sufficient.ts';
import { randomCovariance, randomMatrix } from './test-support.ts';

/** d = 1, Σ0 = 1: Σ̇ = 2yΣ + 2xΣ², so blow-up iff x > 0 and x + y > 0. */
const scalarFamily: LayerFamily = (x, y) => ({
  layer: gaussianLayer({ heads: [{ V: identity(1), B: fromRows([[x]]) }], W: fromRows([[y]]) }),
  law: { mean: new Float64Array(1), covariance: identity(1) },
});
const grid = { x: [-1.1, -0.3, 0.4, 0.9], y: [-1.2, -0.5, 0.3, 1] };

describe('phase diagrams', () => {
  test('of the scalar flow are what its solution says', () => {
    const seen: number[] = [];
    const { regimes, blowUpTimes } = classifyGrid(scalarFamily, grid, {
      progress: (done) => seen.push(done),
    });
    let k = 0;
    for (const y of grid.y) {
      for (const x of grid.x) {
        const blows = x > 0 && x + y > 0;
        expect(regimes[k]).toBe(blows ? 'blow-up' : y < 0 ? 'collapse' : 'stable');
        const time = Math.log(1 + y / x) / (2 * y);
        if (blows) expect(Math.abs(blowUpTimes[k] / time - 1)).toBeLessThan(1e-12);
        else expect(blowUpTimes[k]).toBe(-1);
        k++;
      }
    }
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  test('can be cut into rows', () => {
    const whole = classifyGrid(scalarFamily, grid);
    const part = classifyGrid(scalarFamily, grid, { rows: { from: 1, to: 3 } });
    expect(part.regimes).toEqual(whole.regimes.slice(4, 12));
    expect(() => classifyGrid(scalarFamily, grid, { rows: { from: 2, to: 9 } })).toThrow(/rows/);
    const stop = new AbortController();
    stop.abort();
    expect(() => classifyGrid(scalarFamily, grid, { signal: stop.signal })).toThrow();
  });

  test('have their boundaries where the closed form says', () => {
    const row = (index: number) => boundaryCrossings(scalarFamily, grid, { line: 'row', index });
    const column = (index: number) =>
      boundaryCrossings(scalarFamily, grid, { line: 'column', index });
    expect(column(0)['blow-up']).toEqual([]);
    const [below] = column(3)['blow-up'];
    expect(below.after).toBe(0);
    const fine = 1e-3 * Math.max(grid.x[2] - grid.x[1], grid.y[1] - grid.y[0]);
    expect(Math.abs(below.value + 0.9)).toBeLessThan(fine);
    // For y > 0 the boundary is vertical: only rows see it.
    const [upright] = row(3)['blow-up'];
    expect(upright.after).toBe(1);
    expect(Math.abs(upright.value)).toBeLessThan(fine);
    expect(row(0).definiteness.map((one) => one.after)).toEqual([1]);
    expect(column(0).definiteness).toEqual([]);
    expect(column(2).drift.map((one) => one.after)).toEqual([1]);
    expect(row(2).drift).toEqual([]);
    const skew = fromRows([
      [1, 1],
      [0, 1],
    ]);
    const general: LayerFamily = () => ({
      layer: gaussianLayer({ heads: [{ V: skew, B: identity(2) }] }),
      law: { mean: new Float64Array(2), covariance: identity(2) },
    });
    expect(() => boundaryCrossings(general, grid, { line: 'row', index: 0 })).toThrow(/Classify/);
  });

  test('have boundaries that are joined to curves', () => {
    const axis = Array.from({ length: 21 }, (_, k) => -2 + k / 5);
    const square = { x: axis, y: axis };
    // Through no point of the grid.
    const radius = 1.03;
    /** Crossings of a circle. */
    const of = (s: number) => {
      const half = Math.sqrt(radius ** 2 - s * s);
      return (half > 0 ? [-half, half] : []).map((value) => ({
        after: Math.floor((value + 2) * 5),
        value,
      }));
    };
    const rows = axis.map((y) => [...of(y), { after: 18, value: 1.7 }]);
    const { x, y } = boundaryCurve(square, rows, axis.map(of));
    const gap = x.findIndex(Number.isNaN);
    expect(x.slice(gap + 1).some(Number.isNaN)).toBe(false);
    // The open line comes first, from end to end; then the circle, closed.
    expect(x.slice(0, gap)).toEqual(axis.map(() => 1.7));
    expect([...y.slice(0, gap)].sort((a, b) => a - b)).toEqual(axis);
    expect([x[gap + 1], y[gap + 1]]).toEqual([x.at(-1), y.at(-1)]);
    for (let k = gap + 1; k < x.length; k++) expect(Math.hypot(x[k], y[k])).toBeCloseTo(radius, 12);
    expect(x.length - gap - 2).toBe(rows.flat().length - 21 + axis.flatMap(of).length);
  });
});

describe('the sufficient condition', () => {
  test('bounds the blow-up time from above on random layers', () => {
    let proofs = 0;
    for (let seed = 0; seed < 12; seed++) {
      const s = randomStream(seed, 'sufficient');
      const skew = randomMatrix(s, 2, 2);
      const layer = gaussianLayer({
        heads: [
          {
            V: randomCovariance(s, 2, 2, 0.3),
            B: add(randomCovariance(s, 2, 2, 0.2), {
              ...skew,
              data: Float64Array.of(0, skew.data[1], -skew.data[1], 0),
            }),
          },
        ],
        W: randomMatrix(s, 2, 2, 0.3),
      });
      const law = { mean: new Float64Array(2), covariance: randomCovariance(s, 2, 2, 0.5) };
      const { conclusion, time } = sufficientCondition(layer, law);
      if (conclusion !== 'blow-up') continue;
      proofs++;
      const { blowUpTime } = integrateMoments(layer, law, {
        horizon: 2 * (time as number),
        dense: false,
      });
      expect(blowUpTime).not.toBeNull();
      expect(blowUpTime as number).toBeLessThanOrEqual((time as number) * (1 + 1e-9));
    }
    expect(proofs).toBeGreaterThan(3);
  });

  test('is sharp for one direction, and proves boundedness for M ≺ 0', () => {
    const at = (b: number, w: number) =>
      sufficientCondition(
        gaussianLayer({ heads: [{ V: identity(1), B: fromRows([[b]]) }], W: fromRows([[w]]) }),
        { mean: new Float64Array(1), covariance: identity(1) },
      );
    expect(at(0.5, 0).time).toBeCloseTo(1, 12);
    expect(at(0.5, 0.2).time).toBeCloseTo(Math.log(1.4) / 0.4, 12);
    expect(at(0.5, -2).conclusion).toBe('none');
    expect(at(-0.5, 5).conclusion).toBe('bounded');
    const mixed = gaussianLayer({
      heads: [
        {
          V: fromRows([
            [1, 1],
            [0, 1],
          ]),
          B: identity(2),
        },
      ],
    });
    const law = { mean: new Float64Array(2), covariance: scale(2, identity(2)) };
    expect(sufficientCondition(mixed, law).conclusion).toBe('none');
  });
});

describe('explicit instances', () => {
  test('become layers and laws', () => {
    const instance = parseConfiguration(gaussianFlowSchema, {
      law: {
        mean: [0, 1],
        covariance: [
          [1, 0],
          [0, 2],
        ],
      },
      attention: 'l2',
      heads: [
        {
          V: [
            [1, 0],
            [0, 1],
          ],
          Q: [[1, 2]],
          K: [[0, 1]],
        },
      ],
      b: [1, 2],
    });
    const layer = layerOfInstance(instance);
    expect(Array.from(layer.heads[0].B.data)).toEqual([0, 0, 2, 4]);
    expect(Array.from(layer.heads[0].keyMetric?.data ?? [])).toEqual([0, 0, 0, 2]);
    expect(Array.from(layer.b)).toEqual([1, 2]);
    expect(lawOfInstance(instance.law).covariance.data[3]).toBe(2);
    expect(instance.horizon).toBe(10);
  });

  test('are refused with the path', () => {
    const law = {
      mean: [0, 1],
      covariance: [
        [1, 0],
        [0, 2],
      ],
    };
    const parse = (input: unknown) => () =>
      layerOfInstance(parseConfiguration(gaussianFlowSchema, input));
    expect(parse({ law, heads: [{ V: [[1]], B: [[1]] }] })).toThrow(/heads\[0\]\.V/);
    expect(parse({ law, W: [[1, 2], [3]] })).toThrow(/W\[1\]/);
    expect(parse({ law, b: [1] })).toThrow(/b: received shape/);
    expect(
      parse({
        law,
        heads: [
          {
            V: [
              [1, 0],
              [0, 1],
            ],
            Q: [[1, 2]],
            K: [[0, 1]],
          },
        ],
      }),
    ).toThrow(/softmax attention takes heads/);
    expect(parse({ law, horizon: -1 })).toThrow(/horizon/);
  });
});
