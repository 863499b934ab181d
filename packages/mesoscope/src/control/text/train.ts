import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { createControlProblem } from '../create-problem.ts';
import { initialParameters } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import { type RefinementState, refineDepth } from '../refinement.ts';
import {
  adam,
  cosineRate,
  type SolverStatus,
  type StepReport,
  solverStatusSentence,
} from '../solvers/index.ts';
import { type BigramModel, bigramBits, fitBigram } from './bigram.ts';
import { checkTextFlow, type TextFlowConfiguration } from './configuration.ts';
import {
  type Corpus,
  evenStarts,
  prepareCorpus,
  type SequenceBatch,
  sequencesAt,
} from './corpus.ts';
import { type HeldOutBits, heldOutBits } from './held-out.ts';
import {
  newProgress,
  packTraining,
  type TrainingCheckpoint,
  type TrainingRecord,
  unpackTraining,
} from './history.ts';

/** What a training tells its host, and how the host steers it. A study's context is one. */
export interface TextTrainingHost {
  /** A {@link TrainingRecord} with `phase: 'train'`. */
  metric?(record: Readonly<Record<string, number | string>>): void;
  /** Steps `done` of `total`. */
  progress?(done: number, total: number, label: string): void;
  /** Called after each record, and where the training stops: it can continue from there. */
  checkpoint?(make: () => TrainingCheckpoint): Promise<void>;
  /** Where to continue from; made by the same configuration and text. */
  readonly resume?: TrainingCheckpoint;
  readonly signal?: AbortSignal;
}

/** A trained next-character flow, beside the bigram model it has to beat. */
export interface TrainedText {
  readonly status: {
    readonly kind: 'completed' | 'diverged' | 'interrupted';
    readonly message: string;
  };
  readonly corpus: Corpus;
  /** At the depth reached; lives in the caller's scope, as the parameters do. */
  readonly problem: ControlProblem;
  readonly parameters: FloatArray;
  readonly records: readonly TrainingRecord[];
  /** On the final held-out sequences; NaN where the training diverged. */
  readonly heldOut: HeldOutBits;
  /** The bigram model on the same characters. */
  readonly bigram: { readonly model: BigramModel; readonly bits: number };
  /** Held-out sequences, as many as a batch holds: for certificates. */
  readonly probe: SequenceBatch;
}

/** The control problem of a configuration at a depth. */
export function createTextProblem(
  backend: Backend,
  configuration: TextFlowConfiguration,
  classes: number,
  layers: number,
): ControlProblem {
  const { dimension, heads, keyDimension, hidden, activation, normalisation } = configuration;
  return createControlProblem(backend, {
    field: transformerBlock({
      dimension,
      heads,
      keyDimension,
      hidden,
      activation,
      normalisation,
      causal: true,
      output: true,
    }),
    grid: uniformGrid(configuration.horizon, layers),
    tokens: configuration.context,
    samples: configuration.batch,
    classes,
    vocabulary: classes,
    normalisation,
    regularisation: configuration.regularisation,
    smoothness: configuration.smoothness,
  });
}

/**
 * Trains a causal transformer on a text as a control problem over depth, by depth refinement with Adam, and measures
 * it beside a bigram model. Deterministic for a seed on any number of threads, and when it is continued.
 *
 * @throws MesoscopeError `invalid-value` (configuration, empty corpus, context longer than the text), `out-of-memory`
 */
