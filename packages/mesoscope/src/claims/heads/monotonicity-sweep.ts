import { diracStability } from '../../heads/dirac.ts';
import { growHeads } from '../../heads/growth.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { monotonicityQuotient } from '../../heads/matching.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { Figure } from '../figure.ts';
import { randomExperiment } from './instance.ts';
import { follow, velocity } from './matched-flows.ts';

/** What strong monotonicity comes to at one λ. */
export interface MonotonicityAt {
  readonly regularisation: number;
  /** Heads of the optimal law. */
  readonly heads: number;
  /** Least quotient along the flow to the optimum. */
  readonly quotient: number;
  /** Quotient between the optimal law and its image under a rotation of Q and K; NaN where that is the same law. */
  readonly rotated: number;
  /** λ_min(H_Ψ) at an optimal law of one head, an upper bound of κ; NaN where there are more. */
  readonly curvature: number;
  /** `log(W₂(0)/W₂(T))/T` along the flow to the optimum. */
  readonly decay: number;
}

/** From strongly monotone to not. */
const regularisations = [0.8, 0.4, 0.3, 0.2, 0.1, 0.05];

/**
 * Where strong monotonicity ends. Q and K can be turned together by any rotation without any change of Ψ or of the risk: if the
 * optimal law ρ* has a head with Q ≠ 0, its image is optimal too, ∇Ψ = 0 on both, and the quotient between the two is 0. So
 * κ > 0 needs an optimal law that attends uniformly.
 */
export function monotonicitySweep(backend: Backend, seed: number): MonotonicityAt[] {
  return regularisations.map((regularisation) =>
    backend.scoped(() => {
      const { problem, law } = randomExperiment(backend, seed, 0, {
        ...{ regularisation, heads: 24, value: 0.5 },
      });
      let optimum = law;
      const search = { starts: 48 };
      for (const state of growHeads(problem, { tolerance: 1e-9, rounds: 8, search })) {
        optimum = state.law;
      }
      const { times, distances, quotients } = follow(problem, law, optimum, true);
      const last = distances.length - 1;
      return {
        regularisation,
        heads: optimum.count,
        quotient: Math.min(...quotients),
        rotated: rotatedQuotient(problem, optimum),
        curvature:
          optimum.count === 1
            ? diracStability(problem, optimum.parameters).frozen.values[0]
            : Number.NaN,
        decay: Math.log(distances[0] / distances[last]) / times[last],
      };
    }),
  );
}

/** The quotient between a law and its image under the rotation of the first two rows of Q and of K by one radian (k = 1: −1). */
function rotatedQuotient(problem: HeadProblem, law: HeadLaw): number {
  const rotated = headLaw(law.shape, rotateScores(law), law.weights);
  const { quotient, distance } = monotonicityQuotient(
    { law, gradient: velocity(problem, law) },
    { law: rotated, gradient: velocity(problem, rotated) },
  );
  return distance > 1e-6 ? quotient : Number.NaN;
}

function rotateScores({ shape, count, parameters }: HeadLaw): Float64Array {
  const { dimension: d, keyDimension: k } = shape;
  const turned = parameters.slice();
  const P = parameters.length / count;
  const [c, s] = [Math.cos(1), Math.sin(1)];
  for (let i = 0; i < count; i++) {
    for (const matrix of [0, k * d]) {
      for (let a = 0; a < d; a++) {
        const first = i * P + matrix + a;
        if (k === 1) turned[first] *= -1;
        else {
          const second = first + d;
          turned[first] = c * parameters[first] - s * parameters[second];
          turned[second] = s * parameters[first] + c * parameters[second];
        }
      }
    }
  }
  return turned;
}

/** κ over λ. */
export function sweepFigure(sweep: readonly MonotonicityAt[]): Figure {
  const curve = (series: string, value: (at: MonotonicityAt) => number) => {
    const kept = sweep.filter((at) => Number.isFinite(value(at)));
    const points = { x: kept.map((at) => at.regularisation), y: kept.map(value) };
    return [
      { kind: 'line' as const, series, ...points },
      { kind: 'dots' as const, series, ...points },
    ];
  };
  return {
    id: 'B.monotonicity.sweep',
    title: 'Where strong monotonicity ends',
    caption:
      'Least quotient along the flow to the optimal law, the quotient between the optimal law and its image under a rotation of Q and K (0 wherever an optimal head does not attend uniformly), λ_min(H_Ψ) where the optimal law is one head, and the rate at which W₂ in fact decays. Below 0 the theorem promises nothing.',
    x: { label: 'λ', scale: 'log' },
    y: { label: 'quotient, rate' },
    marks: [
      { kind: 'rule', axis: 'y', at: 0, label: 'no strong monotonicity below' },
      ...curve('along the flow', ({ quotient }) => quotient),
      ...curve('rotated optimum', ({ rotated }) => rotated),
      ...curve('λ_min(H_Ψ)', ({ curvature }) => curvature),
      ...curve('decay of W₂', ({ decay }) => decay),
    ],
  };
}
