import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { type ControlModel, firstSamples } from '../control-model.ts';
import { compareGradients } from './gradient-comparison.ts';

/** The largest relative error by which discrete adjoint, continuous adjoint and finite differences may differ. */
export const gradientTolerance = 1e-6;

/** Deviation of the shift away from the solution, as a share of the parameters' root mean square. */
const shift = 0.1;

/** One gradient made in three ways, on a few samples, near the solution. Errors are relative, in the Euclidean norm. */
export interface GradientAgreement {
  readonly samples: number;
  /** Discrete adjoint against finite differences of the same recursion: the largest over the parts that are trained. */
  readonly differences: number;
  /** What the differences think their own error is. */
  readonly ownError: number;
  /** Discrete against continuous adjoint, with the problem's layers and with each of them halved: of order 1/L. */
  readonly continuous: readonly [layers: number, halved: number];
  /** On a fine grid with a scheme of order 5, where all three must agree: the largest distance to the continuous one. */
  readonly fine: { readonly layers: number; readonly difference: number };
  readonly agree: boolean;
}

/**
 * Whether the three gradients of a model agree: discrete adjoint and finite differences of the recursion, and both with
 * the continuous adjoint on a fine flow. Compared at parameters shifted at random by a tenth of their size: at a
 * solution the gradient vanishes, and no error is relative to it.
 */
export function measureGradientAgreement(
  { problem, parameters, batch }: ControlModel,
  options: { readonly samples: number; readonly seed: number },
): GradientAgreement {
  const few = firstSamples(problem, batch, options.samples);
  const { differences, continuous, fine } = problem.backend.scoped(() =>
    compareGradients(
      { problem, parameters: shifted(problem.backend, parameters, options.seed), batch: few },
      {
        factors: [1, 2],
        fineFactor: Math.max(2, Math.ceil(64 / problem.layout.layers)),
        directions: 2,
        seed: options.seed,
      },
    ),
  );
  const parts = Object.values(differences);
  const difference = Math.max(...parts.map((part) => part.difference));
  const ownError = Math.max(...parts.map((part) => part.ownError));
  const onFine = Math.max(fine.discrete, fine.differences);
  return {
    samples: few.samples,
    differences: difference,
    ownError,
    continuous: [continuous[0], continuous[1]],
    fine: { layers: fine.layers, difference: onFine },
    agree: Math.max(difference, onFine) <= gradientTolerance,
  };
}

function shifted(backend: Backend, parameters: FloatArray, seed: number): FloatArray {
  let square = 0;
  for (let i = 0; i < parameters.length; i++) square += parameters[i] ** 2;
  const size = Math.sqrt(square / parameters.length) || 1;
  const random = randomStream(seed, 'shift of a solution');
  const moved = backend.allocate(parameters.length);
  for (let i = 0; i < moved.length; i++) moved[i] = parameters[i] + shift * size * random.normal();
  return moved;
}
