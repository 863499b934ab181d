import * as z from 'zod';

const path = z.string().min(1).describe('of a field, as in training.rate or depths[0]');

const listed = z.strictObject({
  path,
  values: z.array(z.unknown()).min(1).describe('every value, in order'),
});

const ranged = z.strictObject({
  path,
  from: z.number().describe('first value'),
  to: z.number().describe('last value'),
  count: z.int().min(2).max(100_000).describe('how many values'),
  scale: z.enum(['linear', 'log']).default('linear').describe('of the steps between them'),
  integer: z.boolean().default(false).describe('whether values are rounded; equal ones count once'),
});

const zipped = z.strictObject({
  zip: z.array(listed).min(2).describe('lists of one length, whose values go together'),
});

const condition = z.strictObject({
  left: path,
  is: z.enum(['<', '≤', '<=', '=', '≠', '!=', '≥', '>=', '>']).describe('relation'),
  right: z.union([z.number(), z.string()]).describe('a number, or the path of another field'),
});

const refinement = z.strictObject({
  along: z.array(path).min(1).max(2).describe('paths of ranges, whose grid is refined'),
  on: z.string().min(1).describe('the column that is compared between neighbours'),
  threshold: z
    .number()
    .optional()
    .describe('neighbours differ if they lie on two sides of it; default: if they are not equal'),
  rounds: z.int().min(1).max(12).describe('how many times the grid is halved'),
});

/** What a sweep is: every field, with its defaults. */
export const sweepSchema = z.strictObject({
  study: z.string().optional().describe('name of the study that each cell runs'),
  claim: z.string().optional().describe('id of the claim that each cell runs, in place of a study'),
  setting: z.enum(['quick', 'full']).default('quick').describe("size of a claim's experiments"),
  configuration: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('fields that all cells share; of the study, or of the instance of the claim'),
  axes: z
    .array(z.union([ranged, zipped, listed]))
    .default([])
    .describe('fields that differ'),
  seeds: z
    .union([z.int().min(1).max(100_000), z.array(z.int().min(0)).min(1)])
    .optional()
    .describe('how many (1, 2, …), or which; the last axis'),
  conditions: z.array(condition).default([]).describe('that a cell meets, or it is left out'),
  refine: refinement.optional().describe('where values change between neighbours, a finer grid'),
});

export type Sweep = z.infer<typeof sweepSchema>;
export type SweepAxis = Sweep['axes'][number];
export type SweepRange = z.infer<typeof ranged>;
export type SweepCondition = Sweep['conditions'][number];

/** Whether the values of an axis lie on a range. */
export function isRange(axis: SweepAxis): axis is SweepRange {
  return 'from' in axis;
}
