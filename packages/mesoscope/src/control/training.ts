import type { DepthEngine } from '../flow/depth-engine.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { refuse } from '../numeric/checks.ts';
import type { Batch } from './batch.ts';
import { initialParameters } from './parameters.ts';
import type { ControlProblem } from './problem.ts';
import {
  type Prolongation,
  type RefinementStage,
  type RefinementState,
  refineDepth,
} from './refinement.ts';
import { adam, type RateSchedule, type SolverStatus } from './solvers/index.ts';

/** What is trained: a control problem at any depth, and samples that are drawn at random. */
export interface TrainingSubject {
  /** Samples of a step. */
  readonly batch: number;
  /** The problem on that many layers. */
  problem(layers: number): ControlProblem;
  /** The samples of a step counted over all stages: of seed and step alone, so that a training can be continued. */
  draw(seed: number, step: number): Batch;
  /** Mean cross-entropy in nats on samples that are not trained on. */
  validate(problem: ControlProblem, parameters: FloatArray): number;
}

/** How it is trained. */
export interface TrainingSchedule {
  readonly seed: number;
  /** One stage: training at one depth from a random start. */
  readonly stages: readonly RefinementStage[];
  /** Default `repeat`. */
  readonly prolongation?: Prolongation;
  /** At a step counted over all stages. */
  readonly rate: RateSchedule;
  /** Steps between two records. */
  readonly reportEvery: number;
  /** Where it begins, at the depth of the first stage; default a random start of the seed. */
  readonly start?: FloatArray;
}

/** One line of a training's record. */
export interface TrainingRecord {
  /** L. */
  readonly layers: number;
  /** Steps taken over all depths. */
  readonly step: number;
  /** Training time so far, validation not counted, over all interrupted runs. */
  readonly seconds: number;
  /** Gradients of single layers on single samples so far: Σ steps × layers × batch. */
  readonly layerGradients: number;
  /** Mean cross-entropy in nats over the batches since the last record. */
  readonly loss: number;
  /** In nats. */
  readonly validationLoss: number;
}

/** A training in plain arrays and numbers: all that is needed to continue it. */
export interface TrainingState {
  readonly refinement: RefinementState;
  readonly records: readonly TrainingRecord[];
  /** Since the last record: steps, the sum of their losses, and their time in seconds. */
  readonly window: TrainingWindow;
}

export interface TrainingWindow {
  readonly steps: number;
  readonly loss: number;
  readonly seconds: number;
}

export interface TrainingHost {
  readonly resume?: TrainingState;
  /** After every step, with the steps, and steps times layers, so far. */
  progress?(done: { readonly steps: number; readonly layerSteps: number }, label: string): void;
  /** After every record; each stage ends with one. */
  record?(record: TrainingRecord, state: () => TrainingState): Promise<void>;
  readonly signal?: AbortSignal;
  /** What runs the layers of a problem; default its own flow, which copies nothing. */
  engine?(problem: ControlProblem): DepthEngine;
}

export interface TrainingResult extends TrainingState {
  readonly status: SolverStatus;
}

/**
 * Refuses a batch that is larger than the samples it is drawn from.
 *
 * @throws MesoscopeError `invalid-value`
 */
export function checkBatch(batch: number, samples: number): void {
  if (batch <= samples) return;
  refuse(
    'batch',
    batch,
    `at most ${samples}, the samples to train on`,
    'Take a smaller batch, or more data.',
  );
}

/** Steps times layers of all stages. */
export function trainingWork(stages: readonly RefinementStage[]): number {
  return stages.reduce((sum, { steps, layers }) => sum + steps * layers, 0);
}

/**
 * Trains with Adam, by depth refinement where there is more than one stage. Deterministic but for the seconds, for a
 * seed, on any number of threads and when it is continued.
 *
 * @throws MesoscopeError `invalid-value`, `shape-mismatch`, `out-of-memory`
 */
export async function trainFlow(
  backend: Backend,
  subject: TrainingSubject,
  schedule: TrainingSchedule,
  host: TrainingHost = {},
): Promise<TrainingResult> {
  const { stages, prolongation, reportEvery } = schedule;
  const stepsBefore = (stage: number) =>
    stages.slice(0, stage).reduce((sum, { steps }) => sum + steps, 0);
  const records = [...(host.resume?.records ?? [])];
  let window = host.resume?.window ?? { steps: 0, loss: 0, seconds: 0 };
  let clock = performance.now();
  let problem: ControlProblem;
  const { status, state } = await refineDepth({
    backend,
    stages,
    prolongation,
    rule: adam(),
    rate: (stage) => (step) => schedule.rate(stepsBefore(stage) + step),
    start: host.resume?.refinement ?? startOf(backend, subject, schedule),
    problem: ({ layers }, stage) => {
      problem = subject.problem(layers);
      const { layout, grid } = problem;
      const engine = host.engine?.(problem);
      return {
        layout,
        grid,
        objective: {
          gradient: (parameters, step, out) => {
            const batch = subject.draw(schedule.seed, stepsBefore(stage) + step);
            return engine === undefined
              ? problem.gradient(parameters, batch, out)
              : problem.gradientBy(engine, parameters, batch, out);
          },
        },
      };
    },
    async report(values, state) {
      const now = performance.now();
      window = {
        steps: window.steps + 1,
        loss: window.loss + values.loss,
        seconds: window.seconds + (now - clock) / 1000,
      };
      clock = now;
      const { layers, steps: stageSteps } = stages[values.stage];
      const steps = stepsBefore(values.stage) + values.step + 1;
      const layerSteps = trainingWork(stages.slice(0, values.stage)) + (values.step + 1) * layers;
      host.progress?.({ steps, layerSteps }, `${layers} layers`);
      if ((values.step + 1) % reportEvery !== 0 && values.step + 1 !== stageSteps) return;
      const record = {
        layers,
        step: steps,
        seconds: (records.at(-1)?.seconds ?? 0) + window.seconds,
        layerGradients: layerSteps * subject.batch,
        loss: window.loss / window.steps,
        validationLoss: subject.validate(problem, values.parameters),
      };
      window = { steps: 0, loss: 0, seconds: 0 };
      records.push(record);
      await host.record?.(record, () => ({ refinement: state(), records: [...records], window }));
      clock = performance.now();
    },
    signal: host.signal,
  });
  return { status, refinement: state, records, window };
}

function startOf(
  backend: Backend,
  subject: TrainingSubject,
  { start, stages, seed }: TrainingSchedule,
): RefinementState {
  if (start !== undefined) return { stage: 0, step: 0, parameters: start, memory: {} };
  return backend.scoped(() => {
    const { field, layout } = subject.problem(stages[0].layers);
    return { stage: 0, step: 0, parameters: initialParameters(field, layout, seed), memory: {} };
  });
}
