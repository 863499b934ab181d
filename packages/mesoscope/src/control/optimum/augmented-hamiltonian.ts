import type { FloatArray } from '../../kernels/backend.ts';
import type { ControlModel } from '../control-model.ts';
import { createFieldEvaluation } from '../field-evaluation.ts';
import { createLayerHamiltonian, type LayerHamiltonian, placeOf } from '../layer-hamiltonian.ts';
import { partOf } from '../parameters.ts';
import { penaltyDensity } from '../penalty.ts';
import type { ControlProblem } from '../problem.ts';

/** One value of a layer's augmented Hamiltonian, as the solver has it and made anew from the trajectory. */
export interface AugmentedValue {
  readonly solver: number;
  readonly anew: number;
  /** Sum of the absolute values of the terms that `anew` is made of. */
  readonly size: number;
}

/**
 * `E[⟨p, f⟩ + (λ/2)|θ − θ_ref|² + (ρ/2)|f − ḣ|² + (ρ/2)|D_hfᵀp + ṗ|²]` at every layer's trial controls, with
 * `ḣ = (h_{k+1} − h_k)/ε` and `ṗ = (p_{k+1} − p_k)/ε` of the trajectory under the present ones: beside the value that the
 * extended method of successive approximations minimises. For ζ = 1.
 *
 * @param trial - controls of all layers, in the backend's memory
 * @param hamiltonianOf - what the solver minimises; default its own
 */
export function augmentedValues(
  { problem, parameters, batch }: ControlModel,
  trial: FloatArray,
  rho: number,
  hamiltonianOf: (
    problem: ControlProblem,
    samples: number,
  ) => LayerHamiltonian = createLayerHamiltonian,
): AugmentedValue[] {
  const { backend, layout, grid, penalty } = problem;
  const { samples } = batch;
  const P = layout.parametersPerLayer;
  const present = partOf(layout, parameters, 'controls');
  return backend.scoped(() => {
    const trace = problem.trace(parameters, batch);
    const hamiltonian = hamiltonianOf(problem, samples);
    const field = createFieldEvaluation(problem, samples);
    const [value, vjp] = [0, 1].map(() => backend.allocate(samples * problem.stateLength));
    const gradient = backend.allocate(P);
    return Array.from({ length: layout.layers }, (_, k) => {
      const place = placeOf(problem, trace, k);
      const { state, costate } = place;
      const theta = trial.subarray(k * P, (k + 1) * P);
      const reference = present.subarray(k * P, (k + 1) * P);
      hamiltonian.at(place, { weight: rho, theta: reference });
      const solver = hamiltonian.value(theta, gradient);
      field.evaluate(state, theta, value);
      field.pullBack({ state, costate, theta, stateGradient: vjp, gradient });
      const step = grid.times[k + 1] - grid.times[k];
      const transport = field.pair(value, costate) / samples;
      const after = trace.states.state(k + 1);
      const before = trace.costates[k];
      for (let i = 0; i < value.length; i++) {
        value[i] -= (after[i] - state[i]) / step;
        vjp[i] += (costate[i] - before[i]) / step;
      }
      const distance = (field.pair(value, value) + field.pair(vjp, vjp)) / samples;
      const [cost] = penaltyDensity(theta, 1, penalty);
      const terms = [transport, cost, 0.5 * rho * distance];
      return {
        solver,
        anew: terms.reduce((sum, x) => sum + x, 0),
        size: terms.reduce((sum, x) => sum + Math.abs(x), 0),
      };
    });
  });
}
