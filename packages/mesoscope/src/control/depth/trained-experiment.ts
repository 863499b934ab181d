import { MesoscopeError } from '../../errors.ts';
import { piecewiseConstantControls } from '../../flow/controls.ts';
import { layerCount, refineGrid } from '../../flow/grid.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import type { Batch } from '../batch.ts';
import {
  type ControlModel,
  firstSamples,
  initialStatesOf,
  terminalLossOf,
} from '../control-model.ts';
import { partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import type { AdjointExperiment } from './adjoint-experiment.ts';

/** A trained control problem, and samples that it was not trained on. */
export interface TrainedModel {
  readonly problem: ControlProblem;
  /** In the backend's memory. */
  readonly parameters: FloatArray;
  readonly probe: Batch;
}

/**
 * The model's layers and their doublings: five of them at least, and up to `finest`.
 *
 * @param finest - default 512
 */
export function depthsFrom(layers: number, finest = 512): number[] {
  const depths = [layers];
  while (depths.length < 5 || 2 * depths[depths.length - 1] <= finest) {
    depths.push(2 * depths[depths.length - 1]);
  }
  return depths;
}

/** A model on the first samples of its probe. */
export function probedModel(
  { problem, parameters, probe }: TrainedModel,
  samples: number,
): ControlModel {
  return { problem, parameters, batch: firstSamples(problem, probe, samples) };
}

/**
 * A trained model as a flow over depth: its controls are constant on each of its layers, and L layers are multiples of
 * them, each cut into equal parts.
 */
export function experimentOf(model: TrainedModel, samples: number): AdjointExperiment {
  const { problem, parameters } = model;
  const { field, tokens, layout, grid } = problem;
  const probed = probedModel(model, samples);
  const nodes = partOf(layout, parameters, 'controls');
  return {
    field,
    tokens,
    samples: probed.batch.samples,
    initial: initialStatesOf(probed),
    controls: piecewiseConstantControls(grid, layout.parametersPerLayer, nodes),
    grid: (layers) => refineGrid(grid, multipleOf(layerCount(grid), layers)),
    loss: terminalLossOf(probed),
  };
}

function multipleOf(base: number, layers: number): number {
  if (layers % base === 0) return layers / base;
  throw new MesoscopeError({
    code: 'invalid-value',
    path: 'layers',
    received: layers,
    expected: `a multiple of the model's ${base} layers`,
  });
}
