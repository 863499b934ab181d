import { describe, expect, it } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import {
  agreement,
  atLeast,
  atMost,
  bound,
  coverage,
  equals,
  neverSeen,
  sampledMean,
} from './check.ts';
import { deterministicOrder, extrapolatedOrder, sampledOrder } from './order.ts';
import { drawVerdict, notTrivial } from './verdict.ts';

const asked = { name: 'it', failsIf: 'it is not' };
const scales = [8, 16, 32, 64, 128];

describe('a comparison', () => {
  it('with a value holds where the interval contains it and no rival', () => {
    const ask = (interval: [number, number]) =>
      equals({ ...asked, measured: -1, interval, expected: -1, rivals: [-2, -0.5] }).outcome;
    expect(ask([-1.1, -0.9])).toBe('holds');
    expect(ask([-0.95, -0.9])).toBe('fails');
    expect(ask([-26, 15])).toBe('undecided');
  });

  it('widens by a bias bound, and by nothing else', () => {
    const off = { ...asked, measured: 0.9, interval: [0.85, 0.95] as const, expected: 1 };
    expect(equals(off).outcome).toBe('fails');
    expect(equals({ ...off, bias: 0.06 }).outcome).toBe('holds');
  });

  it('with a side is undecided where the interval lies across it', () => {
    const at = { ...asked, measured: 1, expected: 1.1 };
    expect(atMost({ ...at, interval: [0.9, 1.05] }).outcome).toBe('holds');
    expect(atMost({ ...at, interval: [0.9, 1.2] }).outcome).toBe('undecided');
    expect(atMost({ ...at, interval: [1.15, 1.2] }).outcome).toBe('fails');
    expect(atLeast({ ...at, interval: [0.9, 1.05] }).outcome).toBe('fails');
  });

  it('never holds for a number that is none, or below a resolution', () => {
    expect(equals({ ...asked, measured: Number.NaN, expected: 0 }).outcome).toBe('undecided');
    const resolution = [{ name: 'accurate', holds: false, value: 3 }];
    const check = atMost({ ...asked, measured: 9, expected: 1, resolution });
    expect(check).toMatchObject({ outcome: 'undecided', reason: 'not met: accurate (3)' });
  });
});

describe('a bound', () => {
  it('is judged by its sharpest ratio, above rounding', () => {
    const pairs = [
      { value: 0.2, bound: 1 },
      { value: 0.9, bound: 1 },
    ];
    expect(bound({ ...asked, pairs })).toMatchObject({ measured: 0.9, outcome: 'holds' });
    const halved = pairs.map((pair) => ({ ...pair, bound: pair.bound / 2 }));
    expect(bound({ ...asked, pairs: halved }).outcome).toBe('fails');
    const known = { value: 1.2, bound: 1, least: 0.8 };
    expect(bound({ ...asked, pairs: [known] }).outcome).toBe('undecided');
    expect(bound({ ...asked, pairs: [{ ...known, least: 1.1 }] }).outcome).toBe('fails');
    expect(bound({ ...asked, pairs: [{ ...known, value: 0.9 }] }).outcome).toBe('holds');
    expect(bound({ ...asked, pairs: [{ value: 1e-4, bound: 0, least: 0 }] }).outcome).toBe(
      'undecided',
    );
    expect(bound({ ...asked, pairs: [{ value: 0, bound: 0 }] }).outcome).toBe('undecided');
    expect(bound({ ...asked, pairs: [{ value: 0.1, bound: -1 }] }).outcome).toBe('fails');
    expect(bound({ ...asked, pairs: [{ value: 1e-17, bound: 1 }], rounding: 1e-15 }).outcome).toBe(
      'undecided',
    );
  });
});

it('what must never happen is seen 0 times', () => {
  expect(neverSeen({ ...asked, seen: 0 })).toMatchObject({ outcome: 'holds', rivals: [1] });
  expect(neverSeen({ ...asked, seen: 1 }).outcome).toBe('fails');
});

it('two computations agree in units of their own uncertainty, which has to be small', () => {
  const of = (difference: number, uncertainty: number) =>
    agreement({ ...asked, of: [{ difference, uncertainty, scale: 1 }] }).outcome;
  expect(of(1e-13, 1e-12)).toBe('holds');
  expect(of(1e-11, 1e-12)).toBe('fails');
  expect(of(0.001, 0.01)).toBe('undecided');
  expect(agreement({ ...asked, of: [] }).outcome).toBe('undecided');
});

it('a coverage needs enough trials to exclude its rival', () => {
  const of = (covered: number, trials: number) =>
    coverage({ ...asked, covered, trials, level: 0.95 }).outcome;
  expect(of(955, 1000)).toBe('holds');
  expect(of(900, 1000)).toBe('fails');
  expect(of(10, 10)).toBe('undecided');
});

