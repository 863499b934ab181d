import { describe, expect, it } from 'vitest';
import type { MesoscopeError } from '../errors.ts';
import { fitRate } from '../numeric/fit.ts';
import { solveOde } from './ode.ts';
import { dormandPrince } from './scheme.ts';
import { flowStatusSentence } from './status.ts';

const oscillator = (_: number, y: Float64Array, out: Float64Array) => {
  out[0] = y[1];
  out[1] = -y[0];
};

describe('the embedded scheme as data', () => {
  const { extended, errorWeights, dense, b, c } = dormandPrince;
  const sum = (values: readonly number[]) => values.reduce((total, x) => total + x, 0);

  it('has consistent stages', () => {
    extended.a.forEach((row, i) => {
      expect(sum(row)).toBeCloseTo(extended.c[i], 14);
    });
  });

  it('has an embedded scheme of order 4 and an interpolant of order 4 with the right ends', () => {
    const embedded = extended.b.map((weight, i) => weight - errorWeights[i]);
    for (let power = 0; power < 4; power++) {
      const moments = (weights: readonly number[]) =>
        sum(weights.map((w, i) => w * extended.c[i] ** power));
      expect(moments(embedded)).toBeCloseTo(1 / (power + 1), 13);
      for (const x of [0.1, 0.5, 0.9]) {
        const weights = dense.map((row) => sum(row.map((value, m) => value * x ** (m + 1))));
        expect(moments(weights)).toBeCloseTo(x ** (power + 1) / (power + 1), 13);
      }
    }
    dense.forEach((row, i) => {
      expect(sum(row)).toBeCloseTo(extended.b[i], 13);
      // The slope at the end is that of the next step's first stage.
      expect(sum(row.map((value, m) => (m + 1) * value))).toBeCloseTo(i === 6 ? 1 : 0, 12);
    });
    expect(sum(b.map((w, i) => w * c[i] ** 4))).toBeCloseTo(1 / 5, 14);
  });
});

