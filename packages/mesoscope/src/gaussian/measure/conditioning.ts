import { add, frobeniusNorm, largestEntry, type Matrix, subtract, symmetricPart } from '../../numeric/matrix.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { riccatiEquilibrium } from '../equilibrium.ts';
import { randomMatrix } from '../random-matrices.ts';
import type { RiccatiForm } from '../riccati.ts';

/** Perturbed inputs by which conditioning is measured, their relative size, and the margin for what a few draws miss. */
export const draws = 3;
const roundings = 8 * Number.EPSILON;
export const margin = 10;

/** The sign of a number, and how far rounding of the input moves it. */
export interface Sign {
  readonly value: number;
  readonly rounding: number;
}

export function signOf(of: (A: Matrix) => number, A: Matrix): Sign {
  const stream = randomStream(0, 'perturbations of a sign');
  const value = of(A);
  const changes = Array.from({ length: draws }, () => Math.abs(of(perturbed(stream, A)) - value));
  return { value, rounding: margin * Math.max(...changes) };
}

/** How far roundings of M and W move what is computed from them and their equilibrium. */
export type Spread = (of: (form: RiccatiForm, target: Matrix) => Matrix) => number;

/** @param target - the form's equilibrium */
export function conditioningOf(form: RiccatiForm, target: Matrix): Spread {
  const stream = randomStream(0, 'perturbations of a layer');
  const others = Array.from({ length: draws }, () => perturbedForm(stream, form)).map((other) => ({
    form: other,
    target: riccatiEquilibrium(other),
  }));
  return (of) => {
    const centre = of(form, target);
    const changes = others.map((other) =>
      other.target === null
        ? Number.POSITIVE_INFINITY
        : frobeniusNorm(subtract(of(other.form, other.target), centre)),
    );
    return margin * Math.max(...changes);
  };
}

function perturbedForm(stream: RandomStream, { M, W, totalValue }: RiccatiForm): RiccatiForm {
  return { totalValue, M: symmetricPart(perturbed(stream, M)), W: perturbed(stream, W) };
}

/** A with every entry changed by some roundings of the largest. */
export function perturbed(stream: RandomStream, A: Matrix): Matrix {
  return add(A, randomMatrix(stream, A.rows, A.columns), roundings * largestEntry(A));
}
