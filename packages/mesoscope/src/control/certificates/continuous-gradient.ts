import { createAdaptiveFlow } from '../../flow/adaptive.ts';
import { piecewiseConstantControls } from '../../flow/controls.ts';
import { createContinuousAdjoint } from '../../flow/costate.ts';
import { horizonOf, layerCount, refineGrid } from '../../flow/grid.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { type ControlModel, initialStatesOf, isTrained, terminalLossOf } from '../control-model.ts';
import { partOf } from '../parameters.ts';
import { controlPenalty } from '../penalty.ts';

const precise = { relativeTolerance: 1e-12, absoluteTolerance: 1e-12 };

/** Steps of the backward integration at the least. */
const leastSteps = 512;

/**
 * The derivative of `J(θ) = E ℓ + ∫(λ/2)|θ − θ_ref|² dt` of the *flow*, not of a recursion, in all parameters of a model
 * whose controls are constant on each of its layers: `∫_layer (E[D_θf(h,θ)ᵀp] + λ(θ − θ_ref)) dt`, with Pontryagin's costate p along an
 * adaptively integrated flow; p_0 scattered to embedding and positions; the residual at h_T for the readout.
 *
 * @returns laid out as the model's parameters; undefined where flow or adjoint diverged
 */
export function continuousGradient(model: ControlModel): Float64Array | undefined {
  const { problem, parameters, batch } = model;
  const { backend, field, grid, layout, tokens, penalty } = problem;
  const { samples } = batch;
  return backend.scoped(() => {
    const shape = { field, tokens, samples };
    const nodes = partOf(layout, parameters, 'controls');
    const controls = piecewiseConstantControls(grid, layout.parametersPerLayer, nodes);
    const trajectory = createAdaptiveFlow(backend, shape).integrate({
      horizon: horizonOf(grid),
      profile: grid.profile,
      controls,
      initial: initialStatesOf(model),
      ...precise,
    });
    if (trajectory.status.kind !== 'completed') return undefined;
    const gradient = new Float64Array(layout.length);
    const terminalCostate = backend.allocate(trajectory.last.length);
    const readoutGradient = backend.allocate(layout.readout.length);
    terminalLossOf(model).meanCostate(trajectory.last, terminalCostate, readoutGradient);
    if (isTrained(problem, 'readout')) partOf(layout, gradient, 'readout').set(readoutGradient);
    const controlGradient = backend.allocate(nodes.length);
    const { status, initial } = createContinuousAdjoint(backend, shape).integrate({
      grid: refineGrid(grid, Math.ceil(leastSteps / layerCount(grid))),
      controls,
      states: trajectory.at,
      terminalCostate,
      gradient: controlGradient,
    });
    if (status.kind !== 'completed') return undefined;
    if (isTrained(problem, 'controls')) {
      controlPenalty(nodes, grid, { ...penalty, smoothness: 0 }, controlGradient);
      partOf(layout, gradient, 'controls').set(controlGradient);
    }
    scatterCostate(model, initial, gradient);
    return gradient;
  });
}

/** Adds p_0 to the vectors of the tokens and positions that h_0 is the sum of. */
function scatterCostate(model: ControlModel, costate: FloatArray, gradient: Float64Array): void {
  const { problem, batch } = model;
  const { layout, tokens: n, field, stateLength } = problem;
  if (batch.tokens === undefined) return;
  const d = field.dimension;
  const stride = columnStride(n);
  const vocabulary = layout.embedding.length / d;
  const table = partOf(layout, gradient, 'embedding');
  const places = partOf(layout, gradient, 'positions');
  for (let s = 0; s < batch.samples; s++) {
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < n; j++) {
        const p = costate[s * stateLength + i * stride + j];
        if (isTrained(problem, 'embedding')) table[i * vocabulary + batch.tokens[s * n + j]] += p;
        if (isTrained(problem, 'positions')) places[i * n + j] += p;
      }
    }
  }
}
