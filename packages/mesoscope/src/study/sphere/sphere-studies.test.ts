import { afterAll, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { dot, norm } from '../../numeric/vector.ts';
import { continuedResult, resultOf } from '../test-support.ts';
import { sphereFlowStudy } from './flow.ts';
import { spherePhaseStudy } from './phase.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

const small = { start: { count: 6, dimension: 3 }, frames: 4, steps: 10, horizon: 4 };

it('sphere/flow ends where one flow over the whole time does, whole or continued', async () => {
  const whole = await resultOf(sphereFlowStudy, small, { backend });
  const { tokens, times, clusters } = whole.arrays;
  expect(tokens.shape).toEqual([5, 6, 3]);
  const continued = await continuedResult(sphereFlowStudy, small, { backend }, 2);
  expect(continued).toEqual(whole);
  const one = await resultOf(sphereFlowStudy, { ...small, frames: 1, steps: 40 }, { backend });
  const end = (data: ArrayLike<number>) => Array.from(data).slice(-18);
  end(tokens.data).forEach((entry, i) => {
    expect(entry).toBeCloseTo(end(one.arrays.tokens.data)[i], 12);
  });
  for (let i = 0; i < tokens.data.length; i += 3) {
    expect(norm(tokens.data.slice(i, i + 3))).toBeCloseTo(1, 14);
  }
  expect(times.data[times.data.length - 1]).toBeCloseTo(4, 12);
  expect(clusters.data[0]).toBe(6);
  expect(whole.sections.filter(({ kind }) => kind === 'animation')).toHaveLength(1);
});

it('sphere/flow takes tokens and heads of one’s own', async () => {
  const given = {
    ...small,
    start: {
      tokens: [
        [2, 0],
        [0, 3],
        [1, 1],
      ],
    },
    layer: {
      heads: [
        {
          Q: [[1, 0]],
          K: [[0, 1]],
          V: [
            [0, 1],
            [-1, 0],
          ],
        },
      ],
    },
    causal: true,
  };
  const { arrays, status } = await resultOf(sphereFlowStudy, given, { backend });
  expect(status.kind).toBe('completed');
  const data = Array.from(arrays.tokens.data);
  expect(data.slice(0, 2)).toEqual([1, 0]);
  // The first token sees itself only: it turns by V, at the speed |P V x| = 1.
  expect(dot(data.slice(24, 26), [Math.cos(4), -Math.sin(4)])).toBeCloseTo(1, 6);
});

it('sphere/phase: all together for small β and late times, none at first', async () => {
  const given = {
    ...{ tokens: 6, dimension: 3, horizon: 12, times: 6, repetitions: 2 },
    beta: { from: 0, to: 2, points: 3 },
  };
  const { arrays } = await resultOf(spherePhaseStudy, given, { backend });
  expect(arrays.together.shape).toEqual([3, 6]);
  expect(arrays.together.data[5]).toBe(1);
  expect(arrays.together.data[12]).toBeLessThan(0.5);
  expect(arrays.clusters.data[5]).toBe(1);
});