export async function trainTextFlow(
  backend: Backend,
  text: string,
  configuration: TextFlowConfiguration,
  host: TextTrainingHost = {},
): Promise<TrainedText> {
  checkTextFlow(configuration);
  const { context, stages, batch, reportEvery } = configuration;
  const corpus = prepareCorpus(text, configuration);
  const classes = corpus.vocabulary.classes.length;
  const totalSteps = stages.reduce((sum, { steps }) => sum + steps, 0);
  const stepsBefore = (stage: number) =>
    stages.slice(0, stage).reduce((sum, { steps }) => sum + steps, 0);
  const { rate, warmUp } = configuration;
  const schedule = cosineRate({ rate, warmUp, steps: totalSteps });
  const reportStarts = evenStarts(corpus.validation, context, configuration.reportSequences);
  const { state: start, progress } =
    host.resume === undefined
      ? { state: initialState(backend, configuration, classes), progress: newProgress() }
      : unpackTraining(host.resume);
  let problem: ControlProblem;
  let clock = performance.now();

  async function report(
    values: StepReport & { readonly stage: number; readonly parameters: FloatArray },
    state: () => RefinementState,
  ): Promise<void> {
    const { layers, steps } = stages[values.stage];
    const now = performance.now();
    progress.windowSeconds += (now - clock) / 1000;
    clock = now;
    progress.lossSum += values.loss;
    progress.lossCount += 1;
    const step = stepsBefore(values.stage) + values.step + 1;
    host.progress?.(step, totalSteps, `${layers} layers`);
    if ((values.step + 1) % reportEvery !== 0 && values.step + 1 !== steps) return;
    progress.seconds += progress.windowSeconds;
    const record: TrainingRecord = {
      layers,
      step,
      seconds: progress.seconds,
      loss: progress.lossSum / progress.lossCount,
      heldOutBits: heldOutBits(problem, values.parameters, corpus.validation, reportStarts).bits,
      sequencesPerSecond: (progress.lossCount * batch) / progress.windowSeconds,
    };
    progress.records.push(record);
    Object.assign(progress, { lossSum: 0, lossCount: 0, windowSeconds: 0 });
    host.metric?.({ phase: 'train', ...record });
    await host.checkpoint?.(() => packTraining(state(), progress));
    clock = performance.now();
  }

  const { status, state } = await refineDepth({
    backend,
    stages,
    prolongation: configuration.prolongation,
    rule: adam(),
    rate: (stage) => (step) => schedule(stepsBefore(stage) + step),
    start,
    problem: ({ layers }, stage) => {
      problem = createTextProblem(backend, configuration, classes, layers);
      const { layout, grid } = problem;
      const draw = (step: number) => drawBatch(corpus, configuration, stepsBefore(stage) + step);
      return {
        layout,
        grid,
        objective: {
          gradient: (parameters, step, out) => problem.gradient(parameters, draw(step), out),
        },
      };
    },
    report,
    ...(host.signal === undefined ? {} : { signal: host.signal }),
  });
  if (status.kind === 'aborted' || status.kind === 'diverged') {
    await host.checkpoint?.(() => packTraining(state, progress));
  }

  const reached = createTextProblem(backend, configuration, classes, stages[state.stage].layers);
  const parameters = backend.allocate(reached.layout.length);
  parameters.set(state.parameters);
  const finalStarts = evenStarts(corpus.heldOut, context, configuration.finalSequences);
  const final = sequencesAt(corpus.heldOut, finalStarts, context);
  const model = fitBigram(corpus.training, classes);
  return {
    status: { kind: outcome(status), message: solverStatusSentence(status) },
    corpus,
    problem: reached,
    parameters,
    records: progress.records,
    heldOut: heldOutBits(reached, parameters, corpus.heldOut, finalStarts),
    bigram: { model, bits: bigramBits(model, final.tokens, final.labels) },
    probe: sequencesAt(corpus.heldOut, evenStarts(corpus.heldOut, context, batch), context),
  };
}

function initialState(
  backend: Backend,
  configuration: TextFlowConfiguration,
  classes: number,
): RefinementState {
  const { stages, seed } = configuration;
  return backend.scoped(() => {
    const { field, layout } = createTextProblem(backend, configuration, classes, stages[0].layers);
    const parameters = initialParameters(field, layout, seed);
    return { stage: 0, step: 0, parameters, memory: {} };
  });
}

/** The sequences of a step, from a random stream of its own. */
function drawBatch(
  corpus: Corpus,
  { seed, batch, context }: TextFlowConfiguration,
  step: number,
): SequenceBatch {
  const stream = randomStream(seed, 'training sequences', step);
  const starts = Int32Array.from({ length: batch }, () =>
    stream.integer(corpus.training.length - context),
  );
  return sequencesAt(corpus.training, starts, context);
}

function outcome(status: SolverStatus): TrainedText['status']['kind'] {
  if (status.kind === 'aborted') return 'interrupted';
  return status.kind === 'diverged' ? 'diverged' : 'completed';
}
