import { type Law, type ParticleLaw, particles } from '../law/law.ts';
import { sampleLaw } from '../law/sample.ts';
import { createLaw, type LawDescription } from '../law/schema.ts';
import { requireFinite, shapeMismatch } from '../numeric/checks.ts';
import { randomStream } from '../numeric/random.ts';
import { requireWhole } from './checks.ts';

/** N inputs of the network: pairs (context μ^i, token x^i). */
export interface EnsembleInputs {
  /** d. */
  readonly dimension: number;
  readonly contexts: readonly Law[];
  /** x^i, each d numbers. */
  readonly tokens: readonly Float64Array[];
}

/**
 * Checked pairs of contexts and tokens.
 *
 * @param contexts laws, or their descriptions as in a configuration
 * @throws MesoscopeError `shape-mismatch` without contexts, for an empty one, or where a token is not in its context's
 *   space; `invalid-value` where weights are not a probability; `not-finite`
 */
export function ensembleInputs(
  contexts: readonly (Law | LawDescription)[],
  tokens: readonly ArrayLike<number>[],
): EnsembleInputs {
  if (contexts.length === 0) throw shapeMismatch('contexts', [0], ['at least 1']);
  if (tokens.length !== contexts.length) {
    throw shapeMismatch('tokens', [tokens.length], [contexts.length]);
  }
  const laws = contexts.map((context, i) =>
    'kind' in context ? context : createLaw(context, `contexts[${i}]`),
  );
  const [{ dimension }] = laws;
  laws.forEach((law, i) => {
    if (law.dimension !== dimension) {
      throw shapeMismatch(`contexts[${i}]`, [law.dimension], [dimension]);
    }
    if (tokens[i].length !== dimension) {
      throw shapeMismatch(`tokens[${i}]`, [tokens[i].length], [dimension]);
    }
    requireFinite(`tokens[${i}]`, tokens[i]);
  });
  return { dimension, contexts: laws, tokens: tokens.map((x) => Float64Array.from(x)) };
}

/** Inputs whose contexts are weighted points. */
export type DiscreteInputs = Omit<EnsembleInputs, 'contexts'> & {
  readonly contexts: readonly ParticleLaw[];
};

/** How contexts that are not sets of points become some. */
export interface SamplingOptions {
  /** Points of each; default 32. */
  readonly points?: number;
  /** Default 1. Context i has a random stream of its own. */
  readonly seed?: number;
}

/** The same inputs with sampled contexts: discrete ones are kept, of any other law independent points are drawn. */
export function sampledInputs(
  inputs: EnsembleInputs,
  { points = 32, seed = 1 }: SamplingOptions = {},
): DiscreteInputs {
  requireWhole('points', points);
  return {
    ...inputs,
    contexts: inputs.contexts.map((law, i) =>
      law.kind === 'particles'
        ? law
        : particles(sampleLaw(law, points, randomStream(seed, 'context points', i))),
    ),
  };
}
