import { describe, expect, it } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { solveOde } from './ode.ts';

/** Integrates `ẏ = p′(t)` for the polynomial with the given roots, and stops at the first of them. */
function firstRoot(roots: readonly number[], from: number, to: number, firstStep?: number) {
  const value = (t: number) => roots.reduce((product, root) => product * (t - root), 1);
  const slope = (t: number) =>
    roots.reduce(
      (sum, _, i) =>
        sum + roots.reduce((product, r, k) => (k === i ? product : product * (t - r)), 1),
      0,
    );
  const options = {
    from,
    to,
    initial: [value(from)],
    relativeTolerance: 1e-3,
    absoluteTolerance: 1,
  };
  return solveOde(
    (t, _, out) => {
      out[0] = slope(t);
    },
    {
      ...options,
      firstStep,
      events: [{ name: 'zero', value: (_, y) => y[0] }],
    },
  );
}

describe('events', () => {
  it('finds the first of three crossings inside one step', () => {
    const { status, steps } = firstRoot([-6, -2, 2], -8, 4, 12);
    expect(steps).toBe(1);
    expect(status.kind === 'event' && status.depth).toBeCloseTo(-6, 12);
  });

  it('finds two crossings in one step, however near to each other', () => {
    for (const gap of [1, 0.1, 1e-2, 1e-4]) {
      const { status, steps } = firstRoot([0.3, 0.3 + gap], -1, 2, 3);
      expect(steps).toBe(1);
      expect(status.kind === 'event' && Math.abs(status.depth - 0.3)).toBeLessThan(1e-9);
    }
  });

  it('finds the first of random crossings, in both directions', () => {
    for (let trial = 0; trial < 200; trial++) {
      const random = randomStream(3, 'crossings', trial);
      const roots = Array.from({ length: 1 + (trial % 4) }, () => 0.05 + 0.9 * random.uniform());
      const forwards = firstRoot(roots, 0, 1, 1);
      const backwards = firstRoot(roots, 1, 0, 1);
      const depth = ({ status }: typeof forwards) =>
        status.kind === 'event' ? status.depth : Number.NaN;
      expect(Math.abs(depth(forwards) - Math.min(...roots))).toBeLessThan(1e-8);
      expect(Math.abs(depth(backwards) - Math.max(...roots))).toBeLessThan(1e-8);
    }
  });

  it('lets the first of several events win, whatever their order', () => {
    const late = { name: 'late', value: (t: number) => t - 0.7 };
    const early = { name: 'early', value: (t: number) => 0.2 - t };
    for (const events of [
      [late, early],
      [early, late],
    ]) {
      const { status } = solveOde((_t, _y, out) => out.fill(1), {
        to: 1,
        initial: [0],
        firstStep: 1,
        events,
      });
      expect(status).toMatchObject({ kind: 'event', name: 'early' });
    }
  });

  it('does not stop at a zero in the beginning, but where the sign changes afterwards', () => {
    const run = (roots: readonly number[]) => firstRoot(roots, 0, 1, 1).status;
    expect(run([0])).toMatchObject({ kind: 'completed' });
    const status = run([0, 0.01, 0.6]);
    expect(status.kind === 'event' && status.depth).toBeCloseTo(0.01, 9);
  });

  it('does not stop where a function only comes near zero', () => {
    const { status } = solveOde((_t, _y, out) => out.fill(1), {
      to: 1,
      initial: [0],
      firstStep: 1,
      events: [{ name: 'near', value: (_, y) => (y[0] - 0.37) ** 2 + 1e-9 }],
    });
    expect(status.kind).toBe('completed');
  });
});
