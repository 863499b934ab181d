import { type ControlModel, initialStatesOf } from '../../control/control-model.ts';
import { partOf } from '../../control/parameters.ts';
import { piecewiseConstantControls } from '../../flow/controls.ts';
import { createFlow } from '../../flow/flow.ts';
import { refineGrid } from '../../flow/grid.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { unpackTokens } from '../../kernels/tokens.ts';
import { fromRows, type Matrix } from '../../numeric/matrix.ts';
import { relativeDistance } from './output-change.ts';
import { type RefinementRecord, refinementRecord } from './refinement.ts';

/** A network of ours as a solver of its own flow. */
export interface FlowRefinement extends RefinementRecord {
  /** `|h_T − h_0|/|h_T|`: a network that moves nothing is near any flow. */
  readonly moved: number;
}

/**
 * The layers of a control problem as m steps each, on a batch; states before the readout's normalisation, outlier tokens left out.
 *
 * @param steps - how many m = 1, 2, 4, …
 */
export function flowRefinement(model: ControlModel, steps: number): FlowRefinement {
  const { problem, parameters, batch } = model;
  const { backend, field, tokens, grid, layout, scheme } = problem;
  return backend.scoped(() => {
    const nodes = partOf(layout, parameters, 'controls');
    const controls = piecewiseConstantControls(grid, layout.parametersPerLayer, nodes);
    const initial = initialStatesOf(model);
    const { samples } = batch;
    const flow = createFlow(backend, { field, tokens, samples, scheme });
    const together = (states: FloatArray): Matrix =>
      fromRows(unpackTokens(states, { samples, tokens, dimension: field.dimension }).flat());
    const outputs = Array.from({ length: steps }, (_, i) => {
      const finer = refineGrid(grid, 2 ** i);
      return together(flow.forward({ grid: finer, controls, initial, checkpoints: 'ends' }).last);
    });
    const moved = relativeDistance(together(initial), outputs[0]);
    return { ...refinementRecord(outputs), moved };
  });
}
