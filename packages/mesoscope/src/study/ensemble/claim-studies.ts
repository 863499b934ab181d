import { z } from 'zod';
import type { Claim } from '../../claims/claim.ts';
import { convergence } from '../../claims/ensemble/convergence.ts';
import { counterexample } from '../../claims/ensemble/counterexample.ts';
import { energy } from '../../claims/ensemble/energy.ts';
import { forwardLimit } from '../../claims/ensemble/forward-limit.ts';
import { ensembleGradient } from '../../claims/ensemble/gradient.ts';
import { ensembleInstance } from '../../claims/ensemble/instance.ts';
import { persistence } from '../../claims/ensemble/persistence.ts';
import { runClaims } from '../../claims/run.ts';
import type { Study } from '../study.ts';
import type { StudyContext, OldResult as StudyResult } from '../whole.ts';
import { wholeStudy } from '../whole.ts';

const schema = z.strictObject({
  seed: z.int().min(0).default(1),
  setting: z.enum(['quick', 'full']).default('quick').describe('how many experiments'),
  instance: ensembleInstance
    .optional()
    .describe('explicit contexts, tokens and targets; default: random ones'),
});

type Configuration = z.infer<typeof schema>;

/** A study that measures claims, on random or the user's own inputs. */
function claimStudy(
  about: Pick<Study, 'name' | 'title' | 'description'>,
  claims: readonly Claim[],
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
  return wholeStudy({ ...about, papers: ['D'], schema, run }) as Study;
}

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
  ),
  claimStudy(
    {
      name: 'ensemble/adjoint',
      title: 'Token and context costates',
      description:
        'Mean-field costates against the discrete adjoint and finite differences, and the exact Gaussian recursion on dependent contexts.',
    },
    [ensembleGradient, counterexample],
  ),
  claimStudy(
    {
      name: 'ensemble/scaling',
      title: 'Scaling of training',
      description:
        'Final loss against initial loss, collapse of loss curves over heads, permuted heads, and whether injectivity survives.',
    },
    [energy, convergence, persistence],
  ),
];
