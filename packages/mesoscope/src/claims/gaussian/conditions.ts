import * as z from 'zod';
import type { Condition } from '../check.ts';

/** T > 0. */
export function horizonField(depth: number) {
  return z
    .number()
    .positive()
    .default(depth)
    .describe('T, the depth up to which laws are followed');
}

export function softmax(attention = 'softmax'): Condition {
  return { name: 'softmax attention', holds: attention === 'softmax', value: attention };
}

/** The resolution that integrations reached their horizon, or a blow-up. */
export function completed(
  what: string,
  measured: readonly { readonly ended: string }[],
): Condition {
  const lost = measured.find(({ ended }) => ended !== 'completed' && ended !== 'event');
  return {
    name: `${what} is integrated to the horizon, or to a blow-up`,
    holds: lost === undefined,
    value: lost === undefined ? 'yes' : `it stopped early: ${lost.ended}`,
  };
}

/** The largest of some numbers, 0 for none. */
export function largestOf<T>(all: readonly T[], of: (one: T) => number): number {
  return Math.max(0, ...all.map(of));
}
