import { describe, expect, test } from 'vitest';
import { parseConfiguration } from '../configuration/parse.ts';
import { add, fromRows, identity, scale } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { gaussianLayer } from './layer.ts';
import { integrateMoments } from './moment-flow.ts';
import { blowUpBoundary, classifyGrid, definitenessBoundary, type LayerFamily } from './phase.ts';
import { gaussianFlowSchema, lawOfInstance, layerOfInstance, steeringSchema } from './schema.ts';
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

  test('have their blow-up boundary where the closed form says', () => {
    const { x, y } = blowUpBoundary(scalarFamily, grid);
    expect(x).toEqual([0.4, 0.9]);
    x.forEach((value, k) => {
      expect(Math.abs(y[k] + value)).toBeLessThan(1e-5);
    });
    expect(
      definitenessBoundary((a, b) => scalarFamily(b, a), grid).y.every((v) => Math.abs(v) < 1e-5),
    ).toBe(true);
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
    expect(() =>
      parseConfiguration(steeringSchema, { from: law, to: law, realisation: 'magic' }),
    ).toThrow(/realisation/);
  });
});
