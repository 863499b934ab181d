import { describe, expect, it } from 'vitest';
import { fitRate } from '../numeric/fit.ts';
import { solveOde } from './ode.ts';
import { radauMatrix, radauNodes, radauStepper } from './radau.ts';

describe('Radau IIA with five stages', () => {
  it('integrates powers: exactly up to the fifth in the stages, up to the ninth at the end', () => {
    radauMatrix.forEach((row, i) => {
      for (let power = 0; power < (i === 4 ? 9 : 5); power++) {
        const sum = row.reduce((total, a, j) => total + a * radauNodes[j] ** power, 0);
        expect(sum).toBeCloseTo(radauNodes[i] ** (power + 1) / (power + 1), 14);
      }
    });
  });

  it('has order 9, an estimate of order 5 and an interpolant of order 6', () => {
    const counts = [4, 6, 8, 12];
    const rows = counts.map((steps) => {
      const y = Float64Array.of(1, 0);
      const stepper = radauStepper(
        (_t, state, out) => {
          out[0] = state[1];
          out[1] = -state[0];
        },
        y,
        { absolute: 1e-15, relative: 1e-15 },
      );
      const h = 4 / steps;
      let estimate = 0;
      let inside = 0;
      stepper.start(0, h);
      for (let k = 0; k < steps; k++) {
        stepper.attempt(k * h, (k + 1) * h);
        estimate = Math.max(estimate, Math.hypot(stepper.error(0), stepper.error(1)));
        const { coefficients } = stepper.interpolant(k * h, (k + 1) * h);
        let value = 0;
        for (let m = 5; m >= 0; m--) value = 0.4 * value + coefficients[2 * m];
        inside = Math.max(inside, Math.abs(value - Math.cos((k + 0.4) * h)));
        stepper.accept();
      }
      return { end: Math.abs(y[0] - Math.cos(4)), estimate, inside };
    });
    const slope = (read: (row: (typeof rows)[number]) => number) =>
      fitRate({ x: counts, y: [rows.map(read)] }).slope;
    expect(Math.abs(slope((row) => row.end) + 9)).toBeLessThan(0.5);
    expect(Math.abs(slope((row) => row.estimate) + 5)).toBeLessThan(0.3);
    expect(Math.abs(slope((row) => row.inside) + 6)).toBeLessThan(0.4);
  });
});

describe('stiff equations', () => {
  it.each([1e3, 1e4, 1e8])('follow a slow solution at the rate %f of a fast one', (rate) => {
    const solution = solveOde(
      (t, y, out) => {
        out[0] = -rate * (y[0] - Math.cos(t)) - Math.sin(t);
      },
      { to: 50, initial: [2], relativeTolerance: 1e-10 },
    );
    expect(solution.status.kind).toBe('completed');
    expect(solution.steps).toBeLessThan(5000);
    expect(Math.abs(solution.state[0] - Math.cos(50))).toBeLessThan(1e-9);
    expect(Math.abs(solution.at(33.3)[0] - Math.cos(33.3))).toBeLessThan(1e-9);
  });

  it('reach the published end of Van der Pol’s oscillator at 10⁶', () => {
    // Hairer & Wanner's problem VDPOL: y(2) = (1.7061677321704698, −0.8928097010248125).
    const { state, status } = solveOde(
      (_, y, out) => {
        out[0] = y[1];
        out[1] = 1e6 * ((1 - y[0] ** 2) * y[1] - y[0]);
      },
      { to: 2, initial: [2, 0], relativeTolerance: 1e-9, absoluteTolerance: 1e-9 },
    );
    expect(status.kind).toBe('completed');
    expect(Math.abs(state[0] - 1.7061677321704698)).toBeLessThan(1e-8);
    expect(Math.abs(state[1] + 0.8928097010248125)).toBeLessThan(1e-8);
  });

  it('stop at events, land on breakpoints and run backwards', () => {
    const rate = 1e5;
    const options = {
      initial: [0],
      relativeTolerance: 1e-9,
      breakpoints: [3],
    };
    const f = (_t: number, y: Float64Array, out: Float64Array, from: number, to: number) => {
      const target = Math.abs(from + to) / 2 < 3 ? 1 : -1;
      out[0] = (to > from ? -1 : 1) * rate * (y[0] - target);
    };
    const forwards = solveOde(f, {
      ...options,
      to: 5,
      events: [{ name: 'down', value: (_, y) => y[0] - 0.5 }],
    });
    // On the way up to 1 from 0.
    expect(forwards.status).toMatchObject({ kind: 'event', name: 'down' });
    expect(forwards.time).toBeCloseTo(Math.log(2) / rate, 12);
    const later = solveOde(f, {
      ...options,
      from: 1,
      initial: [1],
      to: 5,
      events: [{ name: 'down', value: (_, y) => y[0] }],
    });
    expect(later.status).toMatchObject({ kind: 'event', name: 'down' });
    expect(later.time - 3).toBeCloseTo(Math.log(2) / rate, 10);
    const backwards = solveOde(f, { ...options, to: -5, breakpoints: [-3] });
    expect(backwards.status.kind).toBe('completed');
    expect(backwards.state[0]).toBeCloseTo(-1, 8);
  });

  it('leave equations that are not stiff to the explicit scheme', () => {
    const run = (to: number) =>
      solveOde(
        (_, y, out) => {
          out[0] = y[1];
          out[1] = -y[0];
        },
        { to, initial: [1, 0] },
      );
    // As many steps per depth as ever: the implicit scheme would take longer ones.
    expect(run(200).steps / run(20).steps).toBeGreaterThan(9);
  });
});
