import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { headFlow } from './flow.ts';
import { headLaw, headLawOf } from './head-law.ts';
import { linearDecay } from './linear-decay.ts';
import { createHeadProblem } from './problem.ts';
import { roundingOfRisk } from './rounding.ts';
import { sequenceData } from './sequences.ts';
import { straying } from './straying.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend();
});
afterAll(() => backend.dispose());

describe('how far a flow strays from the linearised one', () => {
  const step = 0.5;

  // One token of either class: logits x∫V, whose risk is even in V, so that N has no even part at θ* = 0.
  it.each([
    ['odd', [[0], [1]], 0],
    ['even', [[0], [0]], 0.4],
  ] as const)('is bounded where N is %s', (_, labels, centre) => {
    const λ = 0.2;
    const data = sequenceData([[[1.5]], [[1.5]]], labels, 2);
    const problem = createHeadProblem(backend, data, { keyDimension: 1, regularisation: λ });
    const head = (v: number) => ({ Q: [[0]], K: [[0]], V: [[v], [-v]] });
    let limit = headLawOf([head(centre)]);
    for (const { law } of headFlow(problem, limit, { step: 1, steps: 200, scheme: 'rk4' })) {
      limit = headLaw(law.shape, law.parameters.slice());
    }
    const start = headLaw(limit.shape, limit.parameters.slice());
    start.parameters[2] += 0.03;
    start.parameters[3] -= 0.02;
    const decay = linearDecay(problem, limit);
    const linear = decay.after(start);
    const rounding = roundingOfRisk(problem, limit);
    const { risk: least } = problem.risk(limit);
    const laws: Float64Array[] = [];
    const path: { time: number; risk: number; slope: number }[] = [];
    for (const { time, risk, slopeSquare, law } of headFlow(problem, start, {
      step,
      steps: 30,
      scheme: 'rk4',
    })) {
      laws.push(law.parameters.slice());
      path.push({ time, risk, slope: Math.sqrt(slopeSquare) });
    }
    const bounds = straying(problem, limit, decay, laws, step);
    const sharpest = { excess: 0, slope: 0 };
    path.forEach(({ time, risk, slope }, k) => {
      const error = Math.abs(risk - least - linear.excess(time));
      const excess = error / (bounds.excess[k] + rounding);
      sharpest.excess = Math.max(sharpest.excess, excess);
      sharpest.slope = Math.max(
        sharpest.slope,
        Math.abs(slope - linear.slope(time)) / bounds.slope[k],
      );
    });
    // Sharp: one mode, all errors of one sign. Terms of order five come to 3e-4 of those of order three at this distance.
    expect(sharpest.excess).toBeLessThan(1.001);
    expect(sharpest.slope).toBeLessThan(1.001);
    expect(sharpest.excess).toBeGreaterThan(0.9);
  });
});
