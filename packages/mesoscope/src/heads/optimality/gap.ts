import type { HeadCertificate } from '../certificate.ts';
import type { HeadProblem } from '../problem.ts';
import { encloseInfimum, hindranceOf, type InfimumEnclosure } from './lower-bound.ts';

/** Width of the enclosure that is enough, over the risk. */
const share = 0.01;

/** By what the risk and the residual of a law may be off by rounding, over the risk and 1; far more than they are. */
const margin = 1e-9;

/** A gap `∫Ψdρ − inf Ψ` in which the infimum is a lower bound from branch and bound. */
export interface EnclosedGap {
  /** `R(ρ) − inf R` is at most this. */
  readonly gap: number;
  readonly enclosure: InfimumEnclosure;
}

/**
 * Encloses the gap of a law to a hundredth of its risk, or as far as the boxes last. The infimum is enclosed for the residual as it was
 * computed; its own rounding is covered by a margin of 1e-9 (1 + R), which is not proved.
 *
 * @returns undefined where branch and bound has no hold ({@link hindranceOf}), or d > 2, where it would not get anywhere
 */
export function encloseGap(
  problem: HeadProblem,
  { mean, risk, linearisation }: HeadCertificate,
  boxes: number,
): EnclosedGap | undefined {
  if (boxes === 0 || problem.shape.dimension > 2) return undefined;
  if (hindranceOf(problem, linearisation) !== undefined) return undefined;
  const enclosure = encloseInfimum(problem, linearisation, { width: share * risk, boxes });
  return { gap: mean - enclosure.lower + margin * (1 + risk), enclosure };
}
