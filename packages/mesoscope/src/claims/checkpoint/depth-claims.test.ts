import { describe, expect, test } from 'vitest';
import type { RefinementRecord } from '../../checkpoint/depth/refinement.ts';
import { type Conclusion, concludeClaim } from '../claim.ts';
import { type EulerMeasured, eulerConclusion } from './euler.ts';
import { type InteriorMeasured, interiorConclusion } from './interior.ts';
import { orderConclusion } from './order.ts';
import { type SmoothMeasured, smoothConclusion } from './smooth.ts';

const verdictOf = (conclusion: Conclusion) =>
  concludeClaim({ conclude: () => conclusion }, [], { given: {}, seed: 1 }).verdict;

const steps = [1, 2, 4, 8, 16, 32, 64];

function refinement(differenceOf: (m: number) => number, gap = { value: 0.5, error: 0.001 }) {
  const differences = steps.slice(0, -1).map(differenceOf);
  return { steps, differences, gap } satisfies RefinementRecord;
}

describe('P.order', () => {
  const verdict = (differenceOf: (m: number) => number) =>
    verdictOf(
      orderConclusion(
        [1, 1.3].map((size) => ({
          ...refinement((m) => size * differenceOf(m)),
          flow: 'ẋ = f(x)',
          rounding: 1e-13,
        })),
        { doublings: 6, name: 'a model' },
      ),
    );
  test.each([
    ['order 1', 'holds', (m: number) => (0.5 / m) * (1 + 0.3 / m)],
    ['order 2, as of steps that are too short', 'fails', (m: number) => 0.5 / m ** 2],
    ['no order, as of steps that are not shortened', 'fails', (m: number) => 0.5 + 0.001 / m],
    ['order ½', 'fails', (m: number) => 0.5 / Math.sqrt(m)],
    ['layers of zeros', 'undecided', () => 0],
    ['not asymptotic yet', 'undecided', (m: number) => (0.5 / m) * (1 + Math.sin(3 * m) / 2)],
  ])('%s: %s', (_, expected, differenceOf) => {
    expect(verdict(differenceOf)).toBe(expected);
  });
});

describe('P.euler', () => {
  const verdict = (value: number, control: number, more: Partial<EulerMeasured['control']> = {}) =>
    verdictOf(
      eulerConclusion(
        [0.98, 1, 1.02, 1.01].map((factor) => ({
          model: refinement((m) => 1 / m, { value: factor * value, error: 0.001 }),
          control: {
            ...refinement((m) => 1 / m, { value: factor * control, error: 0.001 }),
            moved: 0.8,
            ...more,
          },
        })),
        'models',
      ),
    );
  test('a model far from its flow beside networks near theirs', () => {
    expect(verdict(0.5, 0.05)).toBe('holds');
  });
  test('a model that is near', () => expect(verdict(0.03, 0.05)).toBe('fails'));
  test('training by refinement that does not help', () => expect(verdict(0.5, 0.3)).toBe('fails'));
  test('networks that move nothing', () => {
    expect(verdict(0.5, 0.001, { moved: 0.01 })).toBe('undecided');
  });
  test('too few steps for a limit', () => {
    const record = { ...refinement((m) => 1 / m), gap: null };
    const measured = { model: record, control: { ...record, moved: 1 } };
    expect(verdictOf(eulerConclusion([measured, measured], 'models'))).toBe('undecided');
  });
});

describe('P.interior', () => {
  const verdict = (changes: Partial<InteriorMeasured>) =>
    verdictOf(
      interiorConclusion(
        [0.98, 1, 1.02, 1.01].map((factor) => {
          const { layers = 8, unit = 'nats', all = 2, interior = 0.1, boundary = 1.8 } = changes;
          return {
            layers,
            unit,
            all: factor * all,
            interior: factor * interior,
            boundary: factor * boundary,
          };
        }),
        'a model',
      ),
    );
  test('a tolerant interior', () => expect(verdict({})).toBe('holds'));
  test('the ends exchanged with what is between', () => {
    expect(verdict({ interior: 1.8, boundary: 0.1 })).toBe('fails');
  });
  test('few layers', () => expect(verdict({ layers: 4 })).toBe('undecided'));
  test('layers of zeros', () => {
    expect(verdict({ all: 0, interior: 0, boundary: 0 })).toBe('undecided');
  });
});

describe('P.smooth', () => {
  const verdict = (neighbour: number, far: number, layers = 12, shared = false) =>
    verdictOf(
      smoothConclusion(
        [0, 0.01].map((shift): SmoothMeasured => {
          const fields = Array.from({ length: layers }, (_, l) => ({
            neighbour:
              l + 1 === layers
                ? null
                : { cosine: neighbour + shift + 0.02 * Math.sin(5 * l), difference: 1.2 },
            far: layers < 3 ? null : far,
            parallelDefect: null,
            lipschitz: null,
          }));
          return { shared, fields, random: fields };
        }),
        'a model',
      ),
    );
  test('neighbours that are more alike', () => expect(verdict(0.3, 0.1)).toBe('holds'));
  test('distant layers taken for neighbours', () => expect(verdict(0.1, 0.3)).toBe('fails'));
  test('layers without relation', () => expect(verdict(0.1, 0.105)).toBe('undecided'));
  test('one layer for all depths', () => expect(verdict(1, 1, 12, true)).toBe('outside'));
  test('one layer', () => expect(verdict(1, 1, 1)).toBe('undecided'));
});
