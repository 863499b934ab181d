import { forEachEntry, stateLayout } from '../flow/entries.ts';
import { evaluationProgram, pullbackProgram } from '../flow/field-programs.ts';
import type { FloatArray } from '../kernels/backend.ts';
import type { ControlProblem } from './problem.ts';

/** A problem's field at the states of S samples and one θ. All arrays are in the backend's memory. */
export interface FieldEvaluation {
  /** `value ← f(h, θ)`, S states. */
  evaluate(state: FloatArray, theta: FloatArray, value: FloatArray): void;
  /** `stateGradient ← D_hf(h, θ)ᵀ p`, S states; `gradient += Σ_s D_θf(h_s, θ)ᵀ p_s`, P numbers. */
  pullBack(input: {
    readonly state: FloatArray;
    readonly costate: FloatArray;
    readonly theta: FloatArray;
    readonly stateGradient: FloatArray;
    readonly gradient: FloatArray;
  }): void;
  /** `Σ_s ⟨x_s, y_s⟩` over the entries of S states, without their padding. */
  pair(x: FloatArray, y: FloatArray): number;
}

/** Compiles a problem's field for evaluations at single layers. */
export function createFieldEvaluation(problem: ControlProblem, samples: number): FieldEvaluation {
  const { backend, field, tokens } = problem;
  const shape = { field, tokens, samples, weighted: false };
  const layout = stateLayout(shape, samples);
  const scalars = { factor: 1 };
  const runValue = backend.compile(evaluationProgram(shape));
  const runPullback = backend.compile(pullbackProgram(shape, true));
  return {
    evaluate: (state, theta, value) =>
      runValue({ samples, buffers: { state, theta, value }, scalars }),
    pullBack: (buffers) => runPullback({ samples, buffers, scalars }),
    pair(x, y) {
      let sum = 0;
      for (let s = 0; s < samples; s++) {
        forEachEntry(layout, s, (i) => {
          sum += x[i] * y[i];
        });
      }
      return sum;
    },
  };
}
