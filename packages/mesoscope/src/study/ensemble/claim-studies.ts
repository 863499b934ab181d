import * as z from 'zod';
import type { Claim } from '../../claims/claim.ts';
import { convergence } from '../../claims/ensemble/convergence.ts';
import { counterexample } from '../../claims/ensemble/counterexample.ts';
import { energy } from '../../claims/ensemble/energy.ts';
import { forwardLimit } from '../../claims/ensemble/forward-limit.ts';
import { ensembleGradient } from '../../claims/ensemble/gradient.ts';
import { inputFields, targetRows, trainedFields } from '../../claims/ensemble/instance.ts';
import { persistence } from '../../claims/ensemble/persistence.ts';

import type { Study } from '../study.ts';
import { type MeasuredPiece, type Verification, verifyStudy } from '../verify.ts';

/** The fields of a study whose claims all take the same explicit inputs. */
function schemaOf<Fields extends z.ZodRawShape>(fields: Fields) {
  return z.strictObject({
    seed: z.int().min(0).default(1),
    setting: z.enum(['quick', 'full']).default('quick').describe('how many experiments'),
    instance: z
      .strictObject(fields)
      .optional()
      .describe('explicit contexts and tokens; default: random ones'),
  });
}

type Configuration = z.infer<ReturnType<typeof schemaOf>>;

/** A study that measures claims, on random or the user's own inputs. */
function claimStudy(
  about: Pick<Study, 'name' | 'title' | 'description'>,
  claims: readonly Claim[],
  fields: z.ZodRawShape,
): Study<Configuration, MeasuredPiece> {
  const verify = verifyStudy(claims);
  const asked = new WeakMap<Configuration, Verification>();
  const verification = (configuration: Configuration): Verification => {
    const { seed, setting, instance = {} } = configuration;
    const known = asked.get(configuration) ?? {
      seed,
      setting,
      claims: claims.map(({ id }) => ({ id, instance })),
    };
    asked.set(configuration, known);
    return known;
  };
  return {
    ...about,
    papers: ['D'],
    schema: schemaOf(fields),
    pieces: (configuration) => verify.pieces(verification(configuration)),
    label: (configuration, index) => verify.label(verification(configuration), index),
    piece: (configuration, context) => verify.piece(verification(configuration), context),
    milestone: (configuration, pieces, index) =>
      verify.milestone?.(verification(configuration), pieces, index),
    finish(configuration, pieces) {
      const result = verify.finish(verification(configuration), pieces);
      const found = result.claims.map((outcome): readonly [string, string] => [
        outcome.claim.id,
        'finding' in outcome ? outcome.finding.verdict : outcome.error.message,
      ]);
      const summaries = result.claims.flatMap((outcome) =>
        'finding' in outcome ? [outcome.finding.summary] : [],
      );
      return {
        ...result,
        headline: Object.fromEntries(found),
        status: { kind: 'completed', message: summaries.join(' ') },
      };
    },
  };
}

const targetedFields = { ...inputFields, targets: targetRows };

/** Studies of limits, adjoints and scaling. */
export const ensembleClaimStudies: readonly Study<Configuration, MeasuredPiece>[] = [
  claimStudy(
    {
      name: 'ensemble/forward-limit',
      title: 'The infinitely deep and wide limit',
      description:
        'Error of finite networks over depth and heads, with the rates in LH and in L separated.',
    },
    [forwardLimit],
    inputFields,
  ),
  claimStudy(
    {
      name: 'ensemble/adjoint',
      title: 'Token and context costates',
      description:
        'Mean-field costates against the discrete adjoint and finite differences, and the exact Gaussian recursion on dependent contexts.',
    },
    [ensembleGradient, counterexample],
    targetedFields,
  ),
  claimStudy(
    {
      name: 'ensemble/scaling',
      title: 'Scaling of training',
      description:
        'Final loss against initial loss, collapse of loss curves over heads, permuted heads, and whether injectivity survives.',
    },
    [energy, convergence, persistence],
    trainedFields,
  ),
];
