import * as z from 'zod';

const count = z.int().min(1);

const isBounded = ({
  regularisation,
  radius,
}: {
  regularisation: number;
  radius?: number | undefined;
}) => regularisation > 0 || radius !== undefined;

const unbounded = {
  path: ['regularisation'],
  message:
    'expected a number > 0 (received 0), or a radius beside it: otherwise the best head lies at infinity',
};

/** What every study of heads can be told; the defaults are those of a preset. */
function commonFields(preset: {
  readonly regularisation: number;
  readonly keyDimension: number;
  readonly heads: readonly number[];
  readonly flowSteps: number;
  readonly reports: number;
  readonly rounds: number;
  readonly descent: number;
  readonly step: number;
  readonly starts: number;
  readonly polish: number;
  readonly fixed: readonly number[];
  readonly bifurcation: readonly number[];
}) {
  return {
    seed: z.int().min(0).default(1),
    regularisation: z
      .number()
      .min(0)
      .default(preset.regularisation)
      .describe('λ of (λ/2)∫|θ|²dρ; 0 only with a radius, or there is no certificate'),
    radius: z
      .number()
      .positive()
      .optional()
      .describe('r of the ball |θ| ≤ r that holds all heads; default: no ball'),
    keyDimension: count.default(preset.keyDimension).describe('k'),
    heads: z
      .array(count.max(4096))
      .min(1)
      .default([...preset.heads])
      .describe(
        'numbers N whose flow from random heads is followed; the cloud of the largest is shown',
      ),
    flow: z
      .strictObject({
        kind: z
          .enum(['full-gradient', 'one-sample'])
          .default('full-gradient')
          .describe('each step sees all sequences, or one, drawn uniformly'),
        steps: count.default(preset.flowSteps).describe('of descent on all heads'),
        step: z
          .number()
          .positive()
          .default(preset.step)
          .describe('η at the start; halved where the risk rises, if nothing is random'),
        schedule: z
          .strictObject({
            power: z.number().min(0).default(0).describe('p of ξ(t) = (1 + t/s)^{−p}'),
            time: z.number().positive().default(10).describe('s of ξ(t)'),
          })
          .prefault({})
          .describe('ξ(t), factor of the velocity'),
        temperature: z
          .number()
          .min(0)
          .default(0)
          .describe(
            'τ of the Langevin noise √(2ητ) on every parameter; with ξ = 1 the limit minimises R + τ∫ρ log ρ',
          ),
        reports: z
          .int()
          .min(2)
          .default(preset.reports)
          .describe('times at which risk and slope are kept, and the gap of the largest N'),
      })
      .prefault({}),
    growth: z
      .strictObject({
        rounds: count.default(preset.rounds).describe('of insertion at the most'),
        tolerance: z.number().positive().default(1e-4).describe('gap at which growth ends'),
        descent: count.default(preset.descent).describe('iterations of each descent on all heads'),
      })
      .prefault({}),
    search: z
      .strictObject({
        starts: count.default(preset.starts).describe('random starts of a search for inf Ψ'),
        iterations: count.default(preset.polish).describe('of each polish'),
      })
      .prefault({}),
    fixed: z
      .array(count)
      .min(1)
      .default([...preset.fixed])
      .describe('numbers of heads that are trained from random starts, to compare with'),
    bifurcation: z
      .array(z.number().positive())
      .default([...preset.bifurcation])
      .describe(
        'λ > 0 at which the stability of the single head is computed, without the ball; costs P³ each',
      ),
  };
}

export const teacherSchema = z
  .strictObject({
    ...commonFields({
      regularisation: 0.02,
      keyDimension: 2,
      heads: [1, 4, 16, 64, 256],
      flowSteps: 400,
      reports: 8,
      rounds: 16,
      descent: 60,
      step: 1,
      starts: 48,
      polish: 120,
      fixed: [1, 2, 4, 8, 16, 32, 64, 128],
      bifurcation: Array.from({ length: 12 }, (_, i) => 0.005 * 1.6 ** i),
    }),
    teacherHeads: count.default(3).describe('heads of the teacher that draws the labels'),
    dimension: count.default(4).describe('d'),
    classes: z.int().min(2).default(4).describe('C'),
    sequences: count.default(64).describe('S'),
    tokens: count.default(8).describe('n'),
  })
  .refine(isBounded, unbounded);

export type TeacherStudy = z.infer<typeof teacherSchema>;

export const textSchema = z
  .strictObject({
    ...commonFields({
      regularisation: 0.02,
      keyDimension: 3,
      heads: [1, 4, 16, 64],
      flowSteps: 60,
      reports: 6,
      rounds: 6,
      descent: 20,
      step: 8,
      starts: 12,
      polish: 40,
      fixed: [1, 4, 16, 32],
      bifurcation: [],
    }),
    corpus: z
      .string()
      .default('moby-dick')
      .describe('a corpus by name, or the path of a UTF-8 text file'),
    context: z.int().min(2).default(10).describe('n, characters seen at most'),
    sequences: count.default(320).describe('training sequences, spread evenly over the text'),
    testSequences: z
      .int()
      .min(2)
      .default(512)
      .describe('of the validation part, and of the held-out part'),
    maximumClasses: z.int().min(2).default(32).describe('C at most'),
    embedding: count
      .default(10)
      .describe('coordinates of a character: singular vectors of its bigrams'),
    periods: z
      .array(z.number().positive())
      .default([20, 10])
      .describe('of the pairs (cos, sin) that tell positions apart, in characters'),
  })
  .refine(isBounded, unbounded);

export type TextStudy = z.infer<typeof textSchema>;

/** What both studies share. */
export type HeadStudyConfiguration = Pick<
  TeacherStudy,
  | 'seed'
  | 'regularisation'
  | 'radius'
  | 'keyDimension'
  | 'heads'
  | 'flow'
  | 'growth'
  | 'search'
  | 'fixed'
  | 'bifurcation'
>;
