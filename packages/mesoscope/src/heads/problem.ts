import { MesoscopeError } from '../errors.ts';
import type { Backend } from '../kernels/backend.ts';
import { requireFinite, shapeMismatch } from '../numeric/checks.ts';
import { addScaled } from '../numeric/vector.ts';
import { type HeadLaw, type HeadShape, headLength, secondMoment } from './head-law.ts';
import { createHeadKernels } from './kernels.ts';
import type { SequenceData } from './sequences.ts';

/** The set of heads that are allowed, and what they cost. */
export interface ParameterSet {
  /** λ ≥ 0 of the penalty `(λ/2)∫|θ|²dρ`. */
  readonly regularisation: number;
  /** Radius of the ball `|θ| ≤ r` that holds all heads; default ∞: all of R^P. */
  readonly radius?: number | undefined;
}

/** The risk of a law of heads, and its two parts. */
export interface Risk {
  /** `R(ρ) = E ℓ(z_ρ(X), Y) + (λ/2)∫|θ|²dρ`. */
  readonly risk: number;
  readonly crossEntropy: number;
  readonly penalty: number;
}

/** A law of heads as the first variation sees it: `softmax(z_ρ) − e_Y` at every position. */
export interface Linearisation extends Risk {
  /**
   * `P(X_st)·(softmax(z_ρ) − e_Y)`, C × n a sequence, padded; of one sequence only if it was drawn, then times S, so that
   * its mean over a uniform draw is the full one.
   */
  readonly residual: Float64Array;
  /** The sequence drawn; undefined: all. */
  readonly drawn?: number;
}

/**
 * Training a law ρ of causal attention heads by cross-entropy: `Φ_t(θ;X) = V Σ_{s≤t} a_ts x_s` with
 * `a = softmax_{s≤t}(⟨Qx_t, Kx_s⟩/√k)`, logits `z_ρ = ∫Φ dρ`, risk `R(ρ) = E ℓ(z_ρ, Y) + (λ/2)∫|θ|²dρ`, convex in ρ;
 * first variation `Ψ(θ;ρ) = E⟨softmax(z_ρ) − e_Y, Φ(θ;X)⟩ + (λ/2)|θ|²`. Source: arXiv 2606.10469.
 */
export interface HeadProblem {
  readonly shape: HeadShape;
  readonly data: SequenceData;
  /** λ. */
  readonly regularisation: number;
  /** r; ∞ if parameters are not bounded. */
  readonly radius: number;
  risk(law: HeadLaw): Risk;
  /** Risk and residual at a law; of one sequence with `drawn` (its risk then is S times that sequence's part). */
  linearise(law: HeadLaw, drawn?: number): Linearisation;
  /**
   * `Ψ(θ_i;ρ)` for many heads at once, and `∇_θΨ(θ_i;ρ)` if asked for.
   *
   * @param heads - M × P
   * @param gradient - M × P, overwritten
   */
  firstVariation(
    at: Linearisation,
    heads: Float64Array,
    gradient?: Float64Array,
  ): Float64Array<ArrayBuffer>;
  /**
   * Risk and `∇Ψ(θ_i;ρ)` at the heads of the law itself: as {@link linearise} and {@link firstVariation} give them, up to rounding, in
   * one pass where the heads are few.
   *
   * @param gradient - N × P, overwritten
   */
  descend(law: HeadLaw, gradient: Float64Array, drawn?: number): Risk;
  /** Φ of each of M heads at every position: M × (S·C·columnStride(n)); the padding's content is unspecified. */
  features(heads: Float64Array): Float64Array<ArrayBuffer>;
  /** Logits of a law: S × C × columnStride(n). */
  logits(law: HeadLaw): Float64Array<ArrayBuffer>;
  /** Risk and residual from given logits. */
  lineariseAt(logits: Float64Array, meanSquare: number): Linearisation;
}

