import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { ClaimContext } from '../legacy.ts';
import { controlInstanceShape, explicitModel } from './control-instance.ts';

/** λ of problems whose solutions are Lipschitz in depth, and of problems whose solutions jump. */
export const coerciveRegularisation = 1;
export const weakRegularisation = 0.03;

const { h0, labels, U } = controlInstanceShape;

/** A control problem to be solved, on explicit data or on random sequences. */
export const optimumShape = {
  ...controlInstanceShape,
  h0: h0.optional().describe('S sequences of n tokens of d numbers; default: random ones'),
  labels: labels.optional().describe('a class for each sequence; goes with h0 and U'),
  U: U.optional().describe('the readout, C × d, kept as it is; goes with h0 and labels'),
  regularisation: z
    .number()
    .positive()
    .default(coerciveRegularisation)
    .describe('λ of ∫ (λ/2)|θ|² dt'),
  smoothness: z.number().min(0).default(0).describe('μ of ∫ (μ/2)|θ̇|² dt'),
  problems: z
    .int()
    .min(1)
    .max(64)
    .default(8)
    .describe('random problems, or random starts where data are given'),
};

/** Numbers of layers that double, so that the solution of one starts the next. */
export const doublingDepths = (defaults: number[], least: number, shallowest = 1) =>
  z
    .array(z.int().min(shallowest))
    .min(least)
    .default(defaults)
    .describe(`numbers of layers L, at least ${least}, each twice the one before`)
    .refine((depths) => depths.every((L, i) => i === 0 || L === 2 * depths[i - 1]), {
      message: 'each must be twice the one before',
    });

const shape = z.strictObject(optimumShape);

export type OptimumInstance = z.infer<typeof shape>;

/** Refuses data without labels or readout. */
export const dataComplete = [
  ({ h0, labels, U }: Pick<OptimumInstance, 'h0' | 'labels' | 'U'>) =>
    [h0, labels, U].every((given) => given === undefined) ||
    [h0, labels, U].every((given) => given !== undefined),
  { message: 'h0, labels and U go together: give all three, or none' },
] as const;

/** The instance that stands for a claim's own problems. */
export function ownInstance(context: Pick<ClaimContext<unknown>, 'setting'>): OptimumInstance {
  return { ...shape.parse({}), problems: context.setting === 'full' ? 16 : 8 };
}

export interface OptimumModelOptions {
  readonly seed: number;
  /** Which of the random problems. */
  readonly index: number;
  readonly layers: number;
  /** Default the instance's. */
  readonly regularisation?: number;
  readonly smoothness?: number;
}

/**
 * The problem on L layers, its controls at a random start. Without data: 6 sequences of 4 tokens in R³ with entries of
 * deviation 1, of three classes, to be told apart by the mean of their last states under a fixed readout of deviation 1.
 */
export function optimumModel(
  backend: Backend,
  instance: OptimumInstance,
  options: OptimumModelOptions,
): ControlModel {
  const { seed, index, layers } = options;
  const data = dataOf(instance, seed, index);
  const { regularisation = instance.regularisation } = options;
  const { smoothness = instance.smoothness } = options;
  return explicitModel(
    backend,
    { ...instance, ...data, regularisation },
    {
      layers,
      seed: randomStream(seed, 'start of the controls', index).integer(2 ** 31),
      smoothness,
      frozen: ['readout'],
    },
  );
}

/** The data of an instance, or those of its random problem. */
export function dataOf(instance: OptimumInstance, seed: number, index: number) {
  const { h0, labels, U } = instance;
  if (h0 !== undefined && labels !== undefined && U !== undefined) return { h0, labels, U };
  const [d, tokens, samples, classes] = [3, 4, 6, 3];
  const random = randomStream(seed, 'sequences of three classes', index);
  const normals = (rows: number, size: number) =>
    Array.from({ length: rows }, () => Array.from({ length: d }, () => size * random.normal()));
  return {
    h0: Array.from({ length: samples }, () => normals(tokens, 1)),
    labels: Array.from({ length: samples }, (_, s) => s % classes),
    U: normals(classes, 1),
  };
}
