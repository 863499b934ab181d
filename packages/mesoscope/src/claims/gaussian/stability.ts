import { flowOfInstance } from '../../gaussian/gaussian-flow.ts';
import { largestDifference } from '../../gaussian/measure/compared.ts';
import type { Sign } from '../../gaussian/measure/conditioning.ts';
import {
  type EquilibriumApproach,
  measureApproach,
  randomStableFlow,
} from '../../gaussian/measure/equilibrium-approach.ts';
import {
  measureStability,
  notMeasured,
  type StabilityRecord,
  stabilityNumbers,
} from '../../gaussian/measure/stability.ts';
import { sufficientRecord } from '../../gaussian/measure/sufficient.ts';
import { gaussianFlowFields, headComplaints } from '../../gaussian/schema.ts';
import { agreement, type Condition, identical, neverSeen } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';

const stableLayers = experiments({
  label: 'layers',
  shared: {},
  own: {
    layers: experimentCount(20, 'random layers with an equilibrium'),
    sufficientLayers: experimentCount(20, 'random layers on which the sufficient tests speak'),
  },
  data: gaussianFlowFields,
  full: { layers: 160, sufficientLayers: 160 },
  check: (given) => (given.explicit ? headComplaints(given) : []),
  pieces: (given) => (given.explicit ? 1 : given.layers + given.sufficientLayers),
});
type StableLayers = ReturnType<typeof stableLayers.parse>;

const clearSign = (name: string, signs: readonly Sign[]): Condition => {
  const doubtful = signs.find(({ value, rounding }) => Math.abs(value) <= rounding);
  return {
    name: `the sign of ${name} stands clear of rounding`,
    holds: doubtful === undefined,
    value: doubtful?.value ?? 'yes',
  };
};

export function stabilityConclusion(measured: readonly StabilityRecord[]): Conclusion {
  const records = measured.flatMap(({ approach }) => approach ?? []);
  const sufficient = measured.flatMap(({ sufficient }) => sufficient ?? []);
  const all = (of: (one: EquilibriumApproach) => boolean) => records.every(of);
  const largestOfM = Math.max(...records.map((one) => one.largestOfM.value));
  const smallestOfW = Math.min(...records.map((one) => one.smallestOfW.value));
  const lost = records.find(({ ended }) => ended !== 'completed');
  const contradictions = sufficient.filter((one) => one.contradicted).length;
  const [first] = records;
  const single = records.length === 1;
  const { regime, blowUpTime } = measured[0];
  const path = agreement({
    name: 'Σ(t): integrated, and P(t) = P* + e^(−Wᵀt)(P₀ − P*)e^(−Wt) inverted',
    failsIf: 'P does not solve its linear equation, or P* is not its point of rest',
    of: records.flatMap((one) => one.path),
  });
  const limit = agreement({
    name: 'Σ at the last depth and Σ*',
    failsIf: 'the covariance tends to something else than the closed form',
    of: records.flatMap((one) => one.limit ?? []),
  });
  const spectrum = identical({
    name: 'power sums of the Jacobian’s spectrum and of −(λ_i(W) + λ_j(W))',
    failsIf: 'the Jacobian at Σ* has another spectrum',
    of: records.flatMap((one) => one.powerSums),
  });
  const mean = identical({
    name: 'rates of the mean at Σ* and v̂ = Σ v_h',
    failsIf: 'the mean is stable other than exactly where v̂ < 0',
    of: records.flatMap((one) => one.meanRates ?? []),
  });
  const tests = neverSeen({
    name: 'contradictions of the sufficient tests for general V',
    failsIf: 'a layer called bounded grows, or one called blowing up lives beyond its latest depth',
    seen: contradictions,
  });
  return {
    hypotheses: [
      {
        name: 'softmax attention, V_h = v_h I for every head',
        holds: all((one) => one.scalarValues),
        value: String(all((one) => one.scalarValues)),
      },
      {
        name: 'M negative definite (largest eigenvalue)',
        holds: largestOfM < 0,
        value: largestOfM,
      },
      { name: 'Re λ(W) > 0 (smallest)', holds: smallestOfW > 0, value: smallestOfW },
      {
        name: 'covariance of full rank',
        holds: all((one) => one.fullRank),
        value: String(all((one) => one.fullRank)),
      },
    ],
    resolution: [
      clearSign(
        'λ_max(M)',
        records.map((one) => one.largestOfM),
      ),
      clearSign(
        'Re λ(W)',
        records.map((one) => one.smallestOfW),
      ),
      {
        name: 'Σ* is a number: the inverse of P* neither vanishes nor overflows',
        holds: all((one) => !one.applies || one.equilibrium !== null),
        value: String(all((one) => !one.applies || one.equilibrium !== null)),
      },
      {
        name: 'the integration reaches the depth at which its slowest mode has died',
        holds: lost === undefined,
        value: lost === undefined ? 'yes' : `it stopped early: ${lost.ended}`,
      },
      notTrivial(all((one) => one.atRest) ? 'the law is at rest from the start' : undefined),
    ],
    checks: [path, limit, spectrum, mean, ...(sufficient.length === 0 ? [] : [tests])],
    evidence: stabilityNumbers(measured),
    summary:
      first.limit === null
        ? `The covariance was not followed to its end; the layer is classified as: ${regime ?? 'not asked'}${blowUpTime === null ? '' : `, at depth ${blowUpTime.toPrecision(8)}`}.`
        : `${single ? 'Closed form' : `Over ${records.length} layers closed form`} and integration differ by at most ${Math.max(...records.map((one) => largestDifference(one.path))).toExponential(1)}, relative; the mean is stable for ${records.filter((one) => one.meanStable === true).length} of ${records.length} layers, and v̂ < 0 for ${records.filter((one) => one.totalValue < 0).length}.`,
    figures: stabilityFigures(records),
  };
}

