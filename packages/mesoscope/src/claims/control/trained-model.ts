import type { Batch } from '../../control/batch.ts';
import { compareGradients } from '../../control/certificates/gradient-comparison.ts';
import { compareTerminalCostate } from '../../control/certificates/terminal-comparison.ts';
import {
  type ControlModel,
  firstSamples,
  initialStatesOf,
  terminalLossOf,
} from '../../control/control-model.ts';
import type { AdjointExperiment } from '../../control/depth/adjoint-experiment.ts';
import { measureCostateBound } from '../../control/depth/costate-bound.ts';
import { measureCostateErrors } from '../../control/depth/costate-errors.ts';
import { measureEulerErrors } from '../../control/depth/euler-errors.ts';
import { recordHamiltonian } from '../../control/optimum/hamiltonian-record.ts';
import { partOf } from '../../control/parameters.ts';
import type { ControlProblem } from '../../control/problem.ts';
import { errorData, MesoscopeError } from '../../errors.ts';
import { piecewiseConstantControls } from '../../flow/controls.ts';
import { layerCount, refineGrid } from '../../flow/grid.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { refuse } from '../../numeric/checks.ts';
import { type Claim, type Conclusion, concludeClaim, type Finding } from '../claim.ts';
import type { StoredOutcome } from '../stored-outcome.ts';
import { costateOrder, costateOrderConclusion } from './costate-order.ts';
import { eulerOrder, eulerOrderConclusion } from './euler-order.ts';
import { gradient, gradientConclusion } from './gradient.ts';
import { hamiltonian, hamiltonianOfModel } from './hamiltonian.ts';
import { terminalCostate, terminalCostateConclusion } from './terminal-costate.ts';

/** A trained control problem, and samples that it was not trained on. */
export interface TrainedModel {
  readonly problem: ControlProblem;
  /** In the backend's memory. */
  readonly parameters: FloatArray;
  readonly probe: Batch;
}

/** Samples of the probe on which depth is refined, and on which the rest is measured. */
const refinedSamples = 2;
const probedSamples = 8;

/** The finest depth, unless a model has so many layers that five depths lie beyond. */
const finestLayers = 512;

/** The foundation claims, each with its measurement on a trained model. */
const measurements: readonly (readonly [Claim, (model: TrainedModel) => Finding])[] = [
  [eulerOrder as Claim, eulerOrderOfModel],
  [costateOrder as Claim, costateOrderOfModel],
  [terminalCostate as Claim, terminalCostateOfModel],
  [gradient as Claim, gradientOfModel],
  [hamiltonian as Claim, (model) => ofTrained(() => hamiltonianOfTrained(model))],
];

/** The claims that can be measured on a trained model. */
export const trainedClaims: readonly Claim[] = measurements.map(([claim]) => claim);

/**
 * Measures one of them: orders of states and costates as the model's layers are cut into ever finer steps, the terminal
 * costate, the gradient in three ways, or its Hamiltonian. A measurement that throws is reported as such.
 */
export function measureTrainedClaim(claim: Claim, model: TrainedModel): StoredOutcome {
  const [, measure] = measurements.find(([one]) => one === claim) ?? [];
  if (measure === undefined) throw new RangeError(`${claim.id} is not measured on a trained model`);
  const { backend } = model.problem;
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  try {
    const finding = backend.scoped(() => measure(model));
    return { id: claim.id, finding, seconds: seconds() };
  } catch (cause) {
    return { id: claim.id, error: errorData(cause), seconds: seconds() };
  }
}

function eulerOrderOfModel(model: TrainedModel): Finding {
  const { backend, layout } = model.problem;
  const depths = depthsFrom(layout.layers);
  const errors = measureEulerErrors(backend, experimentOf(model, refinedSamples), depths);
  return ofTrained(() => eulerOrderConclusion(depths, [errors]));
}

/** A finding about a trained model, which stands in place of an instance. */
function ofTrained(conclude: () => Conclusion): Finding {
  return concludeClaim({ conclude }, [], { given: 'the model trained in this run', seed: 0 });
}

function costateOrderOfModel(model: TrainedModel): Finding {
  const { backend, layout } = model.problem;
  const depths = depthsFrom(layout.layers);
  const errors = measureCostateErrors(backend, experimentOf(model, refinedSamples), depths);
  return ofTrained(() => costateOrderConclusion(depths, [errors]));
}

function terminalCostateOfModel(model: TrainedModel): Finding {
  const { problem } = model;
  const { backend, field, tokens } = problem;
  const probed = probedModel(model, probedSamples);
  const { states, costates } = problem.trace(probed.parameters, probed.batch);
  if (costates.length === 0) throw diverged();
  const loss = terminalLossOf(probed);
  const { samples } = probed.batch;
  const sizes = { dimension: field.dimension, tokens, samples };
  const comparison = compareTerminalCostate(backend, loss, states.last, sizes);
  const path = { trajectory: states, costates };
  const bound = measureCostateBound(backend, { field, tokens, samples }, path, loss);
  const { precision } = backend;
  return ofTrained(() => terminalCostateConclusion([{ precision, comparison, bound }]));
}

function gradientOfModel(model: TrainedModel): Finding {
  const { backend, layout } = model.problem;
  const factors = depthsFrom(layout.layers).map((layers) => layers / layout.layers);
  const comparison = compareGradients(probedModel(model, refinedSamples), {
    factors,
    fineFactor: Math.max(2, Math.ceil(128 / layout.layers)),
    directions: 3,
    seed: 1,
  });
  return ofTrained(() => gradientConclusion([{ precision: backend.precision, comparison }]));
}

function hamiltonianOfTrained(model: TrainedModel): Conclusion {
  const { layers } = model.problem.layout;
  const looked = [...new Set([0, Math.floor(layers / 2), layers - 1])];
  const probed = { ...model, batch: model.probe };
  const record = recordHamiltonian(probed, { layers: looked, iterations: 20 });
  if (record === undefined) throw diverged();
  return hamiltonianOfModel(record);
}

/** The model's layers and their doublings. */
function depthsFrom(layers: number): number[] {
  const depths = [layers];
  while (depths.length < 5 || 2 * depths[depths.length - 1] <= finestLayers) {
    depths.push(2 * depths[depths.length - 1]);
  }
  return depths;
}

function probedModel({ problem, parameters, probe }: TrainedModel, samples: number): ControlModel {
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
  refuse('layers', layers, `a multiple of the model's ${base} layers`);
}

function diverged(): MesoscopeError {
  return new MesoscopeError({
    code: 'unsupported',
    what: 'the flow of the trained model diverges',
    by: 'a claim about its costates',
    wayOut: 'Train longer or at a smaller rate, or on more layers.',
  });
}
