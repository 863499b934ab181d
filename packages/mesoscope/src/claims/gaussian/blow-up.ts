import { flowOfInstance } from '../../gaussian/gaussian-flow.ts';
import {
  type BlowUpComparison,
  blowUpNumbers,
  compareBlowUp,
  depthDifference,
  randomBlowUpFlow,
} from '../../gaussian/measure/blow-up.ts';
import { gaussianFlowFields, headComplaints } from '../../gaussian/schema.ts';
import { agreement, neverSeen } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure, Mark } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { completed, horizonField } from './conditions.ts';

const blowUpFlows = experiments({
  label: 'layers',
  shared: { horizon: horizonField(20) },
  own: { layers: experimentCount(60, 'random layers') },
  data: gaussianFlowFields,
  full: { layers: 400 },
  check: (given) => (given.explicit ? headComplaints(given) : []),
  pieces: (given) => (given.explicit ? 1 : given.layers),
});
type BlowUpFlows = ReturnType<typeof blowUpFlows.parse>;

export function blowUpConclusion(
  { horizon }: Pick<BlowUpFlows, 'horizon'>,
  found: readonly BlowUpComparison[],
): Conclusion {
  const closed = found.every((one) => one.closed);
  const expectedBefore = ({ predicted }: BlowUpComparison) =>
    predicted !== null && predicted < horizon;
  const both = found.filter((one) => one.predicted !== null && one.integrated !== null);
  const sure = found.filter(({ uncertainty }) => Number.isFinite(uncertainty));
  const wrong = sure.filter((one) => expectedBefore(one) !== (one.integrated !== null)).length;
  const depths = agreement({
    name: 'depth of the blow-up: predicted and integrated',
    failsIf: 'λ_max(Σ₀^½G(t)Σ₀^½) reaches 1 at another depth than Σ becomes infinite',
    of: both.map(({ predicted, integrated, uncertainty }) => ({
      difference: Math.abs((predicted ?? 0) - (integrated ?? 0)),
      ...{ uncertainty, scale: predicted ?? 0 },
    })),
  });
  const kinds = neverSeen({
    name: 'flows that blow up before the horizon without being predicted to, or the other way round',
    failsIf: 'the closed form and the integration disagree whether there is a blow-up',
    seen: wrong,
  });
  const [first] = found;
  const single = found.length === 1;
  return {
    hypotheses: [
      {
        name: 'softmax attention, V_h = v_h I for every head',
        holds: closed,
        value: String(closed),
      },
    ],
    resolution: [
      {
        name: 'the closed form decides up to the horizon',
        holds: found.every((one) => one.predicted !== null || one.searchedTo >= horizon),
        value: Math.min(...found.map((one) => one.predicted ?? one.searchedTo)),
      },
      completed('the moment flow', found),
      {
        name: 'rounding does not decide whether there is a blow-up before the horizon',
        holds: sure.length === found.length,
        value: `${sure.length} of ${found.length}`,
      },
      notTrivial(
        found.every((one) => !one.attends)
          ? 'there is no attention: nothing can blow up'
          : undefined,
      ),
    ],
    checks: [...(both.length === 0 ? [] : [depths]), kinds],
    evidence: blowUpNumbers(found),
    summary: single
      ? inWords(first)
      : `Over ${found.length} flows predicted and integrated blow-up depths differ by at most ${depthDifference(found).toExponential(1)}, relative; in ${found.length - both.length} none is predicted and none found.`,
    figures: [growthFigure(found)],
  };
}

function inWords({ closed, predicted, integrated, reached, reason }: BlowUpComparison): string {
  const seen =
    integrated === null
      ? `The integration does not blow up before depth ${reached.toPrecision(6)}`
      : `The integration stops at its blow-up, at depth ${integrated.toPrecision(12)}`;
  if (!closed) {
    return `${seen}; the values are not multiples of the identity, so there is no closed form to compare with.`;
  }
  return `${seen}; ${predicted === null ? `none is predicted: ${reason}` : `predicted: ${predicted.toPrecision(12)}`}.`;
}

function growthFigure(found: readonly BlowUpComparison[]): Figure {
  const shown = found.filter(({ predicted }) => predicted !== null).slice(0, 4);
  const drawn = shown.length > 0 ? shown : found.slice(0, 1);
  return {
    id: 'C.blow-up',
    title: 'The covariance becomes infinite at a finite depth',
    caption:
      'Trace of the covariance along the moment flow. Dashed: the depth at which the closed form says it becomes infinite.',
    x: { label: 'depth t' },
    y: { label: 'tr Σ', scale: 'log' },
    marks: drawn.flatMap(({ predicted, reached, times, traces }, k): Mark[] => {
      const line: Mark = { kind: 'line', series: `flow ${k + 1}`, x: times, y: traces };
      if (predicted === null || predicted > 2 * reached) return [line];
      const label = `t* = ${predicted.toPrecision(4)}`;
      return [{ kind: 'rule', axis: 'x', at: predicted, label }, line];
    }),
  };
}

/** The covariance becomes infinite exactly when the closed form says so (arXiv 2606.07600). */
export const blowUp = claim<BlowUpFlows, BlowUpComparison>({
  id: 'C.blow-up',
  title: 'Blow-up of the covariance at a predicted depth',
  statement:
    'For $V_h = v_h I$, $\\Sigma$ becomes infinite at the first $t$ where $\\lambda_{\\max}(\\Sigma_0^{1/2} G(t) \\Sigma_0^{1/2}) = 1$, $G(t) = \\int_0^t e^{W^\\top s} M e^{W s}\\,ds$, $M = \\sum_h v_h (B_h + B_h^\\top)$; for $W = 0$ at $1/\\lambda_{\\max}(\\Sigma_0^{1/2} M \\Sigma_0^{1/2})$.',
  trust: { statement: 'P', 'closed form': 'D' },
  given: blowUpFlows,
  measure: ({ given, seed, index }) =>
    compareBlowUp(
      given.explicit
        ? flowOfInstance(given, given.horizon)
        : randomBlowUpFlow(seed, index, given.horizon),
    ),
  conclude: (found, { given }) => blowUpConclusion(given, found),
});
