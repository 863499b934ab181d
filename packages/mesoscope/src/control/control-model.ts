import type { FloatArray } from '../kernels/backend.ts';
import type { Batch } from './batch.ts';
import { type ParameterPart, partOf } from './parameters.ts';
import type { ControlProblem } from './problem.ts';
import { createTerminalLoss, type TerminalLoss } from './terminal-loss.ts';

/** Parameters of a control problem, trained or not, and samples to look at them with. */
export interface ControlModel {
  readonly problem: ControlProblem;
  /** In the backend's memory. */
  readonly parameters: FloatArray;
  readonly batch: Batch;
}

/** The readout and labels of a model as a loss at the end of any flow. */
export function terminalLossOf({ problem, parameters, batch }: ControlModel): TerminalLoss {
  const { backend, field, tokens, classes, layout, options } = problem;
  const { pooling = 'position', normalisation = 'none' } = options;
  const shape = { dimension: field.dimension, tokens, samples: batch.samples };
  return createTerminalLoss(backend, shape, {
    readout: partOf(layout, parameters, 'readout'),
    classes,
    labels: batch.labels,
    weights: batch.weights,
    pooling,
    normalisation,
  });
}

/** h_0 of the model's samples, S states d × n in the backend's memory. */
export function initialStatesOf({ problem, parameters, batch }: ControlModel): FloatArray {
  const states = problem.backend.allocate(batch.samples * problem.stateLength);
  problem.backend.scoped(() => {
    states.set(problem.trace(parameters, batch).states.state(0));
  });
  return states;
}

/** Whether a part is trained: present and not frozen. */
export function isTrained(problem: ControlProblem, part: ParameterPart): boolean {
  return problem.layout[part].length > 0 && !problem.options.frozen?.includes(part);
}

/** The first samples of a batch. */
export function firstSamples(problem: ControlProblem, batch: Batch, most: number): Batch {
  const samples = Math.min(batch.samples, most);
  const { tokens: n, columns, field } = problem;
  const head = (values: ArrayLike<number>, each: number) =>
    Array.from({ length: samples * each }, (_, i) => values[i]);
  return {
    samples,
    labels: head(batch.labels, columns),
    tokens: batch.tokens && head(batch.tokens, n),
    states: batch.states && head(batch.states, n * field.dimension),
    weights: batch.weights && head(batch.weights, columns),
  };
}
