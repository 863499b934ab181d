import * as z from 'zod';

/** A list of finite numbers, not empty. */
export const vector = z.array(z.number()).min(1);

/** A list of rows. */
export const matrix = z.array(vector).min(1);

/** Whole numbers that increase: depths, particles. */
export function increasing(
  defaults: readonly number[],
  least: number,
  meaning: string,
  smallest = 1,
) {
  return z
    .array(z.int().min(smallest))
    .min(least)
    .default([...defaults])
    .describe(`${meaning}, increasing, at least ${least}`)
    .refine((list) => list.every((value, i) => i === 0 || value > list[i - 1]), {
      message: 'must increase',
    });
}

/** Whole numbers of which each is twice the one before, so that the solution of one starts the next. */
export function doubling(
  defaults: readonly number[],
  least: number,
  meaning: string,
  smallest = 1,
) {
  return z
    .array(z.int().min(smallest))
    .min(least)
    .default([...defaults])
    .describe(`${meaning}, at least ${least}, each twice the one before`)
    .refine((list) => list.every((value, i) => i === 0 || value === 2 * list[i - 1]), {
      message: 'each must be twice the one before',
    });
}

/** How many independent experiments a claim of its own draws. */
export function experimentCount(count: number, meaning: string, least = 1) {
  return z.int().min(least).max(10_000).default(count).describe(meaning);
}
