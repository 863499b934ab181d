import type { FloatArray } from '../kernels/backend.ts';
import { ProgramBuilder, stateLength } from '../kernels/program.ts';
import { partOf } from './parameters.ts';
import { penaltyDensity } from './penalty.ts';
import type { ControlProblem, ControlTrace } from './problem.ts';

/** The Hamiltonian along a trained flow. */
export interface HamiltonianProfile {
  /** `H_k = E⟨p_{k+1}, ζ_k f(h_k, θ_k)⟩ + g(θ_k) − (μ/2)|θ̇_k|²` for each of the L layers. */
  readonly values: Float64Array<ArrayBuffer>;
  /** The part `E⟨p_{k+1}, ζ_k f(h_k, θ_k)⟩`. */
  readonly transport: Float64Array<ArrayBuffer>;
  /** The part `g(θ_k) = (λ/2)|θ_k − θ_ref|²`. */
  readonly penalty: Float64Array<ArrayBuffer>;
  /** The part `(μ/2)|θ̇_k|²`: the mean of a layer's two ends, 0 beyond the first and the last (the natural boundary). */
  readonly kinetic: Float64Array<ArrayBuffer>;
  readonly mean: number;
  /** Mean over layers of `|E⟨p, ζf⟩| + g(θ) + (μ/2)|θ̇|²`: what to compare deviations with, as H itself may be near 0. */
  readonly size: number;
  /** Standard deviation over the layers (each layer counts once). */
  readonly deviation: number;
  /** `max_k H_k − min_k H_k`. */
  readonly range: number;
}

/**
 * The Hamiltonian `H = E⟨p, ζ f(h, θ)⟩ + g(θ)` at every layer, with the discrete costate that Euler's scheme pairs
 * with h_k: p_{k+1}, for which `∂H_k/∂θ_k = 0` is the discrete first-order condition. With an H¹ penalty θ is a state
 * and θ̇ the control, with costate −μθ̇, and the Hamiltonian of the pair is less by `(μ/2)|θ̇|²`. Along a strong extremal
 * of an autonomous problem (constant ζ) it is constant in depth up to O(1/L) (Pontryagin).
 *
 * @param trace - of the same problem and parameters, with costates (its flow completed)
 */
export function hamiltonianProfile(
  problem: ControlProblem,
  parameters: FloatArray,
  trace: ControlTrace,
): HamiltonianProfile {
  const { backend, field, tokens, layout, grid } = problem;
  const { layers, parametersPerLayer } = layout;
  const samples = trace.states.samples;
  const builder = new ProgramBuilder();
  const state = builder.state('sample', 'state', field.dimension, tokens);
  const costate = builder.state('sample', 'costate', field.dimension, tokens);
  const c = builder.state('sample', 'value', 1, 1);
  const theta = builder.parameters('shared', 'theta', 1, parametersPerLayer);
  builder.dot(field.trace(builder, { state, parameters: theta }), costate, { into: c });
  const run = backend.compile(builder.program());
  const nodes = partOf(layout, parameters, 'controls');
  const penalty = penaltyDensity(nodes, layers, problem.penalty);
  const transport = backend.scoped(() => {
    const stride = stateLength(1, 1);
    const pairing = backend.allocate(samples * stride);
    return Float64Array.from({ length: layers }, (_, k) => {
      const theta = nodes.subarray(k * parametersPerLayer, (k + 1) * parametersPerLayer);
      const buffers = {
        state: trace.states.state(k),
        costate: trace.costates[k + 1],
        theta,
        value: pairing,
      };
      run({ samples, buffers });
      let sum = 0;
      for (let s = 0; s < samples; s++) sum += pairing[s * stride];
      return (grid.profile(grid.times[k]) * sum) / samples;
    });
  });
  const kinetic = kineticDensity(problem, nodes);
  const values = transport.map((part, k) => part + penalty[k] - kinetic[k]);
  const mean = values.reduce((sum, x) => sum + x, 0) / layers;
  const sizes = transport.map((part, k) => Math.abs(part) + penalty[k] + kinetic[k]);
  const size = sizes.reduce((sum, x) => sum + x, 0) / layers;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / layers;
  return {
    values,
    transport,
    penalty,
    kinetic,
    mean,
    size,
    deviation: Math.sqrt(variance),
    range: Math.max(...values) - Math.min(...values),
  };
}

/** `|θ_{k+1} − θ_k| / δ_k`, δ_k the distance of the layers' middles; 0 before the first layer and after the last. */
export function controlSlope(
  { layout, grid }: Pick<ControlProblem, 'layout' | 'grid'>,
  nodes: FloatArray,
  k: number,
): number {
  const { parametersPerLayer: P, layers } = layout;
  if (k < 0 || k + 1 >= layers) return 0;
  let square = 0;
  for (let i = k * P; i < (k + 1) * P; i++) square += (nodes[i + P] - nodes[i]) ** 2;
  return (2 * Math.sqrt(square)) / (grid.times[k + 2] - grid.times[k]);
}

function kineticDensity(problem: ControlProblem, nodes: FloatArray): Float64Array<ArrayBuffer> {
  const { smoothness } = problem.penalty;
  return Float64Array.from({ length: problem.layout.layers }, (_, k) => {
    const [before, after] = [k - 1, k].map((left) => controlSlope(problem, nodes, left));
    return (0.5 * smoothness * (before ** 2 + after ** 2)) / 2;
  });
}
