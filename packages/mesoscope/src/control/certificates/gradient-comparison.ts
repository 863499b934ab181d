import { dormandPrince, euler } from '../../flow/scheme.ts';
import type { Scheme } from '../../flow/types.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { norm } from '../../numeric/vector.ts';
import { type ControlModel, isTrained } from '../control-model.ts';
import { type ParameterPart, parameterParts, partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import { continuousGradient } from './continuous-gradient.ts';
import { carefulGradient, confirmedDerivative } from './differences.ts';
import { refineProblem } from './refined-problem.ts';

/** A relative difference to finite differences, and what these themselves think their relative error is. */
export interface DifferenceError {
  readonly difference: number;
  readonly ownError: number;
}

/** One gradient made in three ways. Relative errors are in the Euclidean norm. */
export interface GradientComparison {
  /**
   * Discrete adjoint against extrapolated finite differences of the same recursion, for each part that is trained and in which
   * they are not both 0.
   */
  readonly differences: Readonly<Partial<Record<ParameterPart, DifferenceError>>>;
  /** Layers, multiples of the model's. */
  readonly depths: readonly number[];
  /** Discrete adjoint on that many layers against the continuous adjoint, over all parameters. */
  readonly continuous: readonly number[];
  /** On a fine grid with a scheme of order 5: discrete adjoint, and finite differences, against the continuous adjoint. */
  readonly fine: {
    readonly layers: number;
    readonly discrete: number;
    readonly differences: number;
    /** What these differences think their own relative error is. */
    readonly ownError: number;
    /** Relative change of the discrete gradient from half as many layers to these. */
    readonly resolution: number;
  };
}

/** A relative difference and what it may be if both sides are right. */
interface JudgedDifference {
  readonly difference: number;
  readonly uncertainty: number;
  readonly scale: 1;
}

/**
 * An extrapolation estimates its error by the neighbours in its table that agree best, so optimistically: its error is of that
 * size up to an order of magnitude.
 */
const estimateFactor = 10;

/** Discrete adjoint against finite differences in every part of the parameters. */
export function partDifferences({ differences }: GradientComparison): JudgedDifference[] {
  return Object.values(differences).map(({ difference, ownError }) => ({
    difference,
    uncertainty: estimateFactor * ownError,
    scale: 1,
  }));
}

/** Discrete adjoint and finite differences on the fine flow, each against the continuous adjoint. */
export function fineDifferences({ fine, differences }: GradientComparison): JudgedDifference[] {
  const ownErrors = Object.values(differences).map(({ ownError }) => ownError);
  const uncertainty = fine.resolution + estimateFactor * Math.max(fine.ownError, ...ownErrors);
  return [fine.discrete, fine.differences].map((difference) => ({
    difference,
    uncertainty,
    scale: 1,
  }));
}

export interface GradientComparisonOptions {
  /** Multiples of the model's layers at which discrete and continuous adjoint are compared. */
  readonly factors: readonly number[];
  /** The multiple for the scheme of order 5 to begin with; doubled up to three times until the flow is resolved. */
  readonly fineFactor: number;
  /** `every`: finite differences in every parameter; a number: along that many directions in each part. */
  readonly directions: 'every' | number;
  readonly seed: number;
}

/** Compares discrete adjoint, continuous adjoint and finite differences at a model's parameters. */
export function compareGradients(
  model: ControlModel,
  options: GradientComparisonOptions,
): GradientComparison {
  const { problem } = model;
  const { factors, fineFactor, directions, seed } = options;
  const exact = continuousGradient(model);
  return {
    differences: compareWithDifferences(model, directions, seed),
    depths: factors.map((factor) => factor * problem.layout.layers),
    continuous: factors.map((factor) => {
      const refined = problem.backend.scoped(() => refinedGradient(model, factor));
      return relativeError(refined, exact);
    }),
    fine: compareOnFineGrid(model, exact, fineFactor, seed),
  };
}

/** A fine grid is resolved where its gradient moves by less than this when the number of layers is doubled. */
export const resolved = 1e-7;

function compareOnFineGrid(
  model: ControlModel,
  exact: Float64Array | undefined,
  firstFactor: number,
  seed: number,
): GradientComparison['fine'] {
  const { problem, parameters, batch } = model;
  const { backend } = problem;
  const gradientOn = (factor: number) =>
    backend.scoped(() => refinedGradient(model, factor, dormandPrince));
  let factor = firstFactor;
  let coarse = gradientOn(factor / 2);
  let fine = gradientOn(factor);
  for (let doubling = 0; doubling < 3 && !(relativeError(coarse, fine) <= resolved); doubling++) {
    factor *= 2;
    coarse = fine;
    fine = gradientOn(factor);
  }
  return backend.scoped(() => {
    const refined = refineProblem(problem, factor, dormandPrince);
    const value = () => refined.problem.evaluate(refined.repeat(parameters), batch).objective;
    const random = randomStream(seed, 'fine direction');
    const along =
      exact === undefined
        ? { difference: Infinity, ownError: Infinity }
        : directionalError(value, parameters, exact, trainedDirection(problem, random));
    return {
      layers: refined.problem.layout.layers,
      discrete: relativeError(fine, exact),
      differences: along.difference,
      ownError: along.ownError,
      resolution: relativeError(coarse, fine),
    };
  });
}

/** The relative error of the discrete adjoint in each part, as finite differences see it. */
export function compareWithDifferences(
  model: ControlModel,
  directions: 'every' | number,
  seed: number,
): GradientComparison['differences'] {
  const { problem, parameters, batch } = model;
  const { backend, layout } = problem;
  return backend.scoped(() => {
    const gradient = backend.allocate(layout.length);
    problem.gradient(parameters, batch, gradient);
    const value = () => problem.evaluate(parameters, batch).objective;
    const errors: Partial<Record<ParameterPart, DifferenceError>> = {};
    for (const part of parameterParts.filter((name) => isTrained(problem, name))) {
      const x = partOf(layout, parameters, part);
      const adjoint = partOf(layout, gradient, part);
      if (directions === 'every') {
        const { gradient: reference, error } = carefulGradient(value, x);
        if (norm(adjoint) === 0 && norm(reference) === 0) continue;
        const difference = relativeError(adjoint, reference);
        errors[part] = { difference, ownError: error / norm(reference) };
        continue;
      }
      const random = randomStream(seed, `directions in the ${part}`);
      const found = Array.from({ length: directions }, () =>
        directionalError(value, x, adjoint, normals(x.length, random)),
      );
      errors[part] = {
        difference: Math.max(...found.map((one) => one.difference)),
        ownError: Math.max(...found.map((one) => one.ownError)),
      };
    }
    return errors;
  });
}

function refinedGradient(
  model: ControlModel,
  factor: number,
  scheme: Scheme = euler,
): Float64Array {
  const { problem, gather, repeat } = refineProblem(model.problem, factor, scheme);
  const gradient = problem.backend.allocate(problem.layout.length);
  const { flow } = problem.gradient(repeat(model.parameters), model.batch, gradient);
  if (flow.kind !== 'completed') gradient.fill(Number.NaN);
  return gather(gradient);
}

function normals(length: number, random: { normal(): number }): Float64Array {
  return Float64Array.from({ length }, () => random.normal());
}

/** Normal entries where parameters are trained, 0 where they are not: there the gradient is left at 0. */
function trainedDirection(problem: ControlProblem, random: { normal(): number }) {
  const { layout } = problem;
  const direction = new Float64Array(layout.length);
  for (const part of parameterParts.filter((name) => isTrained(problem, name))) {
    const entries = partOf(layout, direction, part);
    entries.set(normals(entries.length, random));
  }
  return direction;
}

/**
 * Relative error of a directional derivative along `g/|g| + u`, u a unit vector: along it the derivative has the
 * size of the gradient, and a part of the error that is orthogonal to the gradient is still seen.
 */
function directionalError(
  value: () => number,
  x: FloatArray,
  gradient: ArrayLike<number>,
  u: Float64Array,
): DifferenceError {
  const length = norm(u);
  const size = norm(gradient);
  const direction = u.map((entry, i) => entry / length + (size === 0 ? 0 : gradient[i] / size));
  const expected = direction.reduce((sum, entry, i) => sum + entry * gradient[i], 0);
  const { derivative, error } = confirmedDerivative(value, x, direction);
  const scale = expected === 0 ? 1 : Math.abs(expected);
  return { difference: Math.abs(derivative - expected) / scale, ownError: error / scale };
}

/** `|x − reference| / |reference|`; infinite without a reference. */
function relativeError(x: ArrayLike<number>, reference: ArrayLike<number> | undefined): number {
  if (reference === undefined) return Infinity;
  const gap = Array.from(reference, (value, i) => x[i] - value);
  const error = norm(gap);
  return error === 0 ? 0 : error / norm(reference);
}
