import { affine } from '../field/affine.ts';
import { attention } from '../field/attention.ts';
import { sumOf } from '../field/sum.ts';
import { piecewiseConstantControls } from '../flow/controls.ts';
import { createFlow } from '../flow/flow.ts';
import { uniformGrid } from '../flow/grid.ts';
import { euler } from '../flow/scheme.ts';
import type { Checkpoints, Trajectory } from '../flow/trajectory.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { stateLength } from '../kernels/program.ts';
import { particles } from '../law/law.ts';
import { shapeMismatch } from '../numeric/checks.ts';
import { zeros } from '../numeric/matrix.ts';
import type { DiscreteInputs } from './inputs.ts';
import { type EnsembleLayout, requireParameters } from './parameters.ts';
import type { EnsembleState, TokenMap } from './token-map.ts';

export interface ParticleMapOptions {
  readonly layout: EnsembleLayout;
  /** With discrete contexts, of any sizes: see `sampledInputs`. */
  readonly inputs: DiscreteInputs;
  /** Which states the gradient keeps; `sqrt` lets memory grow like √L. Default `all`. */
  readonly checkpoints?: Checkpoints;
}

/** A {@link TokenMap} on particles, with the costates at depth 0 as well. */
export interface ParticleMap extends TokenMap {
  /**
   * Costates at depth 0: of each token, and of each context point `∂L/∂z_j` (weight w_j times the density q(z_j)).
   */
  initialCostates(
    theta: Float64Array,
    costate: (finals: Float64Array) => Float64Array,
  ): { readonly tokens: number[][]; readonly contexts: number[][][] };
}

/**
 * The forward pass on discrete contexts, by kernels: one sample is a state whose columns are a context's points, padding
 * points of weight 0, and the token, of weight 0 too: moved by the context, seen by none. One step of training is one
 * pass forward and one backward over all samples.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`, `out-of-memory`
 */
export function createParticleMap(backend: Backend, options: ParticleMapOptions): ParticleMap {
  const { layout, inputs, checkpoints = 'all' } = options;
  const { dimension: d, heads, keyDimension, layers, layerLength } = layout;
  if (inputs.dimension !== d) throw shapeMismatch('inputs', [inputs.dimension], [d]);
  const samples = inputs.contexts.length;
  const points = Math.max(...inputs.contexts.map((law) => law.points.rows));
  const tokens = points + 1;
  const stride = columnStride(tokens);
  const size = stateLength(d, tokens);
  const heading = attention({ dimension: d, heads, keyDimension, combine: 'mean' });
  const field = layout.affine
    ? sumOf({ attention: heading, affine: affine({ dimension: d }) })
    : heading;
  const flow = createFlow(backend, { field, tokens, samples, scheme: euler, weighted: true });
  const grid = uniformGrid(1, layers);
  const nodes = backend.allocate(layout.length);
  const nodeGradient = backend.allocate(layout.length);
  const controls = piecewiseConstantControls(grid, layerLength, nodes);
  const initial = backend.allocate(samples * size);
  const weights = backend.allocate(samples * stateLength(1, tokens));
  const terminalCostate = backend.allocate(samples * size);
  inputs.contexts.forEach((law, s) => {
    for (let j = 0; j < law.points.rows; j++) {
      weights[s * stateLength(1, tokens) + j] = law.weights[j];
      for (let a = 0; a < d; a++) {
        initial[s * size + a * stride + j] = law.points.data[j * d + a];
      }
    }
    for (let a = 0; a < d; a++) initial[s * size + a * stride + points] = inputs.tokens[s][a];
  });

  function tokensOf(state: FloatArray): Float64Array {
    const out = new Float64Array(samples * d);
    for (let s = 0; s < samples; s++) {
      for (let a = 0; a < d; a++) out[s * d + a] = state[s * size + a * stride + points];
    }
    return out;
  }

  function pass(theta: Float64Array, kept: Checkpoints): Trajectory {
    requireParameters(layout, theta);
    nodes.set(theta);
    return flow.forward({ grid, controls, initial, weights, checkpoints: kept });
  }

  const finalsOf = (trajectory: Trajectory) =>
    trajectory.status.kind === 'completed'
      ? tokensOf(trajectory.last)
      : new Float64Array(samples * d).fill(Number.NaN);

  function backward(
    theta: Float64Array,
    costate: (finals: Float64Array) => Float64Array,
    gradient?: FloatArray,
  ) {
    const trajectory = pass(theta, checkpoints);
    const finals = finalsOf(trajectory);
    if (trajectory.status.kind !== 'completed') return { finals };
    const p = costate(finals);
    terminalCostate.fill(0);
    for (let s = 0; s < samples; s++) {
      for (let a = 0; a < d; a++) terminalCostate[s * size + a * stride + points] = p[s * d + a];
    }
    const costates = flow.backward({
      trajectory,
      terminalCostate,
      gradient,
    });
    return costates.status.kind === 'completed'
      ? { finals, costates: costates.initial }
      : { finals };
  }

  return {
    layout,
    samples,
    forward: (theta) => backend.scoped(() => finalsOf(pass(theta, 'ends'))),
    differentiate: (theta, costate, gradient) =>
      backend.scoped(() => {
        nodeGradient.fill(0);
        const { finals, costates } = backward(theta, costate, nodeGradient);
        if (costates === undefined) gradient.fill(Number.NaN);
        else gradient.set(nodeGradient);
        return finals;
      }),
    initialCostates: (theta, costate) =>
      backend.scoped(() => {
        const { costates } = backward(theta, costate);
        const column = (s: number, j: number) =>
          Array.from({ length: d }, (_, a) =>
            costates === undefined ? Number.NaN : costates[s * size + a * stride + j],
          );
        return {
          tokens: inputs.tokens.map((_, s) => column(s, points)),
          contexts: inputs.contexts.map((law, s) =>
            Array.from({ length: law.points.rows }, (_, j) => column(s, j)),
          ),
        };
      }),
    states: (theta) =>
      backend.scoped(() => {
        const trajectory = pass(theta, 'all');
        return Array.from({ length: trajectory.steps + 1 }, (_, l): EnsembleState => {
          const state = trajectory.state(l);
          const finals = tokensOf(state);
          return {
            tokens: inputs.tokens.map((_, s) => finals.slice(s * d, (s + 1) * d)),
            contexts: inputs.contexts.map((law, s) => {
              const moved = zeros(law.points.rows, d);
              for (let j = 0; j < moved.rows; j++) {
                for (let a = 0; a < d; a++) {
                  moved.data[j * d + a] = state[s * size + a * stride + j];
                }
              }
              return particles(moved, law.weights);
            }),
          };
        });
      }),
  };
}
