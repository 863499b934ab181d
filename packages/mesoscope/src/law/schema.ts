import * as z from 'zod';
import { parseConfiguration } from '../configuration/parse.ts';
import { box, gaussian, gridLaw, type Law, mixture, particles } from './law.ts';

const vector = z.array(z.number()).min(1);
const rows = z.array(vector).min(1);

const gaussianFields = {
  mean: vector.describe('d numbers'),
  covariance: rows.describe('d × d, symmetric positive semi-definite, possibly degenerate'),
};

/** A law as a person writes it in a configuration. */
export type LawDescription =
  | { points: number[][]; weights?: number[] | undefined }
  | { mean: number[]; covariance: number[][] }
  | { gaussian: { mean: number[]; covariance: number[][] } }
  | { mixture: MixtureComponentDescription[] }
  | { box: { low: number[]; high: number[] } }
  | { grid: { axes: { low: number; high: number; cells: number }[]; masses: number[] } };

/** One component of a mixture, with its weight; default 1/K each of K components. */
export type MixtureComponentDescription = { weight?: number | undefined } & (
  | { law: LawDescription }
  | { mean: number[]; covariance: number[][] }
  | { gaussian: { mean: number[]; covariance: number[][] } }
);

const weight = z.number().optional().describe('default 1/K each');

/**
 * Schema of a law in a configuration. Only the form is checked here; {@link createLaw} checks the mathematics
 * (weights a probability, covariance positive semi-definite, dimensions) and names what is wrong.
 */
export const lawSchema: z.ZodType<LawDescription> = z.lazy(() =>
  z.union([
    z
      .strictObject({
        points: rows.describe('n points of d numbers'),
        weights: z.array(z.number()).optional().describe('n weights with sum 1; default 1/n each'),
      })
      .describe('weighted particles; one point is a Dirac law'),
    z.strictObject(gaussianFields).describe('a Gaussian law'),
    z.strictObject({ gaussian: z.strictObject(gaussianFields) }).describe('a Gaussian law'),
    z
      .strictObject({
        mixture: z
          .array(
            z.union([
              z.strictObject({ weight, ...gaussianFields }),
              z.strictObject({ weight, gaussian: z.strictObject(gaussianFields) }),
              z.strictObject({ weight, law: lawSchema }),
            ]),
          )
          .min(1)
          .describe('laws with weights of sum 1'),
      })
      .describe('a mixture'),
    z
      .strictObject({
        box: z.strictObject({ low: vector, high: vector }).describe('low ≤ high, d numbers each'),
      })
      .describe('the uniform law on a box'),
    z
      .strictObject({
        grid: z.strictObject({
          axes: z
            .array(z.strictObject({ low: z.number(), high: z.number(), cells: z.int().positive() }))
            .min(1)
            .max(2),
          masses: z.array(z.number()).min(1).describe('one a cell, the last axis fastest, sum 1'),
        }),
      })
      .describe('a density that is constant on the cells of a grid'),
  ]),
);

/**
 * The law that a description stands for.
 *
 * @param path - how errors name it: `contexts[2]`
 * @throws MesoscopeError as {@link particles}, {@link gaussian}, {@link mixture}, {@link box} and {@link gridLaw};
 *   `invalid-configuration` for what describes no law
 */
export function createLaw(description: LawDescription, path = 'law'): Law {
  if ('points' in description) return particles(description.points, description.weights, path);
  if ('mean' in description) return gaussian(description.mean, description.covariance, path);
  if ('gaussian' in description) {
    const { mean, covariance } = description.gaussian;
    return gaussian(mean, covariance, `${path}.gaussian`);
  }
  if ('box' in description) return box(description.box.low, description.box.high, `${path}.box`);
  if ('grid' in description) {
    return gridLaw(description.grid.axes, description.grid.masses, `${path}.grid`);
  }
  if (!('mixture' in description)) parseConfiguration(lawSchema, description);
  const components = description.mixture.map((component, k) => {
    const { weight = 1 / description.mixture.length, ...law } = component;
    const where = `${path}.mixture[${k}]`;
    return {
      weight,
      law: 'law' in law ? createLaw(law.law, `${where}.law`) : createLaw(law, where),
    };
  });
  return mixture(components, path);
}