describe('an order without randomness', () => {
  const ask = (y: (L: number) => number, side: 'exactly' | 'at least as fast' = 'exactly') =>
    deterministicOrder({
      ...asked,
      scales,
      rows: [scales.map(y)],
      accuracy: 1e-14,
      order: -1,
      side,
    });

  it('is extrapolated through a preasymptotic term of either sign', () => {
    for (const c of [-2, -0.5, 0, 0.5, 3]) {
      expect(ask((L) => (1 + c / L) / L).outcome).toBe('holds');
    }
  });

  it('fails for another order and for a distance that stays', () => {
    expect(ask((L) => L ** -0.5).outcome).toBe('fails');
    expect(ask((L) => L ** -2).outcome).toBe('fails');
    expect(ask((L) => 0.1 + 1 / L).outcome).not.toBe('holds');
  });

  it('that is faster does not contradict an O(·)', () => {
    expect(ask((L) => L ** -2, 'at least as fast').outcome).toBe('holds');
    expect(ask((L) => L ** -0.5, 'at least as fast').outcome).toBe('fails');
  });

  it('is undecided at rounding, and where errors have no order', () => {
    expect(ask((L) => 1e-15 / L).outcome).toBe('undecided');
    expect(ask((L) => Math.exp(3 * Math.sin(L)) / L).outcome).not.toBe('holds');
  });

  it('does not fail where four errors look more asymptotic than they are', () => {
    // What A.euler-order saw of one flow at 8, 16, 32, 64 layers; finer ones give -0.99293, -0.99697.
    const errors = [1];
    for (const slope of [-0.99214, -0.98373, -0.98567])
      errors.push(errors[errors.length - 1] * 2 ** slope);
    const check = (order: number) =>
      deterministicOrder({
        ...asked,
        ...{ scales: [8, 16, 32, 64], rows: [errors], accuracy: 0, order, suprema: true },
        side: 'at least as fast',
      });
    expect(check(-1)).toMatchObject({ outcome: 'undecided' });
    expect(check(-1).reason).toContain('its error bound');
    expect(check(-1.5).outcome).toBe('fails');
  });

  it('has an error bound that covers what is left', () => {
    for (let trial = 0; trial < 200; trial++) {
      const random = randomStream(trial, 'series');
      const [c, d] = [2 * random.normal(), 4 * random.normal()];
      const errors = scales.map((L) => Math.abs(1 + c / L + d / L ** 2) / L);
      const { order, error } = extrapolatedOrder(scales, errors, 0, false);
      expect(Math.abs(order + 1), `c = ${c}, d = ${d}`).toBeLessThanOrEqual(error);
    }
  });

  it('has one that covers a supremum whose place changes before the finest scale', () => {
    // The slopes that A.costate-order saw at seed 5; and two branches that meet between the two finest scales.
    const seen = [-0.94239, -0.98029, -0.98915, -0.99425, -0.99695, -0.9974];
    const errors = [1];
    for (const slope of seen) errors.push(errors[errors.length - 1] * 2 ** slope);
    const branches = (c: number, other: number) => {
      const meeting = 400;
      const equal = (1 + c / meeting) / (1 + other / meeting);
      return [8, 16, 32, 64, 128, 256, 512].map(
        (L) => Math.max(1 + c / L, equal * (1 + other / L)) / L,
      );
    };
    for (const row of [errors, branches(1, -2), branches(2, 1), branches(0.5, -1)]) {
      const { order, error } = extrapolatedOrder([8, 16, 32, 64, 128, 256, 512], row, 0, true);
      expect(Math.abs(order + 1)).toBeLessThanOrEqual(error);
      expect(error).toBeLessThan(0.05);
    }
  });
});

it('an order with randomness needs two groups of draws, and excludes its rivals', () => {
  const random = randomStream(1, 'noise');
  const rows = (noise: number, groups: number) =>
    Array.from({ length: groups }, () =>
      scales.map((n) => n ** -0.5 * Math.exp(noise * random.normal())),
    );
  const ask = (noise: number, groups: number) =>
    sampledOrder({
      ...asked,
      scales,
      rows: rows(noise, groups),
      order: -0.5,
      side: 'exactly' as const,
    }).outcome;
  expect(ask(0.05, 12)).toBe('holds');
  expect(ask(3, 4)).toBe('undecided');
  expect(ask(0.05, 1)).toBe('undecided');
});

describe('a verdict', () => {
  const holds = atMost({ ...asked, measured: 0, expected: 1 });
  const fails = atMost({ ...asked, measured: 2, expected: 1 });
  const grounds = { hypotheses: [], resolution: [], checks: [holds] };

  it('comes from hypotheses, resolution and checks, in this order', () => {
    const not = { name: 'x', holds: false, value: 0 };
    expect(drawVerdict(grounds).verdict).toBe('holds');
    expect(drawVerdict({ ...grounds, checks: [holds, fails] }).verdict).toBe('fails');
    expect(drawVerdict({ ...grounds, checks: [fails], resolution: [not] }).verdict).toBe(
      'undecided',
    );
    expect(drawVerdict({ checks: [fails], resolution: [not], hypotheses: [not] }).verdict).toBe(
      'outside',
    );
    expect(drawVerdict({ ...grounds, checks: [] }).verdict).toBe('undecided');
  });

  it('of a trivial instance is undecided, with the reason', () => {
    const drawn = drawVerdict({ ...grounds, resolution: [notTrivial('U = 0')] });
    expect(drawn.verdict).toBe('undecided');
    expect(drawn.reasons.join()).toContain('U = 0');
  });
});

it('a sampled mean contradicts at the level of certainty only, and is read through a map', () => {
  const values = [1.02, 1.05, 0.99, 1.04, 1.03, 1.01, 1.06, 1.02];
  const against = (expected: number) =>
    equals({ ...asked, ...sampledMean(values), expected, rivals: [0.5, 2] }).outcome;
  // The mean is 1.0275 with a standard error of 0.008: 2.4 errors at 95 %, 5.4 at 99.9 %.
  expect(against(1.02)).toBe('holds');
  expect(against(1.0)).toBe('undecided');
  expect(against(0.9)).toBe('fails');
  const { measured, interval } = sampledMean([0, 0, 0], { as: Math.exp });
  expect(measured).toBe(1);
  expect(interval).toEqual([1, 1]);
  expect(sampledMean([1, Number.NaN]).interval).toBeNull();
});
