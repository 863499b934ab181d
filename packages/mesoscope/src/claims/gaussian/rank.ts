import { flowOfInstance } from '../../gaussian/gaussian-flow.ts';
import {
  compareSpectra,
  leavesShape,
  measureRank,
  type RankRecord,
  randomPiecewiseFlow,
} from '../../gaussian/measure/rank.ts';
import { gaussianFlowFields, headComplaints } from '../../gaussian/schema.ts';
import { agreement, bound, equals } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { completed, horizonField } from './conditions.ts';

const controlledLaws = experiments({
  label: 'controls',
  shared: { horizon: horizonField(0.5) },
  own: { controls: experimentCount(28, 'random controls, constant on eight intervals') },
  data: gaussianFlowFields,
  full: { controls: 200 },
  check: (given) => (given.explicit ? headComplaints(given) : []),
  pieces: (given) => (given.explicit ? 1 : given.controls),
});
type ControlledLaws = ReturnType<typeof controlledLaws.parse>;

interface Measured extends RankRecord {
  readonly still: boolean;
}

export function rankConclusion(records: readonly Measured[]): Conclusion {
  const compared = records.map(compareSpectra);
  const changes = records.map(({ rank }, k) => Math.abs(compared[k].rankAfter - rank));
  const singular = records.flatMap(({ rank, dimension }, k) =>
    rank < dimension ? [compared[k].leak] : [],
  );
  const known = records.every(({ plain }) => plain !== null);
  const least = Math.min(
    ...compared.map(({ spectrum, leak }) =>
      spectrum.scale > 0 ? spectrum.scale / Math.max(spectrum.uncertainty, leak.uncertainty) : 0,
    ),
  );
  const spectra = agreement({
    name: 'positive eigenvalues of Σ: integrated in factored form, and as a plain matrix',
    failsIf: 'a positive eigenvalue vanishes, or another one takes its place',
    of: compared.map(({ spectrum }) => spectrum),
  });
  const leaks = agreement({
    name: 'eigenvalues of the plain matrix that should stay 0',
    failsIf: 'spread enters a direction in which there was none',
    of: singular,
  });
  const kept = bound({
    name: "change of log λ_r(Σ) against Grönwall's 2∫|U|dt",
    failsIf: 'a direction gains or loses its spread faster than any regular flow may do',
    pairs: records.map((one) => ({
      value: Math.abs(Math.log(one.smallestRatio)),
      bound: 2 * (one.expansion + one.expansionError) + 1e-9,
    })),
  });
  const change = equals({
    name: 'change of the rank of Σ',
    failsIf: 'the rank rises or falls',
    measured: Math.max(...changes),
    expected: 0,
    rivals: [1],
    resolution: [
      {
        name: 'the smallest positive eigenvalue stands a thousand times above the errors of the steps',
        holds: known && least >= 1000,
        value: known ? least : 'not known',
      },
    ],
  });
  const blowUp = records.find((one) => one.blowUpTime !== null);
  const still = records.every((one) => one.still);
  const largestLeak = Math.max(0, ...singular.map(({ difference }) => difference));
  return {
    hypotheses: [
      {
        name: 'no blow-up before the horizon',
        holds: blowUp === undefined,
        value: blowUp === undefined ? 'none' : `at depth ${blowUp.blowUpTime?.toPrecision(6)}`,
      },
    ],
    resolution: [
      completed('the moment flow', records),
      {
        name: 'Σ as a plain matrix is integrated to the horizon',
        holds: known || blowUp !== undefined,
        value: `${records.filter(({ plain }) => plain !== null).length} of ${records.length}`,
      },
      notTrivial(still ? 'the layer leaves the shape of the law as it is' : undefined),
    ],
    checks: [change, spectra, ...(singular.length === 0 ? [] : [leaks]), kept],
    evidence: {
      rank: compared.map(({ rankAfter }) => rankAfter),
      'rank.before': records.map((one) => one.rank),
      dimension: records.map((one) => one.dimension),
      'unfactored.leak': largestLeak,
      'unfactored.smallestKept': records.map(({ rank, plain }) => plain?.values[rank - 1] ?? 0),
      'flow.reached': records.map((one) => one.reached),
      'blowUpTime.integrated': blowUp?.blowUpTime ?? 'none',
    },
    summary: known
      ? `The rank of Σ changes by ${change.measured} in ${records.length === 1 ? 'this flow' : `${records.length} flows`}; integrated as a plain matrix, Σ ${singular.length === 0 ? 'has full rank from the start' : `lets at most ${largestLeak.toExponential(1)} of its largest eigenvalue into the other directions`}.`
      : `The flow was followed to depth ${records[0].reached.toPrecision(6)}.`,
    figures: [rankFigure(records)],
  };
}

function rankFigure(records: readonly RankRecord[]): Figure {
  const singular = records.find((one) => one.rank < one.dimension && one.rank > 1);
  const { times, spectra, rank } = singular ?? records[0];
  return {
    id: 'C.rank',
    title: 'The rank of the covariance does not change',
    caption:
      'Positive eigenvalues of Σ over the largest, along controls that change with depth. They neither vanish nor are joined by others.',
    x: { label: 'depth t' },
    y: { label: 'λ_i(Σ) / λ_1(Σ)', scale: 'log' },
    marks: Array.from({ length: rank }, (_, i) => ({
      kind: 'line' as const,
      series: `λ${i + 1}`,
      x: times,
      y: spectra.map((values) => values[i]),
    })),
  };
}

/** The rank of the covariance is invariant (arXiv 2606.07600). */
export const rank = claim<ControlledLaws, Measured>({
  id: 'C.rank',
  title: 'The rank of the covariance is invariant',
  statement:
    '$\\dot\\Sigma = U\\Sigma + \\Sigma U^\\top$ gives $\\Sigma(t) = \\Phi(t)\\Sigma_0\\Phi(t)^\\top$ with $\\Phi(t)$ regular, so $\\operatorname{rank}\\Sigma(t) = \\operatorname{rank}\\Sigma_0$ along any controls.',
  trust: { statement: 'P' },
  given: controlledLaws,
  measure({ given, seed, index }) {
    if (!given.explicit) {
      return { ...measureRank(randomPiecewiseFlow(seed, index, given.horizon)), still: false };
    }
    const flow = flowOfInstance(given, given.horizon);
    return { ...measureRank({ ...flow, layers: [flow.layer] }), still: leavesShape(flow) };
  },
  conclude: (records) => rankConclusion(records),
});
