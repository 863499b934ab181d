import type { HeadLaw } from '../../heads/head-law.ts';
import type { Section, StudyResult } from '../study.ts';
import type { FinalCertificate } from './growth-stage.ts';
import type { FixedRun } from './stages.ts';

/** Share of the drawn starts that must agree on inf Ψ before the search is not called weak. */
const enough = 0.1;

/** The sentence with which a study ends. */
export function certificateSentence({ gap, provedGap, search }: FinalCertificate): string {
  const few = search.agreed < enough * search.starts;
  const trust = few
    ? `too few of the search's ${search.starts} starts agree to call this a proof`
    : `${search.agreed} of the search's ${search.starts} starts agree`;
  return `Within ${gap.toPrecision(2)} of the global optimum over all laws of heads, as far as the search sees: ${trust}. Proved, whatever the search missed: within ${provedGap.toPrecision(3)}.`;
}

/**
 * The gap with how it was searched, and whether a law met in the run refutes it by a risk below the bound.
 *
 * @param risks - of the other laws of the run
 */
export function certificateSections(
  certificate: FinalCertificate,
  risks: readonly number[],
): Section[] {
  const { risk, gap, blindExcess, search } = certificate;
  const bound = lowerBound(certificate);
  const lower = risks.filter((other) => other < bound - 1e-12);
  const test =
    lower.length === 0
      ? 'No other law that was trained here has a lower risk than that allows.'
      : `It is refuted: ${lower.length} of the ${risks.length} other laws trained here have a lower risk than that allows. The search missed the minimum of Ψ; use more starts.`;
  return [
    {
      kind: 'text',
      title: 'How far from the optimum',
      body: `${certificateSentence(certificate)} ${test}`,
    },
    {
      kind: 'table',
      title: 'The certificate',
      columns: ['quantity', 'value'],
      rows: [
        ['risk R of the grown law', risk],
        ['gap ∫Ψ dρ − inf Ψ, as far as searched', gap],
        ['R − gap: the least possible risk, as far as searched', bound],
        ['lowest risk of the other laws trained here', Math.min(...risks)],
        ['drawn starts of the search', search.starts],
        ['of these agree on the least Ψ', search.agreed],
        ['of these converged', search.converged],
        ['different values at which starts ended', search.distinct],
        ["a search blind to the law's heads stayed above the least Ψ by", blindExcess],
        [
          certificate.boxes === undefined
            ? 'gap proved, whatever the search missed, by max |M| alone'
            : `gap proved, whatever the search missed, by ${certificate.boxes} boxes`,
          certificate.provedGap,
        ],
      ],
      note: `Ψ is minimised over V in closed form and over (Q, K) by L-BFGS. A minimum in a basin that random starts enter with probability below ${search.unseenProbability.toFixed(3)} may have been missed.`,
    },
  ];
}

/** `R − gap`: no law of heads has a lower risk, as far as the search sees. */
export function lowerBound({ risk, gap }: FinalCertificate): number {
  return risk - gap;
}

/**
 * Headline entries that say whether a law beats the best single head: in risk, and on unseen sequences.
 *
 * @param unseen - what a law comes to on unseen sequences, lower being better
 * @param unit - of `unseen`, as it stands in the headline
 */
export function againstSingleHead(
  law: HeadLaw | undefined,
  fixed: readonly FixedRun[],
  risk: (law: HeadLaw) => number,
  unseen: (law: HeadLaw) => number,
  unit: string,
): StudyResult['headline'] {
  const single = fixed.find(({ heads }) => heads === 1);
  if (law === undefined || single === undefined) return {};
  const verdict = (measure: (law: HeadLaw) => number) => {
    const difference = measure(single.law) - measure(law);
    const size = Math.abs(difference).toFixed(4);
    return difference > 0 ? `yes, by ${size}` : `no, worse by ${size}`;
  };
  return {
    'beats the best single head in risk': verdict(risk),
    [`beats it in ${unit}`]: verdict(unseen),
  };
}
