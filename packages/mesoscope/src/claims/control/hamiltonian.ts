import * as z from 'zod';
import {
  type DepthProfile,
  type HamiltonianSolutions,
  solveHamiltonians,
} from '../../control/optimum/hamiltonian-solutions.ts';
import type { Check } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { doubling, experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { controlProblems, problemModel, smoothnessField } from './control-problems.ts';
import {
  coerciveHypothesis,
  optimumFound,
  rootMeanSquares,
  solutionActs,
  solutionEvidence,
} from './solution-conditions.ts';

/** One problem as it is; where asked for, with less λ and an H¹ penalty; and with so little λ that its controls jump. */
export interface HamiltonianPiece {
  readonly coercive: HamiltonianSolutions;
  readonly smooth?: HamiltonianSolutions;
  readonly jumping?: HamiltonianSolutions;
}

const given = controlProblems({
  shared: {
    smoothness: smoothnessField,
    depths: doubling([4, 8, 16, 32, 64], 5, 'numbers of layers L', 2),
  },
  own: {
    smoothProblems: experimentCount(4, 'of them solved with an H¹ penalty too'),
    weakRegularisation: z.number().positive().default(2).describe('λ with the H¹ penalty'),
    restoringSmoothness: z.number().positive().default(0.5).describe('μ of the H¹ penalty'),
    jumpingRegularisation: z
      .number()
      .positive()
      .default(0.05)
      .describe('λ of one problem whose controls jump, from random starts, to compare with'),
  },
  full: { problems: 16, smoothProblems: 8, depths: [4, 8, 16, 32, 64, 128] },
});

type Given = ReturnType<typeof given.parse>;

function orderOf(name: string, solutions: readonly HamiltonianSolutions[]): Check {
  const solved = solutions.map((one) => one.solved);
  return deterministicOrder({
    name: `order of the standard deviation of H over layers, ${name}`,
    failsIf: 'the Hamiltonian varies over depth by more than O(1/L)',
    scales: solutions[0].profiles.map(({ layers }) => layers),
    rows: rootMeanSquares(deviationsOf(solutions)),
    ...{ order: -1, side: 'at least as fast' },
    // H moves by |E[D_θfᵀp] + ∇g| |θ̇| where the first-order condition is not quite met.
    accuracy: Math.max(1e-14, ...solved.flatMap(({ depths }) => depths.map((one) => one.residual))),
  });
}

const deviationsOf = (solutions: readonly HamiltonianSolutions[]) =>
  solutions.map(({ profiles }) => profiles.map(({ deviation }) => deviation));

/** What the Hamiltonians of solutions say: those of coercive problems and, where there are any, with an H¹ penalty. */
export function hamiltonianConclusion(
  pieces: readonly HamiltonianPiece[],
  penalty: Pick<Given, 'regularisation' | 'smoothness'>,
): Conclusion {
  const coercive = pieces.map((piece) => piece.coercive);
  const smooth = pieces.flatMap((piece) => piece.smooth ?? []);
  const jumping = pieces.flatMap((piece) => piece.jumping ?? []);
  const solved = coercive.map((one) => one.solved);
  const all = [...solved, ...smooth.map((one) => one.solved)];
  const order = orderOf('λ alone', coercive);
  const checks = smooth.length === 0 ? [order] : [order, orderOf('with an H¹ penalty', smooth)];
  const depths = coercive[0].profiles.map(({ layers }) => layers);
  const families = [
    { series: 'coercive', slope: -1, solutions: coercive },
    { series: 'H¹ penalty', slope: -1, solutions: smooth },
    { series: 'jumping controls', slope: 0, solutions: jumping },
  ].filter(({ solutions }) => solutions.length > 0);
  return {
    hypotheses: [coerciveHypothesis(solved, penalty)],
    resolution: [...solutionActs(solved), optimumFound(all)],
    checks,
    evidence: {
      depths,
      deviations: deviationsOf(coercive),
      means: coercive.map(({ profiles }) => profiles.map(({ mean }) => mean)),
      'smooth.deviations': deviationsOf(smooth),
      'jumping.deviations': deviationsOf(jumping),
      'jumping.depths': jumping.flatMap(({ profiles }) => profiles.map(({ layers }) => layers)),
      'jumping.residuals': jumping.map((one) => one.solved.depths.map(({ residual }) => residual)),
      ...solutionEvidence(all),
    },
    summary: `The Hamiltonian's deviation over layers falls ${decayInWords('L', order)}${smooth.length === 0 ? '' : `, and ${decayInWords('L', checks[1])} that of E⟨p, f⟩ + g − (μ/2)|θ̇|² with an H¹ penalty`}.`,
    figures: [
      profileFigure({
        id: 'A.hamiltonian',
        title: 'The Hamiltonian over depth',
        caption:
          'E⟨p, f⟩ + g(θ) at every layer of the solutions at several depths. Expected: constant along a strong extremal.',
        profiles: coercive[0].profiles,
      }),
      convergenceFigure({
        id: 'A.hamiltonian-order',
        title: 'How constant the Hamiltonian is',
        caption:
          'Standard deviation of the Hamiltonian over the layers. Band: range over problems. Expected: order 1 where the problem is coercive; where it is not, gradient training finds controls that jump and a Hamiltonian that does not settle.',
        ...{ scale: 'layers L', quantity: 'std of H over layers' },
        curves: families.map(({ solutions, ...curve }) => ({
          ...curve,
          scales: solutions[0].profiles.map(({ layers }) => layers),
          rows: deviationsOf(solutions),
        })),
      }),
      ...jumping.map(({ profiles }) =>
        profileFigure({
          id: 'A.hamiltonian-weak',
          title: 'The Hamiltonian over depth, jumping controls',
          caption: 'E⟨p, f⟩ + g(θ) where λ is too small for the controls to be Lipschitz in depth.',
          profiles,
        }),
      ),
    ],
  };
}

/** Hamiltonians over depth, one line for each number of layers. */
export function profileFigure(
  options: Pick<Figure, 'id' | 'title' | 'caption'> & {
    readonly profiles: readonly DepthProfile[];
  },
): Figure {
  const { profiles, ...named } = options;
  return {
    ...named,
    x: { label: 'depth t' },
    y: { label: 'Hamiltonian H' },
    marks: profiles.map(({ layers, depths: x, values: y }) => {
      return { kind: 'line', series: `L = ${layers}`, x, y };
    }),
  };
}

/** Along a strong extremal of an autonomous problem the Hamiltonian does not depend on the depth. */
export const hamiltonian = claim<Given, HamiltonianPiece>({
  id: 'A.hamiltonian',
  title: 'The Hamiltonian is constant over depth',
  statement:
    'Along a strong extremal of an autonomous problem $t \\mapsto \\mathbb E\\langle p_t, f(h_t, \\theta_t)\\rangle + \\tfrac{\\lambda}{2}|\\theta_t - \\theta_{\\mathrm{ref}}|^2 - \\tfrac{\\mu}{2}|\\dot\\theta_t|^2$ is constant; over the layers of an $L$-layer solution its standard deviation is $O(1/L)$.',
  trust: { statement: 'S', rate: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const solve = (
      { regularisation, smoothness }: Pick<Given, 'regularisation' | 'smoothness'>,
      depths = given.depths,
      start: 'reference' | 'random' = 'reference',
    ) => {
      const problem = { ...given, regularisation };
      const place = { seed, index, smoothness, start };
      const modelOf = (layers: number) => problemModel(backend, problem, { ...place, layers });
      return solveHamiltonians(backend, depths, modelOf, start);
    };
    const coercive = solve(given);
    if (given.explicit || index >= given.smoothProblems) return { coercive };
    const { smoothness } = given;
    const smooth = solve({
      regularisation: given.weakRegularisation,
      smoothness: given.restoringSmoothness,
    });
    if (index > 0) return { coercive, smooth };
    const weak = { regularisation: given.jumpingRegularisation, smoothness };
    return { coercive, smooth, jumping: solve(weak, [4, 8, 16, 32], 'random') };
  },
  conclude: (pieces, { given }) => hamiltonianConclusion(pieces, given),
});
