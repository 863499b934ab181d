import type { Field } from '../field/field.ts';
import type { Backend } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { packTokens, unpackTokens } from '../kernels/tokens.ts';
import { requireShape } from '../numeric/checks.ts';
import { piecewiseConstantControls } from './controls.ts';
import { createFlow } from './flow.ts';
import { uniformGrid } from './grid.ts';
import { rk4 } from './scheme.ts';
import type { FlowStatus, Scheme } from './types.ts';

/** A sequence under one layer that acts at all depths, or under layers of its own at equal parts of depth. */
export interface Simulation {
  readonly field: Field;
  /** θ, P numbers for all depths; or one such vector for each of the layers, in their order. */
  readonly parameters: ArrayLike<number> | readonly ArrayLike<number>[];
  /** h_0: n tokens of d numbers. */
  readonly tokens: readonly (readonly number[])[];
  /** T; default 1. */
  readonly horizon?: number;
  /** Steps of the scheme, a multiple of the layers; default 100 for each layer. */
  readonly steps?: number;
  /** Default the classical Runge–Kutta scheme; `euler` is the residual network itself. */
  readonly scheme?: Scheme;
  /** Whether tokens are set back on the unit sphere after every step; default false. */
  readonly sphere?: boolean;
}

/** Tokens along depth, in plain numbers. */
export interface SimulatedFlow {
  readonly status: FlowStatus;
  /** Depths that were reached, from 0 on. */
  readonly times: readonly number[];
  /** n × d tokens at each of them. */
  readonly states: readonly (readonly (readonly number[])[])[];
}

/**
 * Moves a sequence by `ḣ = f(h, θ(t))` from 0 to T and gives back plain numbers. For batches, gradients and long loops use
 * {@link createFlow}, which keeps its states in the backend's memory.
 *
 * Cost: O(steps · n² · (d + k) · heads) for attention.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value`, `out-of-memory`
 */
export function simulate(backend: Backend, simulation: Simulation): SimulatedFlow {
  const { field, tokens, horizon = 1, scheme = rk4, sphere = false } = simulation;
  const layers = layersOf(simulation.parameters);
  const { steps = 100 * layers.length } = simulation;
  const P = field.parameters.length;
  for (const [l, layer] of layers.entries()) requireShape(`parameters[${l}]`, [layer.length], [P]);
  return backend.scoped(() => {
    const sizes = { samples: 1, tokens: tokens.length, dimension: field.dimension };
    const flow = createFlow(backend, { field, ...sizes, scheme, sphere });
    const nodes = backend.allocate(layers.length * P);
    layers.forEach((layer, l) => {
      nodes.set(Float64Array.from(layer), l * P);
    });
    const controls = piecewiseConstantControls(uniformGrid(horizon, layers.length), P, nodes);
    const initial = backend.allocate(stateLength(field.dimension, tokens.length));
    packTokens([tokens], initial);
    const trajectory = flow.forward({ grid: uniformGrid(horizon, steps), controls, initial });
    const reached = Array.from({ length: trajectory.steps + 1 }, (_, k) => k);
    return {
      status: trajectory.status,
      times: reached.map((k) => trajectory.grid.times[k]),
      states: reached.map((k) => unpackTokens(trajectory.state(k), sizes)[0]),
    };
  });
}

function layersOf(parameters: Simulation['parameters']): readonly ArrayLike<number>[] {
  return typeof parameters[0] === 'number'
    ? [parameters as ArrayLike<number>]
    : (parameters as readonly ArrayLike<number>[]);
}
