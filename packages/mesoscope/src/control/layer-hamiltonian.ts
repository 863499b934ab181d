import type { FloatArray } from '../kernels/backend.ts';
import { createFieldEvaluation } from './field-evaluation.ts';
import type { ControlProblem, ControlTrace } from './problem.ts';

/** What a layer's Hamiltonian depends on besides θ. */
export interface LayerPlace {
  /** h_k and p_{k+1} of S samples, in the backend's memory. */
  readonly state: FloatArray;
  readonly costate: FloatArray;
  /** ζ(t_k). */
  readonly factor: number;
}

/** The augmentation `(ρ/2) E|ζf(h, θ) − v|² + (ρ/2) E|ζD_hf(h, θ)ᵀp − w|²` around a reference θ. */
export interface Augmentation {
  /** ρ > 0. */
  readonly weight: number;
  /** The reference's v and w are those of this θ. */
  readonly theta: FloatArray;
}

/** `θ ↦ E[H(h_k, p_{k+1}, θ)]` of one layer, with its gradient. */
export interface LayerHamiltonian {
  /** Chooses the layer, and what is added to its Hamiltonian. */
  at(place: LayerPlace, augmentation?: Augmentation): void;
  /** `E⟨p, ζf(h, θ)⟩ + (λ/2)|θ − θ_ref|²` (and augmentation); writes the gradient, P numbers in the backend's memory. */
  value(theta: FloatArray, gradient: FloatArray): number;
}

/**
 * Prepares a problem's Hamiltonian as a function of one layer's parameters; its buffers live in the caller's scope.
 * The augmentation's gradient needs the derivative of `D_hf(h, θ)ᵀp` in θ: with r the residual of the second term it is
 * `∂_s D_θf(h + sr, θ)ᵀp` at s = 0, taken by a central difference (relative error about 1e-10).
 */
export function createLayerHamiltonian(problem: ControlProblem, samples: number): LayerHamiltonian {
  const { backend, stateLength, layout, penalty } = problem;
  const field = createFieldEvaluation(problem, samples);
  const length = samples * stateLength;
  const allocate = () => backend.allocate(length);
  const [f, vjp, referenceValue, referenceVjp, direction, shifted, ignored] = Array.from(
    { length: 7 },
    allocate,
  );
  const [plus, minus] = [0, 1].map(() => backend.allocate(layout.parametersPerLayer));
  let place: LayerPlace | undefined;
  let weight = 0;

  function pullBack(
    state: FloatArray,
    costate: FloatArray,
    theta: FloatArray,
    stateGradient: FloatArray,
    gradient: FloatArray,
  ) {
    gradient.fill(0);
    field.pullBack({ state, costate, theta, stateGradient, gradient });
  }

  /** Adds the augmentation's value (over samples, without ρ/2) and its gradient. */
  function augment({ state, costate, factor }: LayerPlace, theta: FloatArray, out: FloatArray) {
    for (let i = 0; i < length; i++) direction[i] = factor * (f[i] - referenceValue[i]);
    let square = field.pair(direction, direction);
    for (let i = 0; i < length; i++) direction[i] *= factor;
    pullBack(state, direction, theta, ignored, plus);
    for (let i = 0; i < plus.length; i++) out[i] += weight * plus[i];
    for (let i = 0; i < length; i++) direction[i] = factor * (vjp[i] - referenceVjp[i]);
    const residual = field.pair(direction, direction);
    square += residual;
    if (residual === 0) return square;
    const size = Math.sqrt(field.pair(state, state) / samples);
    const step = (Math.cbrt(Number.EPSILON) * Math.max(1, size)) / Math.sqrt(residual / samples);
    for (const [sign, into] of [
      [1, plus],
      [-1, minus],
    ] as const) {
      for (let i = 0; i < length; i++) shifted[i] = state[i] + sign * step * direction[i];
      pullBack(shifted, costate, theta, ignored, into);
    }
    for (let i = 0; i < plus.length; i++) {
      out[i] += (weight * factor * (plus[i] - minus[i])) / (2 * step);
    }
    return square;
  }

  return {
    at(chosen, augmentation) {
      place = chosen;
      weight = augmentation?.weight ?? 0;
      if (augmentation === undefined) return;
      field.evaluate(chosen.state, augmentation.theta, referenceValue);
      pullBack(chosen.state, chosen.costate, augmentation.theta, referenceVjp, plus);
    },
    value(theta, gradient) {
      if (place === undefined) throw new RangeError('no layer was chosen');
      const { state, costate, factor } = place;
      field.evaluate(state, theta, f);
      pullBack(state, costate, theta, vjp, gradient);
      for (let i = 0; i < gradient.length; i++) gradient[i] *= factor;
      let value = factor * field.pair(f, costate);
      if (weight > 0) value += 0.5 * weight * augment(place, theta, gradient);
      let square = 0;
      for (let i = 0; i < theta.length; i++) {
        const distance = theta[i] - (penalty.reference?.[i] ?? 0);
        gradient[i] = gradient[i] / samples + penalty.regularisation * distance;
        square += distance * distance;
      }
      return value / samples + 0.5 * penalty.regularisation * square;
    },
  };
}

/** Layer k of a trace. */
export function placeOf(problem: ControlProblem, trace: ControlTrace, k: number): LayerPlace {
  const { grid } = problem;
  return {
    state: trace.states.state(k),
    costate: trace.costates[k + 1],
    factor: grid.profile(grid.times[k]),
  };
}
