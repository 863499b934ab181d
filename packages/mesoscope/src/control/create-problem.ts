import { piecewiseConstantControls } from '../flow/controls.ts';
import type { DepthEngine } from '../flow/depth-engine.ts';
import { createFlow } from '../flow/flow.ts';
import { createFlowEngine } from '../flow/flow-engine.ts';
import { checkGrid, layerCount } from '../flow/grid.ts';
import { euler } from '../flow/scheme.ts';
import type { Checkpoints, Trajectory } from '../flow/trajectory.ts';
import type { FlowStatus } from '../flow/types.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { stateLength } from '../kernels/program.ts';
import { type Batch, createBatchBuffers } from './batch.ts';
import { createEmbedding, type EmbeddingRun } from './embedding.ts';
import { controlLayout, type ParameterPart, partOf } from './parameters.ts';
import { checkPenalty, controlPenalty } from './penalty.ts';
import type { ControlProblem, ControlProblemOptions, ControlTrace, Evaluation } from './problem.ts';
import { checkProblem } from './problem-checks.ts';
import { createReadout } from './readout.ts';

const completed: FlowStatus = { kind: 'completed' };

/**
 * Prepares a control problem on a backend; its buffers live in the caller's scope.
 *
 * @throws MesoscopeError `invalid-value`, `shape-mismatch`, `out-of-memory`
 */
