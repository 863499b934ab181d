import { createControlProblem } from '../../control/create-problem.ts';
import type { ControlProblem } from '../../control/problem.ts';
import {
  cosineRate,
  type SolverStatus,
  solverStatusSentence,
} from '../../control/solvers/index.ts';
import {
  checkBatch,
  type TrainingHost,
  type TrainingRecord,
  type TrainingSchedule,
  type TrainingSubject,
  trainFlow,
} from '../../control/training.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
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
 * Training on the training part of a text, watched on sequences of its validation part.
 *
 * @throws MesoscopeError `invalid-value` for a batch of more sequences than the training part has
 */
export function textTraining(
  backend: Backend,
  corpus: Corpus,
  configuration: TextFlowConfiguration,
): TrainingSubject {
  const { batch, context } = configuration;
  checkBatch(batch, corpus.training.length - context);
  const classes = corpus.vocabulary.classes.length;
  const starts = evenStarts(corpus.validation, context, configuration.reportSequences);
  return {
    batch,
    problem: (layers) => createTextProblem(backend, configuration, classes, layers),
    draw(seed, step) {
      const stream = randomStream(seed, 'training sequences', step);
      const drawn = Int32Array.from({ length: batch }, () =>
        stream.integer(corpus.training.length - context),
      );
      return sequencesAt(corpus.training, drawn, context);
    },
    validate: (problem, parameters) =>
      heldOutBits(problem, parameters, corpus.validation, starts).bits * Math.LN2,
  };
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
  host: TrainingHost = {},
): Promise<TrainedText> {
  checkTextFlow(configuration);
  const { stages } = configuration;
  const corpus = prepareCorpus(text, configuration);
  const subject = textTraining(backend, corpus, configuration);
  const trained = await trainFlow(backend, subject, textSchedule(configuration), host);
  const { status, records } = trained;
  const { stage, parameters: reached } = trained.refinement;
  const { layers } = stages[stage];
  const classes = corpus.vocabulary.classes.length;
  const problem = createTextProblem(backend, configuration, classes, layers);
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(reached);
  return {
    status: { kind: outcome(status), message: solverStatusSentence(status) },
    problem,
    parameters,
    records,
    ...measureText(problem, parameters, corpus, configuration),
  };
}

/** Warm-up, then a cosine over all steps. */
export function textSchedule(configuration: TextFlowConfiguration): TrainingSchedule {
  const { seed, stages, prolongation, rate, warmUp, reportEvery } = configuration;
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  return {
    seed,
    stages,
    prolongation,
    reportEvery,
    rate: cosineRate({ rate, warmUp, steps }),
  };
}

/** A trained flow on the held-out part, beside the bigram model of the training part on the same characters. */
export function measureText(
  problem: ControlProblem,
  parameters: FloatArray,
  corpus: Corpus,
  { context, finalSequences, batch }: TextFlowConfiguration,
): Pick<TrainedText, 'corpus' | 'heldOut' | 'bigram' | 'probe'> {
  const starts = evenStarts(corpus.heldOut, context, finalSequences);
  const final = sequencesAt(corpus.heldOut, starts, context);
  const model = fitBigram(corpus.training, problem.classes);
  return {
    corpus,
    heldOut: heldOutBits(problem, parameters, corpus.heldOut, starts),
    bigram: { model, bits: bigramBits(model, final.tokens, final.labels) },
    probe: sequencesAt(corpus.heldOut, evenStarts(corpus.heldOut, context, batch), context),
  };
}

function outcome(status: SolverStatus): TrainedText['status']['kind'] {
  if (status.kind === 'aborted') return 'interrupted';
  return status.kind === 'diverged' ? 'diverged' : 'completed';
}
