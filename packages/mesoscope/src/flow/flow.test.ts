import { describe, expect, it } from 'vitest';
import type { MesoscopeError } from '../errors.ts';
import { affine } from '../field/affine.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { fitRate } from '../numeric/fit.ts';
import { piecewiseConstantControls, piecewiseLinearControls } from './controls.ts';
import { createFlow } from './flow.ts';
import { gradedGrid, refineGrid, uniformGrid } from './grid.ts';
import { dormandPrince, euler, heun, rk4 } from './scheme.ts';
import { flowStatusSentence } from './status.ts';
import { distance, interactingField, normalStates, randomNodes } from './test-support.ts';

const backend = createReferenceBackend();
const shape = { samples: 2, tokens: 5, dimension: 3 };
const P = interactingField.parameters.length;

describe('order of a scheme on the interacting field', () => {
  const coarse = uniformGrid(1, 4, (t) => 1 + 0.5 * Math.sin(3 * t));
  const controls = piecewiseLinearControls(
    coarse.times,
    P,
    randomNodes(backend, interactingField, 5, 1),
  );
  const initial = normalStates(backend, shape, 1);
  const run = (scheme: typeof rk4, factor: number) =>
    createFlow(backend, {
      field: interactingField,
      tokens: shape.tokens,
      samples: shape.samples,
      scheme,
    }).forward({ grid: refineGrid(coarse, factor), controls, initial });
  const exact = run(dormandPrince, 128);

  it.each([
    { scheme: euler, factors: [16, 32, 64, 128] },
    { scheme: heun, factors: [8, 16, 32, 64] },
    { scheme: rk4, factors: [2, 4, 8, 16] },
    // Below 16 steps a cell, terms of different orders still cancel in part.
    { scheme: dormandPrince, factors: [16, 24, 32, 48] },
  ])('$scheme.name', ({ scheme, factors }) => {
    const errors = factors.map((factor) => {
      const trajectory = run(scheme, factor);
      let error = 0;
      for (let j = 0; j <= 4; j++) {
        const gap = distance(trajectory.state(j * factor), exact.state(j * 128), shape.tokens);
        error = Math.max(error, gap);
      }
      return error;
    });
    const { slope } = fitRate({ x: factors, y: [errors] });
    expect(Math.abs(slope + scheme.order)).toBeLessThan(0.2);
  });
});

