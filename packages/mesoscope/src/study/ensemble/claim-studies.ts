import { z } from 'zod';
import type { Claim } from '../../claims/claim.ts';
import { convergence } from '../../claims/ensemble/convergence.ts';
import { counterexample } from '../../claims/ensemble/counterexample.ts';
import { energy } from '../../claims/ensemble/energy.ts';
import { forwardLimit } from '../../claims/ensemble/forward-limit.ts';
import { ensembleGradient } from '../../claims/ensemble/gradient.ts';
import { inputFields, targetRows, trainedFields } from '../../claims/ensemble/instance.ts';
import { persistence } from '../../claims/ensemble/persistence.ts';
import { runClaims } from '../../claims/run.ts';
import type { Study, StudyContext, StudyResult } from '../study.ts';

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
): Study {
  async function run(configuration: Configuration, context: StudyContext): Promise<StudyResult> {
    const { seed, setting, instance } = configuration;
    const outcomes = await runClaims(
      claims.map((claim) => ({ claim, ...(instance === undefined ? {} : { instance }) })),
      {
        backend: context.backend,
        seed,
        setting,
        progress: (done, total, label) => context.progress(done, total, label),
        ...(context.signal === undefined ? {} : { signal: context.signal }),
      },
    );
    const interrupted = context.signal?.aborted === true;
    return {
      claims: outcomes,
      sections: [],
      arrays: {},
      headline: Object.fromEntries(
        outcomes.map((outcome) => [
          outcome.claim.id,
          'finding' in outcome ? outcome.finding.verdict : outcome.error.message,
        ]),
      ),
      status: interrupted
        ? { kind: 'interrupted', message: 'Not all claims were measured.' }
        : {
            kind: 'completed',
            message: outcomes
              .map((outcome) => ('finding' in outcome ? outcome.finding.summary : ''))
              .join(' '),
          },
    };
  }
  return { ...about, papers: ['D'], schema: schemaOf(fields), run: run as Study['run'] };
}

const targetedFields = { ...inputFields, targets: targetRows };

/** Studies of limits, adjoints and scaling. */
export const ensembleClaimStudies: readonly Study[] = [
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