export function createControlProblem(
  backend: Backend,
  options: ControlProblemOptions,
): ControlProblem {
  const { field, grid, tokens, samples, classes } = options;
  const { scheme = euler, vocabulary = 0, positions = vocabulary > 0, frozen = [] } = options;
  const { pooling = 'position', normalisation = 'none', checkpoints: kept = 'all' } = options;
  const penalty = {
    regularisation: options.regularisation ?? 0,
    smoothness: options.smoothness ?? 0,
    reference: options.reference,
  };
  checkGrid(grid);
  checkPenalty(penalty, field.parameters.length);
  checkProblem({ tokens, samples, classes, vocabulary, positions });
  const d = field.dimension;
  const layers = layerCount(grid);
  const layout = controlLayout({ field, tokens, layers, classes, vocabulary, positions });
  const size = stateLength(d, tokens);
  const flow = createFlow(backend, { field, tokens, samples, scheme });
  const readout = createReadout(backend, { dimension: d, tokens, classes, pooling, normalisation });
  const embedding =
    vocabulary > 0
      ? createEmbedding(backend, { dimension: d, tokens, vocabulary, positions })
      : undefined;
  const { columns } = readout;
  const batchShape = { samples, tokens, dimension: d, vocabulary, classes, columns };
  const buffers = createBatchBuffers(backend, batchShape);
  const initial = backend.allocate(samples * size);
  const costate = backend.allocate(samples * size);
  const logitsLength = stateLength(classes, columns);
  const logits = backend.allocate(samples * logitsLength);
  const residual = backend.allocate(samples * logitsLength);
  const labelStride = columnStride(columns);
  const loss = backend.allocate(samples * labelStride);
  const squareStride = stateLength(1, 1);
  const residualSquare = backend.allocate(samples * squareStride);
  const trained = (part: ParameterPart) => layout[part].length > 0 && !frozen.includes(part);

  function embeddingRun(parameters: FloatArray, count: number): EmbeddingRun {
    return {
      samples: count,
      tokens: buffers.tokens,
      table: partOf(layout, parameters, 'embedding'),
      positions: partOf(layout, parameters, 'positions'),
    };
  }

  /** The inputs, already loaded, to h_T. */
  function forward(parameters: FloatArray, count: number, checkpoints: Checkpoints): Trajectory {
    embedding?.forward(embeddingRun(parameters, count), initial);
    const nodes = partOf(layout, parameters, 'controls');
    return flow.forward({
      grid,
      controls: piecewiseConstantControls(grid, layout.parametersPerLayer, nodes),
      initial: initial.subarray(0, count * size),
      checkpoints,
    });
  }

  /** Logits, losses and residuals of h_T. */
  function read(parameters: FloatArray, count: number, state: FloatArray): void {
    readout.forward({
      samples: count,
      state,
      readout: partOf(layout, parameters, 'readout'),
      labels: buffers.labels,
      weights: buffers.weights,
      loss,
      logits,
      residual,
      residualSquare,
    });
  }

  /** Runs a batch to its loss. */
  function run(
    parameters: FloatArray,
    batch: Batch,
    checkpoints: Checkpoints,
  ): { evaluation: Evaluation; states: Trajectory; totalWeight: number } {
    buffers.loadInputs(batch, initial);
    const totalWeight = buffers.loadLabels(batch);
    const states = forward(parameters, batch.samples, checkpoints);
    return {
      evaluation: judge(parameters, batch.samples, states, totalWeight),
      states,
      totalWeight,
    };
  }

  /** The loss and the penalty of a trajectory. */
  function judge(
    parameters: FloatArray,
    samples: number,
    { status, last }: Pick<Trajectory, 'status' | 'last'>,
    totalWeight: number,
  ): Evaluation {
    if (status.kind !== 'completed') {
      return { loss: NaN, penalty: NaN, objective: NaN, residualNorm: NaN, flow: status };
    }
    read(parameters, samples, last);
    let total = 0;
    let square = 0;
    let weightSquare = 0;
    for (let s = 0; s < samples; s++) {
      square += residualSquare[s * squareStride];
      for (let i = s * labelStride; i < s * labelStride + columns; i++) {
        total += loss[i];
        weightSquare += buffers.weights[i] ** 2;
      }
    }
    const value = total / totalWeight;
    const cost = controlPenalty(partOf(layout, parameters, 'controls'), grid, penalty);
    return {
      loss: value,
      penalty: cost,
      objective: value + cost,
      residualNorm: Math.sqrt(square / weightSquare),
      flow: status,
    };
  }

  /** p_T, scaled, into `into`; and U's gradient where it is wanted. */
  function pullBackReadout(
    parameters: FloatArray,
    { samples, last }: Pick<Trajectory, 'samples' | 'last'>,
    scale: number,
    into: FloatArray,
    readoutGradient?: FloatArray,
  ): void {
    readout.backward({
      samples,
      state: last,
      readout: partOf(layout, parameters, 'readout'),
      residual,
      scale,
      costate: into,
      readoutGradient,
    });
  }

  function gradient(parameters: FloatArray, batch: Batch, out: FloatArray): Evaluation {
    return backend.scoped(() => {
      const { evaluation, states, totalWeight } = run(parameters, batch, kept);
      out.fill(0);
      if (evaluation.flow.kind !== 'completed') return evaluation;
      const terminal = costate.subarray(0, batch.samples * size);
      const readoutGradient = trained('readout') ? partOf(layout, out, 'readout') : undefined;
      pullBackReadout(parameters, states, 1 / totalWeight, terminal, readoutGradient);
      const controlGradient = partOf(layout, out, 'controls');
      const adjoint = flow.backward({
        trajectory: states,
        terminalCostate: terminal,
        gradient: trained('controls') ? controlGradient : undefined,
      });
      pullBackEmbedding(embeddingRun(parameters, batch.samples), adjoint.initial, out);
      if (trained('controls')) {
        controlPenalty(partOf(layout, parameters, 'controls'), grid, penalty, controlGradient);
      }
      return evaluation;
    });
  }

  async function gradientBy(
    engine: DepthEngine,
    parameters: FloatArray,
    batch: Batch,
    out: FloatArray,
  ): Promise<Evaluation> {
    buffers.loadInputs(batch, initial);
    const totalWeight = buffers.loadLabels(batch);
    const embedded = embeddingRun(parameters, batch.samples);
    embedding?.forward(embedded, initial);
    out.fill(0);
    const terminal = costate.subarray(0, batch.samples * size);
    const readoutGradient = trained('readout') ? partOf(layout, out, 'readout') : undefined;
    let evaluation: Evaluation | undefined;
    const { status, last, adjoint } = await engine.gradient({
      grid,
      controls: piecewiseConstantControls(
        grid,
        layout.parametersPerLayer,
        partOf(layout, parameters, 'controls'),
      ),
      initial: initial.subarray(0, batch.samples * size),
      terminalCostate(end) {
        // The readout works in the backend's memory; the inputs there have been handed over.
        const here = initial.subarray(0, end.length);
        here.set(end);
        evaluation = judge(
          parameters,
          batch.samples,
          { status: completed, last: here },
          totalWeight,
        );
        const states = { samples: batch.samples, last: here };
        pullBackReadout(parameters, states, 1 / totalWeight, terminal, readoutGradient);
        return terminal;
      },
    });
    if (evaluation === undefined || adjoint === undefined) {
      return judge(parameters, batch.samples, { status, last }, totalWeight);
    }
    if (trained('controls')) {
      const controlGradient = partOf(layout, out, 'controls');
      controlGradient.set(adjoint.gradient);
      controlPenalty(partOf(layout, parameters, 'controls'), grid, penalty, controlGradient);
    }
    terminal.set(adjoint.initial);
    pullBackEmbedding(embedded, terminal, out);
    return evaluation;
  }

  function pullBackEmbedding(run: EmbeddingRun, costate: FloatArray, out: FloatArray): void {
    if (embedding === undefined) return;
    const tableGradient = partOf(layout, out, 'embedding');
    const positionsGradient = partOf(layout, out, 'positions');
    embedding.backward({ ...run, costate, tableGradient, positionsGradient });
    if (frozen.includes('embedding')) tableGradient.fill(0);
    if (frozen.includes('positions')) positionsGradient.fill(0);
  }

  function trace(parameters: FloatArray, batch: Batch): ControlTrace {
    const { evaluation, states, totalWeight } = run(parameters, batch, 'all');
    const copy = (source: FloatArray, length: number): FloatArray => {
      const target = backend.allocate(batch.samples * length);
      target.set(source.subarray(0, batch.samples * length));
      return target;
    };
    const terminalCostate = backend.allocate(batch.samples * size);
    const result = {
      evaluation,
      states,
      logits: copy(logits, logitsLength),
      residual: copy(residual, logitsLength),
      terminalCostate,
    };
    if (evaluation.flow.kind !== 'completed') return { ...result, costates: [] };
    pullBackReadout(parameters, states, batch.samples / totalWeight, terminalCostate);
    const { all = [] } = flow.backward({
      trajectory: states,
      terminalCostate,
      keepCostates: true,
    });
    return { ...result, costates: all };
  }

  return {
    backend,
    options,
    field,
    grid,
    scheme,
    layout,
    penalty,
    tokens,
    samples,
    classes,
    columns,
    stateLength: size,
    evaluate: (parameters, batch) =>
      backend.scoped(() => run(parameters, batch, 'ends').evaluation),
    sampleLosses: (parameters, batch, out) =>
      backend.scoped(() => {
        const { evaluation, totalWeight } = run(parameters, batch, 'ends');
        const completed = evaluation.flow.kind === 'completed';
        for (let s = 0; s < batch.samples; s++) {
          let total = completed ? 0 : NaN;
          for (let i = 0; i < columns; i++) total += loss[s * labelStride + i];
          out[s] = (total * batch.samples) / totalWeight;
        }
        return evaluation;
      }),
    gradient,
    gradientBy,
    logits: (parameters, inputs) =>
      backend.scoped(() => {
        buffers.loadInputs(inputs, initial);
        buffers.clearLabels();
        const states = forward(parameters, inputs.samples, 'ends');
        if (states.status.kind === 'completed') read(parameters, inputs.samples, states.last);
        else logits.fill(NaN);
        return logits.subarray(0, inputs.samples * logitsLength);
      }),
    trace,
  };
}

/**
 * The CPU's depth engine for the layers of a problem: what {@link ControlProblem.gradientBy} takes where no device is at hand. Its
 * buffers live in the caller's scope.
 *
 * @throws MesoscopeError `out-of-memory`
 */
export function createProblemEngine({
  backend,
  field,
  tokens,
  samples,
  scheme,
  options: { checkpoints = 'all' },
}: ControlProblem): DepthEngine {
  return createFlowEngine(backend, { field, tokens, samples, scheme, checkpoints });
}