/**
 * A problem on a backend. Its buffers live as long as the backend's scope in which it was created.
 *
 * @param options.keyDimension - k
 * @throws MesoscopeError `invalid-value` for k < 1, λ < 0 or r ≤ 0; `not-finite`; `out-of-memory`
 */
export function createHeadProblem(
  backend: Backend,
  data: SequenceData,
  options: ParameterSet & { readonly keyDimension: number },
): HeadProblem {
  const { keyDimension, regularisation, radius = Number.POSITIVE_INFINITY } = options;
  if (!Number.isInteger(keyDimension) || keyDimension < 1) {
    throw invalid('keyDimension', keyDimension, 'a whole number, at least 1');
  }
  requireFinite('regularisation', [regularisation]);
  if (regularisation < 0) throw invalid('regularisation', regularisation, 'a number ≥ 0');
  if (!(radius > 0)) throw invalid('radius', radius, 'a number > 0');
  const shape = { dimension: data.dimension, keyDimension, classes: data.classes };
  const length = headLength(shape);
  const valuesFrom = 2 * keyDimension * data.dimension;
  const kernels = createHeadKernels(backend, shape, data);

  function checkLaw(law: HeadLaw): void {
    const { dimension: d, keyDimension: k, classes: C } = law.shape;
    if (d !== shape.dimension || k !== keyDimension || C !== shape.classes) {
      throw shapeMismatch(
        'heads (dimension, keyDimension, classes)',
        [d, k, C],
        [shape.dimension, keyDimension, shape.classes],
      );
    }
  }

  const withPenalty = (crossEntropy: number, meanSquare: number): Risk => {
    const penalty = (regularisation / 2) * meanSquare;
    return { risk: crossEntropy + penalty, crossEntropy, penalty };
  };

  function logits(law: HeadLaw): Float64Array<ArrayBuffer> {
    checkLaw(law);
    return kernels.logits(law.parameters, law.weights);
  }

  function lineariseAt(logits: Float64Array, meanSquare: number): Linearisation {
    const { loss, residual } = kernels.loss(logits);
    return { ...withPenalty(loss, meanSquare), residual };
  }

  function linearise(law: HeadLaw, drawn?: number): Linearisation {
    checkLaw(law);
    const { loss, residual } = kernels.loss(
      kernels.logits(law.parameters, law.weights, drawn),
      drawn,
    );
    const risk = withPenalty(loss, secondMoment(law));
    return drawn === undefined ? { ...risk, residual } : { ...risk, residual, drawn };
  }

  function firstVariation(
    at: Linearisation,
    heads: Float64Array,
    gradient: Float64Array = new Float64Array(heads.length),
  ): Float64Array<ArrayBuffer> {
    kernels.pullback(heads, at.residual, gradient, at.drawn);
    const values = new Float64Array(heads.length / length);
    for (let i = 0; i < values.length; i++) {
      let pairing = 0;
      let square = 0;
      for (let j = i * length; j < (i + 1) * length; j++) {
        square += heads[j] * heads[j];
        if (j - i * length >= valuesFrom) pairing += heads[j] * gradient[j];
        gradient[j] += regularisation * heads[j];
      }
      values[i] = pairing + (regularisation / 2) * square;
    }
    return values;
  }

  return {
    shape,
    data,
    regularisation,
    radius,
    logits,
    lineariseAt,
    risk: (law) => withPenalty(kernels.loss(logits(law)).loss, secondMoment(law)),
    linearise,
    firstVariation,
    descend(law, gradient, drawn) {
      if (!kernels.canDescend(law.weights)) {
        const at = linearise(law, drawn);
        firstVariation(at, law.parameters, gradient);
        return at;
      }
      checkLaw(law);
      const loss = kernels.descent(law.parameters, law.weights, gradient, drawn);
      addScaled(gradient, regularisation, law.parameters);
      return withPenalty(loss, secondMoment(law));
    },
    features: (heads) => kernels.features(heads),
  };
}

function invalid(path: string, received: unknown, expected: string): MesoscopeError {
  return new MesoscopeError({ code: 'invalid-value', path, received, expected });
}