describe('solveOde', () => {
  it.each([1e-6, 1e-9, 1e-12])('keeps the tolerance %f on an oscillator', (tolerance) => {
    const { state, status, rejected } = solveOde(oscillator, {
      to: 10,
      initial: [1, 0],
      relativeTolerance: tolerance,
      absoluteTolerance: tolerance,
    });
    expect(status.kind).toBe('completed');
    const error = Math.max(Math.abs(state[0] - Math.cos(10)), Math.abs(state[1] + Math.sin(10)));
    expect(error).toBeLessThan(20 * tolerance);
    expect(rejected).toBeLessThan(5);
  });

  it('has dense output of order 4', () => {
    const tolerances = [1e-5, 1e-6, 1e-7, 1e-8, 1e-9];
    const points = tolerances.map((tolerance) => {
      const solution = solveOde(oscillator, {
        to: 10,
        initial: [1, 0],
        relativeTolerance: tolerance,
        absoluteTolerance: tolerance,
      });
      let error = 0;
      for (let i = 0; i <= 1000; i++) {
        error = Math.max(error, Math.abs(solution.at(i / 100)[0] - Math.cos(i / 100)));
      }
      return { steps: solution.steps, error };
    });
    // The interpolant adds at most a constant times ε⁵ inside a step: global order 4 or better.
    const fit = fitRate({ x: points.map((p) => p.steps), y: [points.map((p) => p.error)] });
    expect(fit.slope).toBeLessThan(-3.9);
    expect(points[4].error).toBeLessThan(2e-8);
  });

  it('finds the time of an event', () => {
    // ẏ = y² from 1: y = 1/(1 − t).
    const { status, time, state } = solveOde(
      (_, y, out) => {
        out[0] = y[0] ** 2;
      },
      {
        to: 2,
        initial: [1],
        relativeTolerance: 1e-12,
        events: [
          { name: 'y = 10⁶', value: (_, y) => y[0] - 1e6 },
          { name: 'y = 10⁴', value: (_, y) => y[0] - 1e4 },
        ],
      },
    );
    expect(status).toMatchObject({ kind: 'event', name: 'y = 10⁴' });
    expect(Math.abs(time - (1 - 1e-4))).toBeLessThan(1e-12);
    expect(Math.abs(state[0] - 1e4)).toBeLessThan(1e-4);
  });

  it('reports a blow-up, a limit of steps, and a field without numbers', () => {
    const square = (_: number, y: Float64Array, out: Float64Array) => {
      out[0] = y[0] ** 2;
    };
    const blowUp = solveOde(square, { to: 2, initial: [1] });
    expect(blowUp.status.kind).toBe('diverged');
    expect(blowUp.time).toBeGreaterThan(1 - 1e-6);
    expect(blowUp.time).toBeLessThan(1 + 1e-6);

    const unlimited = solveOde(square, { to: 2, initial: [1], limit: 1e300 });
    expect(unlimited.status.kind).toBe('step-too-small');
    expect(flowStatusSentence(unlimited.status)).toContain('blow up');

    const short = solveOde(oscillator, { to: 1000, initial: [1, 0], stepLimit: 50 });
    expect(short.status).toMatchObject({ kind: 'step-limit', steps: 50 });

    const nothing = solveOde((_t, _y, out) => out.fill(Number.NaN), { to: 1, initial: [1] });
    expect(nothing.status.kind).toBe('step-too-small');
    expect(nothing.state[0]).toBe(1);
  });

  it('lands on breakpoints', () => {
    const solution = solveOde(
      (_t, _y, out, from, to) => {
        out[0] = (from + to) / 2 < 1 ? 1 : -1;
      },
      { to: 2, initial: [0], breakpoints: [1] },
    );
    expect(solution.at(1)[0]).toBeCloseTo(1, 12);
    expect(solution.state[0]).toBeCloseTo(0, 12);
  });

  it('merges breakpoints that are repeated, out of order or outside', () => {
    const visited: number[] = [];
    const solution = solveOde(
      (_t, _y, out, from) => {
        visited.push(from);
        out.fill(1);
      },
      { to: 1, initial: [0], breakpoints: [0.7, 0.5, 0.5, 0.7, 0.5 + 1e-16, 0, 1, 2, -3] },
    );
    expect(solution.status.kind).toBe('completed');
    expect(visited).toContain(0.5);
    expect(visited).toContain(0.7);
    expect(solution.at(0.6)[0]).toBeCloseTo(0.6, 14);
  });

  it('integrates backwards, with dense output', () => {
    const solution = solveOde(oscillator, {
      from: 10,
      to: -3,
      initial: [Math.cos(10), -Math.sin(10)],
      breakpoints: [1, 5],
    });
    expect(solution.status.kind).toBe('completed');
    expect(solution.time).toBe(-3);
    for (const t of [10, 7.3, 5, 0.01, -3]) {
      expect(Math.abs(solution.at(t)[0] - Math.cos(t))).toBeLessThan(2e-8);
    }
    expect(() => solution.at(10.1)).toThrow(/between -3 and 10/);
  });

  it('does nothing on an empty interval', () => {
    const solution = solveOde(oscillator, { from: 2, to: 2, initial: [3, 4] });
    expect(solution).toMatchObject({ status: { kind: 'completed' }, time: 2, steps: 0 });
    expect([...solution.at(2)]).toEqual([3, 4]);
    const least = solveOde(oscillator, { from: 2, to: 2 + 4e-16, initial: [3, 4] });
    expect(least.status.kind).toBe('completed');
  });

  it('refuses what makes no sense', () => {
    const code = (work: () => unknown) => {
      try {
        work();
      } catch (error) {
        return (error as MesoscopeError).fault.code;
      }
      return undefined;
    };
    expect(code(() => solveOde(oscillator, { to: Number.NaN, initial: [1, 0] }))).toBe(
      'invalid-value',
    );
    expect(
      code(() => solveOde(oscillator, { to: 1, initial: [1, 0], breakpoints: [Number.NaN] })),
    ).toBe('invalid-value');
    expect(code(() => solveOde(oscillator, { to: 1, initial: [Number.NaN, 0] }))).toBe(
      'not-finite',
    );
    expect(code(() => solveOde(oscillator, { to: 1, initial: [1, 0], relativeTolerance: 0 }))).toBe(
      'invalid-value',
    );
    const solution = solveOde(oscillator, { to: 1, initial: [1, 0], dense: false });
    expect(code(() => solution.at(0.5))).toBe('invalid-value');
  });
});
