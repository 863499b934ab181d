import { certifyHeads, type HeadCertificate } from '../../heads/certificate.ts';
import { growHeads } from '../../heads/growth.ts';
import type { SearchResult } from '../../heads/search.ts';
import {
  type Assumption,
  type Claim,
  type ClaimContext,
  type Expected,
  type Finding,
  judge,
} from '../claim.ts';
import { overExperiments } from '../control/over-experiments.ts';
import {
  explicitExperiment,
  type HeadExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';

/** The certificate of a law, and of the laws that growth makes of it. */
interface Measured {
  readonly start: HeadCertificate;
  /** inf Ψ at the start, by the search or by a head of the final law. */
  readonly infimum: number;
  /** Laws at which a head of the final law has a smaller Ψ than the search had found. */
  readonly missed: number;
  /** Risk and gap at the start and after each round. */
  readonly risks: number[];
  readonly gaps: number[];
  readonly heads: number[];
  /** Largest `Ψ(θ_i) − inf Ψ` on the final law's support. */
  readonly supportSpread: number;
  readonly final: HeadCertificate;
}

/** The gap at which a law counts as optimal, as a fraction of its risk. */
const optimality = 1e-5;

function measure({ problem, law }: HeadExperiment, rounds: number): Measured {
  const first = certifyHeads(problem, law, { starts: 384 });
  const laws = [{ law, certificate: first }];
  if (first.gap < Number.POSITIVE_INFINITY) {
    const tolerance = optimality * first.risk;
    for (const state of growHeads(problem, { start: law, tolerance, rounds })) {
      if (state.round > 0) laws.push(state);
    }
  }
  const last = laws[laws.length - 1];
  // Heads of the best law are candidates for the minimum of every Ψ met: a search may have missed what they show.
  const infima = laws.map(({ certificate: { linearisation, infimum } }) => {
    const values = problem.firstVariation(linearisation, last.law.parameters);
    return Math.min(infimum, ...values);
  });
  const top = last.certificate.support.reduce((a, b) => Math.max(a, b));
  return {
    start: first,
    infimum: infima[0],
    missed: infima.filter((infimum, t) => {
      const found = laws[t].certificate.infimum;
      return infimum < found - 1e-6 * Math.abs(found);
    }).length,
    risks: laws.map(({ certificate }) => certificate.risk),
    gaps: laws.map(({ certificate }, t) => certificate.mean - infima[t]),
    heads: laws.map((each) => each.law.count),
    supportSpread: top - infima[infima.length - 1],
    final: last.certificate,
  };
}

/**
 * `max_t (R(ρ_t) − R_least)/gap(ρ_t)` over the laws met: above 1 would refute the certificate.
 */
function largestRatio({ risks, gaps }: Measured): number {
  const least = Math.min(...risks);
  return Math.max(...risks.map((risk, t) => (gaps[t] > 0 ? (risk - least) / gaps[t] : 0)));
}

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  const [count, rounds] = setting === 'full' ? [12, 32] : [3, 20];
  const measured = await overExperiments(
    context,
    instance === undefined ? count : 1,
    'growing to a certified optimum',
    (index) =>
      measure(
        instance === undefined
          ? randomExperiment(backend, seed, index, { regularisation: 0.02, heads: 8 })
          : explicitExperiment(backend, instance),
        rounds,
      ),
  );
  return finding(measured);
}

