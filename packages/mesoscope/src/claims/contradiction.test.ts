import { expect, it } from 'vitest';
import { atMost, equals } from './check.ts';

const asked = {
  name: 'a slope',
  failsIf: 'it is another',
  measured: 0,
  interval: [-1, 1] as const,
};

it('fails only where the wider interval of the same sample misses as well', () => {
  const of = (contradiction: readonly [number, number] | null) =>
    equals({ ...asked, expected: 1.2, contradiction }).outcome;
  expect(of(null)).toBe('fails');
  expect(of([-1.1, 1.1])).toBe('fails');
  expect(of([-1.5, 1.5])).toBe('undecided');
  const { outcome, reason } = atMost({ ...asked, expected: -1.2, contradiction: [-1.5, 1.5] });
  expect(outcome).toBe('undecided');
  expect(reason).toContain('once in a thousand');
});

it('a bias bound widens both intervals', () => {
  const check = equals({ ...asked, expected: 1.7, bias: 0.3, contradiction: [-1.5, 1.5] });
  expect(check.outcome).toBe('undecided');
});
