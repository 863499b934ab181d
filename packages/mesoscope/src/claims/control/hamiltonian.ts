import { z } from 'zod';
import { hamiltonianProfile } from '../../control/hamiltonian.ts';
import type { HamiltonianRecord } from '../../control/optimum/hamiltonian-record.ts';
import {
  type SolvedProblem,
  solveOverDepths,
  summariseSolutions,
} from '../../control/optimum/optimum.ts';
import type { Backend } from '../../kernels/backend.ts';
import { atMost, type Check } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { doubling, experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import {
  ownProblems,
  problemComplaints,
  problemData,
  problemFields,
  problemModel,
  problemPieces,
  smoothnessField,
} from './control-problems.ts';
import {
  coerciveHypothesis,
  optimumFound,
  rootMeanSquares,
  solutionActs,
  solutionEvidence,
} from './solution-conditions.ts';

/** The Hamiltonian over the middles of the layers of one solution, with its mean and deviation over them. */
type Profile = Pick<HamiltonianRecord, 'layers' | 'depths' | 'values' | 'mean' | 'deviation'>;

/** One problem solved at all depths, with the Hamiltonian of each solution. */
export interface HamiltonianSolutions {
  readonly solved: SolvedProblem;
  readonly profiles: readonly Profile[];
}

/** One problem as it is; where asked for, with less λ and an H¹ penalty; and with so little λ that its controls jump. */
export interface HamiltonianPiece {
  readonly coercive: HamiltonianSolutions;
  readonly smooth?: HamiltonianSolutions;
  readonly jumping?: HamiltonianSolutions;
}

const given = experiments({
  label: 'control problems',
  shared: {
    ...problemFields,
    smoothness: smoothnessField,
    depths: doubling([4, 8, 16, 32, 64], 5, 'numbers of layers L', 2),
  },
  own: {
    ...ownProblems,
    smoothProblems: experimentCount(4, 'of them solved with an H¹ penalty too'),
    weakRegularisation: z.number().positive().default(2).describe('λ with the H¹ penalty'),
    restoringSmoothness: z.number().positive().default(0.5).describe('μ of the H¹ penalty'),
    jumpingRegularisation: z
      .number()
      .positive()
      .default(0.05)
      .describe('λ of one problem whose controls jump, from random starts, to compare with'),
  },
  data: problemData,
  full: { problems: 16, smoothProblems: 8, depths: [4, 8, 16, 32, 64, 128] },
  check: problemComplaints,
  pieces: problemPieces,
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

/** What one model says at its one depth: how constant H is, and whether it had to be. */
export function hamiltonianOfModel(record: HamiltonianRecord): Conclusion {
  const { layers, residual, curvature, regularisation, smoothness } = record;
  const only = { layers, residual, jump: Number.NaN, objective: Number.NaN, gradients: 0 };
  const solved: SolvedProblem = { depths: [only], size: Number.NaN, quality: undefined };
  const relative = record.deviation / record.size;
  return {
    hypotheses: [
      coerciveHypothesis([{ ...solved, quality: { curvature, attention: 0, activation: 0 } }], {
        regularisation,
        smoothness,
      }),
    ],
    resolution: [optimumFound([solved])],
    checks: [
      atMost({
        name: 'standard deviation of H over layers, as a share of the size of its terms, at most 1/L',
        failsIf: 'the Hamiltonian of an extremal varies over depth',
        ...{ measured: relative, expected: 1 / layers },
      }),
    ],
    evidence: {
      'hamiltonian.values': record.values,
      'hamiltonian.depths': record.depths,
      'hamiltonian.mean': record.mean,
      'hamiltonian.size': record.size,
      'hamiltonian.deviation': record.deviation,
      'stationary.residual': residual,
      'coercive.curvature': curvature,
      'coercive.regularisation': regularisation,
      'controls.steepness': record.steepness,
    },
    summary: `The Hamiltonian's standard deviation over depth is ${relative.toPrecision(2)} of the size of its terms.`,
    figures: [
      profileFigure({
        id: 'A.hamiltonian',
        title: 'The Hamiltonian over depth',
        caption:
          'E⟨p, f⟩ + g(θ) at every layer of the trained model. It is constant along a strong extremal; how far it is from constant tells how far training is from one.',
        profiles: [record],
      }),
    ],
  };
}

function profileFigure(
  options: Pick<Figure, 'id' | 'title' | 'caption'> & { readonly profiles: readonly Profile[] },
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

/** Solves one problem at every depth and measures its Hamiltonian. */
function solve(
  backend: Backend,
  given: Given,
  options: { readonly seed: number; readonly index: number; readonly start?: 'random' },
): HamiltonianSolutions {
  const { start = 'reference', ...place } = options;
  const { smoothness, depths } = given;
  const modelOf = (layers: number) =>
    problemModel(backend, given, { ...place, layers, smoothness, start });
  const random = start === 'random';
  const solutions = solveOverDepths(backend, depths, modelOf, {
    continuation: random ? 'none' : 'linear',
    ...{ tolerance: 1e-10, iterations: random ? 150 : 2000 },
  });
  return {
    solved: summariseSolutions(modelOf, solutions),
    profiles: solutions.flatMap(
      (solution) => profileOf(backend, modelOf(solution.layers), solution.parameters) ?? [],
    ),
  };
}

function profileOf(
  backend: Backend,
  { problem, parameters, batch }: ReturnType<typeof problemModel>,
  solution: Float64Array,
): Profile | undefined {
  return backend.scoped(() => {
    parameters.set(solution);
    const trace = problem.trace(parameters, batch);
    if (trace.evaluation.flow.kind !== 'completed') return undefined;
    const { values, mean, deviation } = hamiltonianProfile(problem, parameters, trace);
    const { times } = problem.grid;
    const depths = Array.from(values, (_, k) => (times[k] + times[k + 1]) / 2);
    return { layers: values.length, depths, values: Array.from(values), mean, deviation };
  });
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
    const coercive = solve(backend, given, { seed, index });
    if (given.explicit || index >= given.smoothProblems) return { coercive };
    const smooth = solve(
      backend,
      { ...given, regularisation: given.weakRegularisation, smoothness: given.restoringSmoothness },
      { seed, index },
    );
    if (index > 0) return { coercive, smooth };
    const weak = { ...given, regularisation: given.jumpingRegularisation, depths: [4, 8, 16, 32] };
    return { coercive, smooth, jumping: solve(backend, weak, { seed, index, start: 'random' }) };
  },
  conclude: (pieces, { given }) => hamiltonianConclusion(pieces, given),
});
