import type { HeadLaw } from '../../heads/head-law.ts';
import type { StudyResult } from '../study.ts';
import type { FinalCertificate } from './growth-stage.ts';
import type { FixedRun } from './stages.ts';

/** Share of the drawn starts that must agree on inf Ψ before the search is not called weak. */
const enough = 0.1;

/** What the search behind a gap is worth, in words. */
function worth({ search: { agreed, starts }, provedGap, blindExcess }: FinalCertificate): string {
  const few = agreed < enough * starts ? `, too few to trust it: this is no proof` : '';
  return `${agreed} of ${starts} drawn starts agree on the least Ψ found${few}; a search blind to the law's heads came within ${blindExcess.toExponential(1)} of it; proved, whatever the search missed: within ${provedGap.toPrecision(3)}`;
}

/** The sentence with which a study ends. */
export function certificateSentence(certificate: FinalCertificate): string {
  const { gap, risk } = certificate;
  return `Within ${gap.toExponential(2)} of the global optimum over all laws of heads, as far as the search sees (risk ${risk.toFixed(6)}; ${worth(certificate)}).`;
}

/**
 * The gap with how it was searched, and whether a law met in the run refutes it by a risk below the bound.
 *
 * @param risks - of the other laws of the run
 */
export function certificateText(certificate: FinalCertificate, risks: readonly number[]): string {
  const bound = lowerBound(certificate);
  const lower = risks.filter((risk) => risk < bound - 1e-12);
  const test =
    lower.length === 0
      ? `None of the ${risks.length} other laws trained here has a risk below R − gap = ${bound.toFixed(6)}.`
      : `It is refuted: ${lower.length} of the ${risks.length} other laws trained here have a risk below R − gap = ${bound.toFixed(6)}, the lowest ${Math.min(...lower).toFixed(6)}. The search missed the minimum of Ψ; use more starts.`;
  return `${certificateSentence(certificate)} ${test} ${certificate.search.sentence}`;
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
