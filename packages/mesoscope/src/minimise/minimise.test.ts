import { describe, expect, it } from 'vitest';
import { type LbfgsReport, relativeLargestEntry } from './lbfgs.ts';
import { searchLine } from './line-search.ts';
import { minimise, minimiseAll } from './minimise.ts';
import { minimisationProblems, testMinimiser } from './test-support.ts';

testMinimiser('L-BFGS', {
  minimise: async ({ f, start }) => {
    const { point, status } = minimise(f, start);
    return { point, converged: status === 'converged' };
  },
});

testMinimiser('L-BFGS in single precision', {
  accuracy: 1e-3,
  minimise: async ({ f, start }) => {
    const { point, status } = minimise(
      (x) => {
        x.set(Float32Array.from(x));
        const { value, gradient } = f(x);
        return { value: Math.fround(value), gradient: Float32Array.from(gradient) };
      },
      start,
      { tolerance: 1e-3 },
    );
    return { point, converged: status === 'converged' };
  },
});

testMinimiser('L-BFGS with a metric', {
  minimise: async ({ f, start }) => {
    const { point, status } = minimise(f, start, {
      metric: (g, x) => {
        for (let i = 0; i < x.length; i++) x[i] = g[i] / (1 + i);
      },
    });
    return { point, converged: status === 'converged' };
  },
});

testMinimiser('L-BFGS from many starts at once', {
  minimise: async ({ f, start, minimiser }) => {
    const starts = [0, 0.5, 0.9].map((share) =>
      start.map((x, i) => (1 - share) * x + share * minimiser[i]),
    );
    const results = minimiseAll((points) => {
      const size = start.length;
      const values = new Float64Array(points.length / size);
      const gradients = new Float64Array(points.length);
      values.forEach((_, i) => {
        const { value, gradient } = f(points.slice(i * size, (i + 1) * size));
        values[i] = value;
        gradients.set(gradient, i * size);
      });
      return { values, gradients };
    }, starts);
    const spread = Math.max(
      ...results.map(({ point }) => Math.abs(point[0] - results[0].point[0])),
    );
    const converged = results.every(({ status }) => status === 'converged') && spread < 1e-6;
    return { point: results[0].point, converged };
  },
});

describe('L-BFGS', () => {
  const cosh = ([x]: Float64Array) => ({ value: Math.cosh(x), gradient: [Math.sinh(x)] });

  it('goes the same way alone and among others, to the last bit', () => {
    const [problem] = minimisationProblems.filter(({ name }) => name.includes('Rosenbrock'));
    const alone = minimise(problem.f, problem.start);
    const [among] = minimiseAll(
      (points) => ({
        values: Float64Array.from({ length: points.length / 2 }, (_, i) => {
          return problem.f(points.slice(2 * i, 2 * i + 2)).value;
        }),
        gradients: Float64Array.from(
          Array.from({ length: points.length / 2 }, (_, i) =>
            Array.from(problem.f(points.slice(2 * i, 2 * i + 2)).gradient),
          ).flat(),
        ),
      }),
      [problem.start, Float64Array.of(3, 3)],
    );
    expect([...among.point]).toEqual([...alone.point]);
    expect(among.gradients).toBe(alone.gradients);
  });

  it('says why it stopped', () => {
    expect(minimise(cosh, [5], { iterations: 1 }).status).toBe('iterations-done');
    expect(minimise(cosh, [Number.NaN]).status).toBe('not-finite');
    expect(minimise(cosh, [1e4]).status).toBe('not-finite');
    expect(minimise(cosh, [0]).status).toBe('converged');
    // A kink: no step lowers |x| beyond rounding, and its slope never falls.
    const kink = ([x]: Float64Array) => ({ value: Math.abs(x), gradient: [x < 0 ? -1 : 1] });
    expect(minimise(kink, [1]).status).toBe('stalled');
    expect(() => minimise(cosh, [1], { memory: 0 })).toThrow(/memory/);
    expect(() => minimise(cosh, [1], { iterations: 0.5 })).toThrow(/iterations/);
  });

  it('reports every step, with values that fall', () => {
    const reports: LbfgsReport[] = [];
    const result = minimise(cosh, [5], { report: (report) => reports.push(report) });
    expect(reports.map(({ iteration }) => iteration)).toEqual(reports.map((_, i) => i + 1));
    expect(reports.at(-1)).toMatchObject({ value: result.value, gradients: result.gradients });
    reports.slice(1).forEach(({ value }, i) => {
      expect(value).toBeLessThanOrEqual(reports[i].value);
    });
  });

  it('can measure the gradient by its largest entry relative to the value', () => {
    const large = ([x]: Float64Array) => ({
      value: 1e6 * Math.cosh(x),
      gradient: [1e6 * Math.sinh(x)],
    });
    const { gradient, status } = minimise(large, [1], {
      norm: relativeLargestEntry,
      tolerance: 1e-6,
    });
    expect(status).toBe('converged');
    expect(Math.abs(gradient[0])).toBeLessThan(1);
  });
});

describe('the line search', () => {
  const run = (phi: (a: number) => number, slopeOf: (a: number) => number, first: number) => {
    const search = searchLine({ value: phi(0), slope: slopeOf(0), first });
    let request = search.next();
    let step = Number.NaN;
    while (!request.done) {
      step = request.value;
      request = search.next({ value: phi(step), slope: slopeOf(step) });
    }
    return { step, found: request.value };
  };

  it.each([1e-6, 1, 1e6])(
    'satisfies the strong Wolfe conditions from a first step of %f',
    (first) => {
      const phi = (a: number) => (a - 3) ** 4 - 81;
      const slope = (a: number) => 4 * (a - 3) ** 3;
      const { step, found } = run(phi, slope, first);
      expect(found).toBe(true);
      expect(phi(step)).toBeLessThanOrEqual(phi(0) + 1e-4 * step * slope(0));
      expect(Math.abs(slope(step))).toBeLessThanOrEqual(0.9 * Math.abs(slope(0)));
    },
  );

  it('finds none where the direction leads up', () => {
    expect(
      run(
        (a) => a,
        () => 1,
        1,
      ).found,
    ).toBe(false);
  });
});
