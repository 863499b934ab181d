import { kernelSpectrum } from '../../ensemble/attention-kernel.ts';
import { createGaussianMap } from '../../ensemble/gaussian-map.ts';
import { ensembleInputs, sampledInputs } from '../../ensemble/inputs.ts';
import { ensembleDistance } from '../../ensemble/movement.ts';
import { ensembleLayout, headsAt, randomEnsemble } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { crossEntropyLoss, squareLoss, type TokenLoss } from '../../ensemble/token-loss.ts';
import type { TokenMap } from '../../ensemble/token-map.ts';
import {
  type EnsembleRecord,
  type EnsembleTrainingStatus,
  energyRatio,
  trainEnsemble,
} from '../../ensemble/training.ts';
import type { Backend } from '../../kernels/backend.ts';
import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import { identity } from '../../numeric/matrix.ts';
import type { PieceContext } from '../study.ts';
import type { EnsembleTask } from './problems.ts';
import type { EnsembleTraining } from './schema.ts';

/** What is known at one report. */
export interface EnsembleReport extends EnsembleRecord {
  readonly steps: number;
  /** Mean over the steps since the last report of `ΔL / (−‖∇L‖² Δτ)`; 1 at the start. */
  readonly energyRatio: number;
  /** `W_2` from the start, at each depth. */
  readonly movement: readonly number[];
  /** λ_min/λ_max of the attention kernel at each depth; empty where the kernel is too large to follow. */
  readonly kernel: readonly number[];
  /** λ_max of the same kernels. */
  readonly lambdaMax: readonly number[];
}

export interface EnsembleRun {
  readonly map: TokenMap;
  readonly theta: Float64Array;
  readonly status: EnsembleTrainingStatus;
  readonly reports: readonly EnsembleReport[];
}

/** Kernels up to this many rows are followed over training. */
const followedKernel = 300;

/** The task of a configuration: the preset's, or the user's own. @throws MesoscopeError `invalid-value` */
export function taskOf(
  {
    contexts,
    tokens,
    targets,
    seed,
  }: Pick<EnsembleTraining, 'seed' | 'contexts' | 'tokens'> & {
    readonly targets?: number[][] | undefined;
  },
  preset: (seed: number) => EnsembleTask,
): EnsembleTask {
  if (contexts === undefined) {
    const made = preset(seed);
    return { ...made, tokens: tokens ?? made.tokens, targets: targets ?? made.targets };
  }
  if (tokens === undefined) {
    refuse('tokens', undefined, 'a token for each context');
  }
  return { contexts, tokens, targets: targets ?? [] };
}

/** The forward pass of a configuration: exact for Gaussian contexts, by particles for others. */
export function createTokenMap(
  backend: Backend,
  configuration: EnsembleTraining,
  task: EnsembleTask,
): TokenMap {
  const { layers, heads, keyDimension, affine, contextPoints, seed } = configuration;
  const inputs = ensembleInputs(task.contexts, task.tokens);
  const layout = ensembleLayout({
    dimension: inputs.dimension,
    keyDimension: keyDimension ?? inputs.dimension,
    layers,
    heads,
    affine,
  });
  return !affine && inputs.contexts.every((law) => law.kind === 'gaussian')
    ? createGaussianMap({ layout, inputs })
    : createParticleMap(backend, {
        layout,
        inputs: sampledInputs(inputs, { points: contextPoints, seed }),
        checkpoints: 'sqrt',
      });
}

/** The loss of a configuration; logits of cross-entropy are the final token's coordinates. */
export function createTokenLoss(
  { loss, labels }: EnsembleTraining,
  { targets, tokens }: EnsembleTask,
): TokenLoss {
  const d = tokens[0].length;
  const samples = tokens.length;
  const given = loss === 'square' ? targets : (labels ?? targets);
  if (given.length !== samples) {
    throw shapeMismatch(loss === 'square' ? 'targets' : 'labels', [given.length], [samples]);
  }
  if (loss === 'square') return squareLoss(targets, d);
  return crossEntropyLoss(labels ?? targets.map((y) => (y[0] > 0 ? 1 : 0)), identity(d));
}

/** From where a training goes on. */
interface Under {
  readonly theta: Float64Array;
  readonly step: number;
  readonly taken: number;
  /** Steps until the next report. */
  readonly chunk: number;
  readonly reports: readonly EnsembleReport[];
}

