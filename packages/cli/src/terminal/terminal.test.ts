import { concludeClaim } from 'mesoscope/claims';
import { formatDuration, formatNumber, wrap } from 'mesoscope-view';
import { describe, expect, it, vi } from 'vitest';
import { captured, exactClaim, toyClaim, toyFinding } from '../toy.fixture.ts';
import { createProgress } from './progress.ts';
import { claimTable } from './table.ts';

it.each([
  [0, '0'],
  [-1, '-1'],
  [2.31449, '2.314'],
  [1834, '1834'],
  [12345.6, '12346'],
  [0.5, '0.5'],
  [3.1e-16, '3.1e-16'],
  [1.23456e9, '1.235e9'],
  [-0.00012, '-1.2e-4'],
  [Number.NaN, 'not a number'],
])('formats %d as %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

it('formats durations', () => {
  expect([4.21, 9.97, 12, 59.7, 80, 119.8, 3720].map(formatDuration)).toEqual([
    '4.2 s',
    '10 s',
    '12 s',
    '1 min 0 s',
    '1 min 20 s',
    '2 min 0 s',
    '1 h 2 min',
  ]);
});

it('prints a table of at most 100 columns with the reason of every verdict but holds', () => {
  const outside = concludeClaim(toyClaim, [[1, 1, 1, 2, 1]], {
    given: { horizon: -1, bend: 0 },
    seed: 1,
  });
  const exact = concludeClaim(exactClaim, [null], { given: { horizon: 1 }, seed: 1 });
  const findings = [
    { claim: toyClaim, finding: toyFinding() },
    { claim: { ...toyClaim, id: 'A.recovery-outside' }, finding: outside },
    { claim: exactClaim, finding: exact },
  ];
  const outcomes = findings.map(({ claim, finding }) => ({
    claim: claim as never,
    finding,
    seconds: 1,
  }));
  const broken = { claim: toyClaim as never, error: new Error('x '.repeat(100)), seconds: 1 };
  const table = claimTable([...outcomes, broken]);
  expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(table).toContain('A.recovery-outside: Outside the hypotheses: horizon T > 0 (-1).');
  expect(table).toMatch(/C\.toy-exact +3\.1e-16 +≤ 1e-12 +holds/);
  expect(table).toMatch(/A\.toy-order +– +– +error/);
});

it('wraps at spaces', () => {
  expect(wrap('one two three four', 9, '  ')).toBe('one two\n  three\n  four');
});

describe('plain progress', () => {
  it('writes the first line, then one every two seconds, then the last', () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const output = captured();
    const progress = createProgress(output);
    for (let step = 0; step <= 100; step++) {
      clock.mockReturnValue(step * 100);
      progress.metric({ loss: 1 / (step + 1) });
      progress.update(step, 100, 'training');
    }
    clock.mockRestore();
    const lines = output.text().trim().split('\n');
    expect(lines).toHaveLength(6);
    expect(lines[0]).toBe('0.0 s  0 %  training  loss 1');
    expect(lines[1]).toBe('2.0 s  20 %  training  8.0 s left  loss 0.04762');
    expect(lines[5]).toContain('100 %');
  });

  it('shows what was measured, not where it was measured', () => {
    const output = captured();
    const progress = createProgress(output);
    progress.metric({
      phase: 'train',
      layers: 2,
      step: 300,
      seconds: 1.6,
      loss: 2.5,
      heldOutBits: 3.4,
    });
    progress.update(1, 2, '2 layers');
    expect(output.text()).toContain('2 layers  loss 2.5, held out bits 3.4');
  });

  it('says again what is known where a step is silent, from the start on', () => {
    vi.useFakeTimers();
    const output = captured();
    const progress = createProgress(output);
    vi.advanceTimersByTime(10_000);
    expect(output.text()).toBe('10 s  0 %  starting\n');
    progress.update(1, 4, 'singular values');
    vi.advanceTimersByTime(25_000);
    progress.end();
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
    const lines = output.text().trim().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^30 s {2}25 % {2}singular values/);
  });

  it('is quiet where asked, but for lines that stay', () => {
    const output = captured();
    const progress = createProgress(output, true);
    progress.update(1, 2, 'training');
    progress.log('To runs/x.');
    progress.end();
    expect(output.text()).toBe('To runs/x.\n');
  });

  it('leaves a clear screen to a question, and says what it held back after it', async () => {
    const output = Object.assign(captured(), { isTTY: true, columns: 80 });
    const progress = createProgress(output);
    progress.update(1, 2, 'training');
    const goesOn = progress.hold(async () => {
      output.write('Go on?');
      progress.update(1, 2, 'training');
      progress.log('A claim holds.');
      return true;
    });
    expect(output.text()).toMatch(/Go on\?$/);
    expect(await goesOn).toBe(true);
    expect(output.text()).toMatch(/Go on\?A claim holds\.\n$/);
    progress.end();
  });

  it('fits a narrow terminal, without colours', () => {
    const output = Object.assign(captured(), { isTTY: true, columns: 30 });
    const progress = createProgress(output);
    progress.update(1, 2, 'a long name of what is being done');
    progress.end();
    expect(output.text()).toHaveLength(31);
    expect(output.text()).not.toContain('\u001b');
  });
});
