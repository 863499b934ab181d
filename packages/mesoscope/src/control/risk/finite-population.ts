import { piecewiseConstantControls } from '../../flow/controls.ts';
import { refineGrid } from '../../flow/grid.ts';
import { rk4 } from '../../flow/scheme.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import type { RandomStream } from '../../numeric/random.ts';
import type { Batch } from '../batch.ts';
import type { ControlModel } from '../control-model.ts';
import { createControlProblem } from '../create-problem.ts';
import { eulerBound } from '../depth/euler-bound.ts';
import { partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';

/** A finite sample space with its exact probabilities, and controls on L layers. */
export interface Population {
  readonly model: ControlModel;
  /** Probability of each of the M atoms (h_0, y). */
  readonly probabilities: Float64Array;
}

/** ℓ of every atom. */
export function atomLosses(
  problem: ControlProblem,
  parameters: FloatArray,
  batch: Batch,
): Float64Array {
  const losses = new Float64Array(batch.samples);
  problem.sampleLosses(parameters, batch, losses);
  return losses;
}

/** ℓ of every atom at the end of the flow that the layers approximate: 32 Runge–Kutta steps a layer. */
export function limitLosses(model: ControlModel): Float64Array {
  const { problem, parameters, batch } = model;
  return problem.backend.scoped(() => {
    const factor = Math.max(1, Math.ceil(128 / problem.layout.layers));
    const fine = createControlProblem(problem.backend, {
      ...problem.options,
      grid: refineGrid(problem.grid, factor),
      scheme: rk4,
      smoothness: 0,
    });
    const refined = problem.backend.allocate(fine.layout.length);
    const source = partOf(problem.layout, parameters, 'controls');
    const target = partOf(fine.layout, refined, 'controls');
    const P = problem.layout.parametersPerLayer;
    for (let k = 0; k < fine.layout.layers; k++) {
      const from = Math.floor(k / factor) * P;
      target.set(source.subarray(from, from + P), k * P);
    }
    partOf(fine.layout, refined, 'readout').set(partOf(problem.layout, parameters, 'readout'));
    return atomLosses(fine, refined, batch);
  });
}

/** `‖U‖₂`. */
export function readoutNorm({ problem, parameters }: ControlModel): number {
  const { field, classes, layout } = problem;
  const data = Float64Array.from(partOf(layout, parameters, 'readout'));
  return spectralNorm({ rows: classes, columns: field.dimension, data });
}

/**
 * `B_ℓ = log C + 2 ‖U‖ sup |h_T|` over the states of the layers at the atoms: the length of an interval that holds every loss.
 * Pooling does not lengthen states, `|pool(h)| ≤ max_i |h_i|`.
 */
export function lossRange(model: ControlModel): number {
  const { problem, parameters, batch } = model;
  const { backend, field, tokens, classes } = problem;
  return backend.scoped(() => {
    const { last } = problem.trace(parameters, batch).states;
    const largestState = largestToken(last, field.dimension, tokens, batch.samples);
    return Math.log(classes) + 2 * readoutNorm(model) * largestState;
  });
}

/** `C₁ε`: `√2 ‖U‖` times Grönwall's bound on the distance of layers and flow, with constants measured along the paths. */
export function discretisationFloor(model: ControlModel): number {
  const { problem, parameters, batch } = model;
  const { backend, field, tokens, layout, grid } = problem;
  return backend.scoped(() => {
    const trace = problem.trace(parameters, batch);
    const nodes = partOf(layout, parameters, 'controls');
    const controls = piecewiseConstantControls(grid, layout.parametersPerLayer, nodes);
    const { perStep } = eulerBound(backend, {
      field,
      tokens,
      samples: batch.samples,
      initial: trace.states.state(0),
      controls,
      grid: (layers) => refineGrid(grid, Math.max(1, Math.ceil(layers / layout.layers))),
    });
    const longest = grid.times.slice(1).reduce((a, t, k) => Math.max(a, t - grid.times[k]), 0);
    return Math.SQRT2 * readoutNorm(model) * perStep * longest;
  });
}

function largestToken(states: FloatArray, d: number, tokens: number, samples: number): number {
  const stride = columnStride(tokens);
  let largest = 0;
  for (let s = 0; s < samples; s++) {
    for (let j = 0; j < tokens; j++) {
      let square = 0;
      for (let i = 0; i < d; i++) square += states[(s * d + i) * stride + j] ** 2;
      largest = Math.max(largest, Math.sqrt(square));
    }
  }
  return largest;
}

/** `Σ p_a ℓ_a`. */
export function expectation(probabilities: ArrayLike<number>, losses: ArrayLike<number>): number {
  let sum = 0;
  for (let a = 0; a < losses.length; a++) sum += probabilities[a] * losses[a];
  return sum;
}

/** Draws N atoms and returns their frequencies, which are the empirical law's probabilities. */
export function drawFrequencies(
  probabilities: Float64Array,
  samples: number,
  random: RandomStream,
): Float64Array {
  const cumulative = new Float64Array(probabilities.length);
  let sum = 0;
  probabilities.forEach((p, a) => {
    sum += p;
    cumulative[a] = sum;
  });
  const frequencies = new Float64Array(probabilities.length);
  for (let i = 0; i < samples; i++) {
    const u = random.uniform() * sum;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] > u) high = middle;
      else low = middle + 1;
    }
    frequencies[low] += 1 / samples;
  }
  return frequencies;
}