/** Trains a law of heads report by report; continues from a checkpoint to the same numbers. */
export async function trainStudy(
  configuration: EnsembleTraining,
  task: EnsembleTask,
  context: PieceContext,
): Promise<EnsembleRun> {
  const { seed, steps, reportEvery, target, energyTolerance } = configuration;
  const map = createTokenMap(context.backend, configuration, task);
  const loss = createTokenLoss(configuration, task);
  const start = randomEnsemble(map.layout, seed);
  const resumed = context.resume as Under | undefined;
  let { theta, step, taken, chunk } = resumed ?? {
    theta: start,
    step: configuration.step,
    taken: 0,
    chunk: 1,
  };
  const reports = [...(resumed?.reports ?? [])];
  let status: EnsembleTrainingStatus = { kind: 'step-limit' };
  if (resumed === undefined) {
    const gradient = trainEnsemble({ map, loss, start, step, steps: 0 });
    reports.push(reportOf(map, start, theta, gradient.records[0], { steps: 0, energyRatio: 1 }));
  }
  while (taken < steps) {
    const trained = trainEnsemble({
      map,
      loss,
      start: theta,
      step,
      steps: Math.min(chunk, reportEvery, steps - taken),
      target,
      energyTolerance,
    });
    const { records } = trained;
    [theta, step] = [trained.theta, trained.step];
    taken += records.length - 1;
    const last = records[records.length - 1];
    if (trained.status.kind === 'diverged') {
      status = { kind: 'diverged', step: taken };
      break;
    }
    const ratios = records
      .slice(1)
      .map((record, i) => energyRatio(records[i], record, record.time - records[i].time));
    const before = reports[reports.length - 1].time;
    if (ratios.length > 0) {
      const mean = ratios.reduce((a, b) => a + b, 0) / ratios.length;
      const record = { ...last, time: before + last.time };
      reports.push(reportOf(map, start, theta, record, { steps: taken, energyRatio: mean }));
    }
    chunk = nextChunk(chunk, last.time / (before + last.time), reportEvery);
    const label = `loss ${last.loss.toExponential(3)}`;
    context.metric({ phase: 'train', step: taken, time: before + last.time, loss: last.loss });
    context.progress(taken / steps, label);
    const state = { theta, step, taken, chunk };
    await context.checkpoint((): Under => ({ ...state, reports: [...reports] }));
    if (trained.status.kind !== 'step-limit') {
      status = trained.status;
      break;
    }
  }
  return { map, theta, status, reports };
}

/**
 * Steps until the next report, so that curves over the training time τ have points wherever τ runs fast: half as many
 * where the last report advanced τ by more than a tenth, twice as many where it advanced it by less than a fortieth.
 */
function nextChunk(chunk: number, advance: number, most: number): number {
  if (advance > 0.1) return Math.max(1, Math.floor(chunk / 2));
  return advance < 0.025 ? Math.min(most, 2 * chunk) : chunk;
}

function reportOf(
  map: TokenMap,
  start: Float64Array,
  theta: Float64Array,
  record: EnsembleRecord,
  rest: { readonly steps: number; readonly energyRatio: number },
): EnsembleReport {
  const { layout } = map;
  const followed = map.samples * layout.dimension <= followedKernel;
  const spectra = followed
    ? map
        .states(theta)
        .slice(0, layout.layers)
        .map((state, l) => kernelSpectrum(headsAt(layout, theta, l), state))
    : [];
  return {
    ...record,
    ...rest,
    movement: Array.from(ensembleDistance(layout, start, theta).depths),
    kernel: spectra.map(({ smallest, largest }) => Math.max(smallest, 0) / largest),
    lambdaMax: spectra.map(({ largest }) => largest),
  };
}

/** Reports as rows: kernels followed, steps, time, loss, |∇L|², energy ratio, then movement and the kernels at every depth. */
export function reportRows(reports: readonly EnsembleReport[]) {
  const rows = reports.map((r) => [
    ...[r.kernel.length, r.steps, r.time, r.loss, r.gradientSquare, r.energyRatio],
    ...[...r.movement, ...r.kernel, ...r.lambdaMax],
  ]);
  return { shape: [rows.length, rows[0].length], data: Float64Array.from(rows.flat()) };
}