describe('forward', () => {
  const flow = createFlow(backend, {
    field: affine({ dimension: 2 }),
    tokens: 3,
    samples: 4,
    scheme: euler,
  });

  it('is the residual recursion', () => {
    const grid = gradedGrid(2, 3, 2, (t) => 1 + t);
    const nodes = backend.allocate(3 * 6);
    for (let i = 0; i < nodes.length; i++) nodes[i] = Math.sin(i + 1);
    const controls = piecewiseConstantControls(grid, 6, nodes);
    const initial = normalStates(backend, { samples: 2, tokens: 3, dimension: 2 }, 5);
    const { last } = flow.forward({ grid, controls, initial });
    for (let s = 0; s < 2; s++) {
      for (let i = 0; i < 3; i++) {
        let x = initial[s * 16 + i];
        let y = initial[s * 16 + 8 + i];
        for (let k = 0; k < 3; k++) {
          const step = (grid.times[k + 1] - grid.times[k]) * (1 + grid.times[k]);
          const [a, b, c, d, e, f] = nodes.subarray(6 * k, 6 * k + 6);
          [x, y] = [x + step * (a * x + b * y + e), y + step * (c * x + d * y + f)];
        }
        expect(last[s * 16 + i]).toBeCloseTo(x, 13);
        expect(last[s * 16 + 8 + i]).toBeCloseTo(y, 13);
      }
    }
  });

  it('keeps samples independent of each other', () => {
    const grid = uniformGrid(1, 3);
    const controls = piecewiseConstantControls(
      grid,
      P,
      randomNodes(backend, interactingField, 3, 2),
    );
    const interacting = createFlow(backend, {
      field: interactingField,
      tokens: 5,
      samples: 3,
      scheme: heun,
    });
    const initial = normalStates(backend, { ...shape, samples: 3 }, 3);
    const together = interacting.forward({ grid, controls, initial }).last;
    const size = interacting.stateLength;
    for (let s = 0; s < 3; s++) {
      const alone = interacting.forward({
        grid,
        controls,
        initial: initial.slice(s * size, (s + 1) * size),
      });
      expect(distance(alone.last, together.subarray(s * size, (s + 1) * size), 5)).toBe(0);
    }
  });

  it('stops where a sample diverges and says what to try', () => {
    const grid = uniformGrid(50, 50);
    const nodes = backend.allocate(50 * 6);
    for (let k = 0; k < 50; k++) nodes.set([2, 0, 0, 2, 0, 0], 6 * k);
    const controls = piecewiseConstantControls(grid, 6, nodes);
    const initial = backend.allocate(2 * flow.stateLength);
    initial[flow.stateLength] = 1;
    for (const checkpoints of ['all', 'sqrt', 'ends', 4] as const) {
      const { status, steps, last } = flow.forward({ grid, controls, initial, checkpoints });
      // One layer multiplies by 3: 3^25 < 1e12 < 3^26.
      expect(status).toEqual({
        kind: 'diverged',
        step: 26,
        depth: 26,
        sample: 1,
        norm: 3 ** 26,
      });
      expect(steps).toBe(26);
      expect(last[flow.stateLength]).toBe(3 ** 26);
    }
    const { status } = flow.forward({ grid, controls, initial });
    expect(flowStatusSentence(status)).toContain('step 26 (depth 26), sample 1');
  });

  it('lets weight 0 be moved by the others and seen by none', () => {
    const grid = uniformGrid(1, 4);
    const controls = piecewiseConstantControls(
      grid,
      P,
      randomNodes(backend, interactingField, 4, 2),
    );
    const weighted = createFlow(backend, {
      field: interactingField,
      tokens: 5,
      samples: 1,
      scheme: rk4,
      weighted: true,
    });
    const initial = normalStates(backend, { ...shape, samples: 1 }, 4);
    const weights = backend.allocate(8);
    weights.set([0.4, 0.3, 0, 0.3, 0]);
    const before = weighted.forward({ grid, controls, initial, weights }).last.slice();
    initial[2] += 1;
    const after = weighted.forward({ grid, controls, initial, weights }).last;
    for (const token of [0, 1, 3, 4]) expect(after[token]).toBe(before[token]);
    expect(after[2]).not.toBe(before[2]);
  });

  it('refuses what does not fit before it starts', () => {
    const grid = uniformGrid(1, 2);
    const controls = piecewiseConstantControls(grid, 6, backend.allocate(12));
    const initial = backend.allocate(flow.stateLength);
    const refused = (work: () => unknown, code: string) => {
      try {
        work();
      } catch (error) {
        expect((error as MesoscopeError).fault.code).toBe(code);
        return;
      }
      expect.fail(`${code} expected`);
    };
    refused(() => uniformGrid(1, 0), 'invalid-value');
    refused(() => gradedGrid(1, 4, -1), 'invalid-value');
    refused(() => uniformGrid(Number.NaN, 2), 'invalid-value');
    refused(() => uniformGrid(1, 4, (t) => t), 'invalid-value');
    refused(
      () =>
        flow.forward({
          grid: { times: Float64Array.of(0, 1, 1), profile: () => 1 },
          controls,
          initial,
        }),
      'invalid-value',
    );
    refused(() => flow.forward({ grid, controls, initial: initial.subarray(1) }), 'shape-mismatch');
    refused(() => flow.forward({ grid, controls, initial, weights: initial }), 'invalid-value');
    refused(() => flow.forward({ grid, controls, initial, checkpoints: 0 }), 'invalid-value');
    refused(() => {
      const poisoned = initial.slice();
      poisoned[1] = Number.NaN;
      flow.forward({ grid, controls, initial: poisoned });
    }, 'not-finite');
    refused(() => piecewiseConstantControls(grid, 6, backend.allocate(13)), 'shape-mismatch');
  });
});