function stabilityFigures(records: readonly EquilibriumApproach[]): Figure[] {
  const drawn = records.filter(({ times }) => times.length > 0).slice(0, 5);
  if (drawn.length === 0) return [];
  return [
    {
      id: 'C.stability',
      title: 'The covariance tends to the equilibrium of the closed form',
      caption:
        'Distance of the integrated covariance to Σ*, over |Σ*|. Straight lines: decay at the rate of the slowest eigenvalue of the Jacobian.',
      x: { label: 'depth t' },
      y: { label: '|Σ(t) − Σ*| / |Σ*|', scale: 'log' },
      marks: drawn.map(({ times, distances }, k) => {
        const seen = distances.findIndex((distance) => !(distance > 1e-13));
        const end = seen < 0 ? distances.length : seen;
        return {
          kind: 'line' as const,
          series: `layer ${k + 1}`,
          x: times.slice(0, end),
          y: distances.slice(0, end),
        };
      }),
    },
  ];
}

/** Equilibrium of the covariance, and the spectrum of the flow there (arXiv 2606.07600). */
export const stability = claim<StableLayers, StabilityRecord>({
  id: 'C.stability',
  title: 'A stable covariance in closed form',
  statement:
    'For $V_h = v_h I$, $M \\prec 0$ and $\\operatorname{Re}\\lambda(W) > 0$: $\\Sigma(t) \\to \\Sigma_*$ with $W^\\top P_* + P_* W = -M$, $P_* = \\Sigma_*^{-1}$, Jacobian spectrum $-(\\lambda_i(W) + \\lambda_j(W))$; the mean is stable iff $\\sum_h v_h < 0$.',
  trust: { statement: 'P', 'closed form': 'D' },
  given: stableLayers,
  measure({ given, seed, index }) {
    if (given.explicit) return measureStability(flowOfInstance(given, 1));
    return index < given.layers
      ? { ...notMeasured, approach: measureApproach(randomStableFlow(seed, index)) }
      : { ...notMeasured, sufficient: sufficientRecord(seed, index - given.layers) };
  },
  conclude: (measured) => stabilityConclusion(measured),
});