function finding(measured: readonly Measured[]): Finding {
  const expected: Expected = { kind: 'at-most', value: 1 };
  const [first] = measured;
  const finite = measured.every(({ start }) => start.infimum > Number.NEGATIVE_INFINITY);
  const assumptions: Assumption[] = [
    {
      name: 'λ > 0 or heads in a ball, so that inf Ψ > −∞',
      holds: finite,
      value: finite ? 'inf Ψ is finite' : 'inf Ψ = −∞: Ψ is linear in V, and V is not bounded',
    },
  ];
  const evidence = {
    risk: first.start.risk,
    'firstVariation.support': [...first.start.support],
    'firstVariation.mean': first.start.mean,
    'firstVariation.infimum': finite
      ? first.infimum
      : '−∞ (λ = 0 on unbounded parameters: Ψ is linear in V)',
    ...(finite
      ? { gap: first.gaps[0], 'gap.proved': first.start.provedGap }
      : { gap: 'none: inf Ψ = −∞' }),
    ...searchEvidence(first.start.search),
  };
  if (!finite) {
    return {
      assumptions,
      evidence,
      measured: Number.NaN,
      expected,
      interval: null,
      verdict: 'outside',
      summary: first.start.search.sentence,
      figures: [],
    };
  }
  const ratio = Math.max(...measured.map(largestRatio));
  const relativeGap = Math.max(
    ...measured.map(({ gaps, risks }) => gaps[gaps.length - 1] / risks[0]),
  );
  const certified = relativeGap <= optimality;
  assumptions.push({
    name: `an optimal law was reached: gap at most ${optimality} of the first risk`,
    holds: certified,
    value: relativeGap,
  });
  const finals = measured.map((each) => each.final);
  return {
    assumptions,
    evidence: {
      ...evidence,
      'growth.risk': first.risks,
      'growth.gap': first.gaps,
      'growth.heads': first.heads,
      'optimum.risk': finals.map(({ risk }) => risk),
      'optimum.gap': finals.map(({ gap }) => gap),
      'optimum.supportSpread': measured.map(({ supportSpread }) => supportSpread),
      'optimum.heads': measured.map(({ heads }) => heads[heads.length - 1]),
      'optimum.search.agreed': finals.map(({ search }) => search.agreed),
      'optimum.search.starts': finals.map(({ search }) => search.starts),
      'search.missed': measured.map(({ missed }) => missed),
      'ratio.largest': measured.map(largestRatio),
    },
    measured: ratio,
    expected,
    interval: null,
    verdict: judge(assumptions, ratio, null, expected),
    summary: certified
      ? `Inserting minimisers of Ψ until none lies below the support ends within ${Math.max(...finals.map(({ gap }) => gap)).toExponential(1)} of the global optimum; along the way R − R_least was at most ${ratio.toFixed(3)} of the gap. ${finals[0].search.sentence}`
      : `The gap did not fall to ${optimality} of the risk: it ended at ${finals.map(({ gap }) => gap.toExponential(1)).join(', ')}. ${finals[0].search.sentence}`,
    figures: [supportFigure(measured)],
  };
}

function searchEvidence(search: SearchResult) {
  return {
    'search.starts': search.starts,
    'search.agreed': search.agreed,
    'search.converged': search.converged,
    'search.distinct': search.distinct,
    'search.unseenProbability': search.unseenProbability,
    'search.lowerBound': Number.isFinite(search.lowerBound) ? search.lowerBound : '−∞',
    'search.statement': search.sentence,
  };
}

function supportFigure(measured: readonly Measured[]) {
  return {
    id: 'B.support',
    title: 'Gap and distance to the optimum',
    caption:
      'Frank–Wolfe gap ∫Ψdρ − inf Ψ of each law met while heads are inserted, and its risk over the least one found. The gap must lie above; both go to 0.',
    x: { label: 'round of insertion' },
    y: { label: 'gap, R − R_least', scale: 'log' as const },
    marks: measured.flatMap(({ risks, gaps }, e) => {
      const least = Math.min(...risks);
      const x = risks.map((_, t) => t);
      const excess = risks.map((risk) => risk - least);
      const kept = x.filter((t) => excess[t] > 0);
      const label = measured.length === 1 ? '' : `, experiment ${e + 1}`;
      return [
        {
          kind: 'line' as const,
          series: `gap${label}`,
          x,
          y: gaps.map((gap) => Math.max(gap, 1e-16)),
        },
        {
          kind: 'dots' as const,
          series: `R − R_least${label}`,
          x: kept,
          y: kept.map((t) => excess[t]),
        },
      ];
    }),
  };
}

/** Optimality is support in argmin Ψ; the gap certifies it (arXiv 2606.10469). */
export const support: Claim<HeadInstance> = {
  id: 'B.support',
  paper: 'B',
  title: 'A law is optimal iff its heads minimise the first variation',
  statement:
    '$\\rho^*$ is optimal iff $\\operatorname{supp}\\rho^* \\subset \\operatorname{argmin}\\Psi(\\cdot;\\rho^*)$; always $R(\\rho) - \\inf R \\le \\int \\Psi\\,d\\rho - \\inf_\\theta \\Psi(\\theta;\\rho)$.',
  trust: 'P',
  quantity: 'largest (R − least R)/gap',
  references: [
    {
      key: 'denoyelle2019sliding',
      title: 'The sliding Frank–Wolfe algorithm and its application to super-resolution microscopy',
      authors: ['Denoyelle', 'Duval', 'Peyré', 'Soubies'],
      year: 2018,
      arxiv: '1811.06416',
    },
  ],
  instance: headInstance,
  run: runExperiment,
};
