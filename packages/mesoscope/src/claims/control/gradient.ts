import * as z from 'zod';
import {
  compareGradients,
  fineDifferences,
  type GradientComparison,
  partDifferences,
  resolved,
} from '../../control/certificates/gradient-comparison.ts';
import { randomGradientModel } from '../../control/certificates/gradient-models.ts';
import { parameterParts } from '../../control/parameters.ts';
import type { Backend } from '../../kernels/backend.ts';
import { agreement } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { controlInstanceShape, explicitModel } from './control-instance.ts';

const given = experiments({
  label: 'gradients three ways',
  shared: { layers: z.int().min(1).max(64).default(4).describe('L, with random controls') },
  own: {
    models: experimentCount(
      4,
      'random normalised layers on tokens of 5 classes with positions, λ = 0.1, μ = 0.05',
    ),
  },
  data: {
    ...controlInstanceShape,
    smoothness: z.number().min(0).default(0).describe('μ of ∫ (μ/2)|θ̇|² dt'),
  },
  full: { models: 16 },
  pieces: (instance) => (instance.explicit ? 1 : instance.models),
});

/** What is measured on one model. */
export interface GradientRecord {
  readonly precision: Backend['precision'];
  readonly comparison: GradientComparison;
}

/**
 * What comparisons on one or more models at the same depths say.
 *
 * @param blind - whether the readout sees nothing of the state, so that the loss does not depend on the layers
 */
export function gradientConclusion(measured: readonly GradientRecord[], blind = false): Conclusion {
  const comparisons = measured.map(({ comparison }) => comparison);
  const [{ depths }] = comparisons;
  const continuous = comparisons.map((one) => one.continuous);
  const fine = comparisons.map((one) => one.fine);
  const resolution = Math.max(...fine.map((one) => one.resolution));
  const finite = continuous.flat().every(Number.isFinite);
  const exact = agreement({
    name: 'discrete adjoint against finite differences, in units of what these leave open',
    failsIf: 'the gradient of the recursion is wrong in any part of the parameters',
    of: comparisons.flatMap(partDifferences),
  });
  const order = deterministicOrder({
    name: 'order of |∇J_L − ∇J| / |∇J| in L',
    failsIf: 'the gradient of the layers approaches that of the flow more slowly than 1/L',
    scales: depths,
    rows: continuous,
    accuracy: fine.map((one) => one.resolution),
    order: -1,
    side: 'at least as fast',
  });
  const onFine = agreement({
    name: 'all three on a fine flow, in units of its resolution',
    failsIf: 'the continuous adjoint, or the gradient of a scheme of order 5, is wrong',
    of: comparisons.flatMap(fineDifferences),
  });
  const double = measured.every(({ precision }) => precision === 'f64');
  const trivial = trivialityOf(continuous, blind);
  return {
    hypotheses: [
      {
        name: 'flow and adjoint exist on [0, T] at every depth',
        holds: finite,
        value: finite ? 'integrated' : 'diverged',
      },
    ],
    resolution: [
      { name: 'arithmetic in double precision', holds: double, value: measured[0].precision },
      {
        name: `fine flow resolved: its gradient moves by at most ${resolved} from half the layers`,
        holds: resolution <= resolved,
        value: resolution,
      },
      notTrivial(trivial),
    ],
    checks: [exact, order, onFine],
    evidence: {
      ...partEvidence(comparisons),
      depths,
      'continuous.relativeErrors': continuous,
      'fine.layers': fine.map((one) => one.layers),
      'fine.discreteAgainstContinuous': fine.map((one) => one.discrete),
      'fine.differencesAgainstContinuous': fine.map((one) => one.differences),
      'fine.resolution': fine.map((one) => one.resolution),
    },
    summary:
      trivial === undefined
        ? `Discrete adjoint and finite differences agree within ${exact.measured.toPrecision(2)} of what these leave open; the continuous adjoint is approached ${decayInWords('L', order)}, and on a fine flow all three agree within ${onFine.measured.toPrecision(2)} of its resolution.`
        : nothing,
    figures: [
      convergenceFigure({
        id: 'A.gradient',
        title: 'Gradients of layers against the continuous adjoint',
        caption:
          'Relative difference between the exact gradient of an L-layer recursion and that of the flow by its continuous adjoint, over all parameters of the same controls. Band: range over problems. Expected: order 1.',
        scale: 'layers L',
        quantity: '|∇J_L − ∇J| / |∇J|',
        curves: [{ series: 'discrete − continuous', scales: depths, rows: continuous, slope: -1 }],
      }),
    ],
  };
}

function trivialityOf(continuous: readonly (readonly number[])[], blind: boolean) {
  if (blind) return 'all rows of U are equal: the loss does not depend on the layers';
  const same = continuous.flat().every((error) => error <= 1e-12);
  return same ? 'layers and flow have the same gradient' : undefined;
}

function partEvidence(comparisons: readonly GradientComparison[]): Conclusion['evidence'] {
  const found = (part: (typeof parameterParts)[number]) =>
    comparisons.flatMap(({ differences }) => differences[part] ?? []);
  return Object.fromEntries(
    parameterParts
      .filter((part) => found(part).length > 0)
      .flatMap((part) => [
        [`differences.${part}`, found(part).map(({ difference }) => difference)],
        [`differences.${part}.ownError`, found(part).map(({ ownError }) => ownError)],
      ]),
  );
}

/** The gradient of a deep network is the integral of the Hamiltonian's derivative. */
export const gradient = claim<ReturnType<typeof given.parse>, GradientRecord>({
  id: 'A.gradient',
  title: 'Three gradients agree',
  statement:
    '$\\nabla_{\\theta_k} J = \\varepsilon\\,\\big(\\mathbb E[D_\\theta f(h_k, \\theta_k)^\\top p_{k+1}] + \\nabla g(\\theta_k)\\big)$: exactly the derivative of the recursion, and within $O(\\varepsilon)$ that of the flow.',
  trust: { statement: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const { layers } = given;
    const model = given.explicit
      ? explicitModel(backend, given, { layers, seed, smoothness: given.smoothness })
      : randomGradientModel(backend, seed, index, layers);
    const comparison = compareGradients(model, {
      factors: [2, 4, 8, 16, 32, 64, 128],
      fineFactor: 32,
      directions: 'every',
      seed: seed + index,
    });
    return { precision: backend.precision, comparison };
  },
  conclude: (measured, { given }) =>
    gradientConclusion(
      measured,
      given.explicit && given.U.every((row) => row.every((entry, i) => entry === given.U[0][i])),
    ),
});
