import { mobilities } from './parameters.ts';
import type { TokenLoss } from './token-loss.ts';
import type { TokenMap } from './token-map.ts';

export interface EnsembleTrainingOptions {
  readonly map: TokenMap;
  readonly loss: TokenLoss;
  /** Where the flow starts; copied. */
  readonly start: Float64Array;
  /** First step Δτ of training time. */
  readonly step: number;
  /** The most steps. */
  readonly steps: number;
  /** Stop where τ would pass this; default none. */
  readonly horizon?: number;
  /** Stop where the loss is at most this; default 0. */
  readonly target?: number;
  /**
   * The step is halved until the loss falls by what the energy identity says, up to this relative error, and grows
   * while the error is under a quarter of it. Without it, all steps are `step`.
   */
  readonly energyTolerance?: number;
  /** Called at every state, with the parameters where they lie. */
  readonly observe?: (record: EnsembleRecord, theta: Float64Array, index: number) => void;
  readonly signal?: AbortSignal;
}

/** The state of training at time τ. */
export interface EnsembleRecord {
  /** τ. */
  readonly time: number;
  readonly loss: number;
  /** `‖∇L‖² = Σ mobility |∂L/∂θ|²`: `LH Σ |∂L/∂θ_lh|²` over heads. */
  readonly gradientSquare: number;
}

export type EnsembleTrainingStatus =
  | { readonly kind: 'reached'; readonly loss: number }
  | { readonly kind: 'time-limit' | 'step-limit' | 'interrupted' }
  /** The step fell below what changes the loss by more than rounding: a stationary point to rounding. */
  | { readonly kind: 'stationary'; readonly gradientSquare: number }
  | { readonly kind: 'diverged'; readonly step: number };

export interface TrainedEnsemble {
  readonly status: EnsembleTrainingStatus;
  readonly theta: Float64Array;
  readonly records: readonly EnsembleRecord[];
  /** The last step Δτ: where to continue with. */
  readonly step: number;
}

/** The sentence for a status, with what to try. */
export function ensembleTrainingSentence(status: EnsembleTrainingStatus): string {
  switch (status.kind) {
    case 'reached':
      return `Reached a loss of ${status.loss.toExponential(2)}.`;
    case 'time-limit':
      return 'Reached the end of the training time.';
    case 'step-limit':
      return 'Took all its steps. Give it more to go further.';
    case 'interrupted':
      return 'Interrupted.';
    case 'stationary':
      return `No step lowers the loss by more than rounding; squared gradient ${status.gradientSquare.toExponential(1)}.`;
    case 'diverged':
      return `The loss is not finite after step ${status.step}. Take smaller steps or a smaller start.`;
  }
}

/**
 * Gradient flow of the loss in the conditional Wasserstein geometry, on particles:
 * `θ'_{l,h} = −LH ∂L/∂θ_{l,h}` by explicit Euler steps (gradient descent with learning rate LH Δτ). Along the flow
 * `dL/dτ = −‖∇L‖²`; the records let both sides be compared.
 */
export function trainEnsemble(options: EnsembleTrainingOptions): TrainedEnsemble {
  const { map, loss, steps, energyTolerance, target = 0, observe, signal } = options;
  const horizon = options.horizon ?? Number.POSITIVE_INFINITY;
  const mobility = mobilities(map.layout);
  const gradient = new Float64Array(map.layout.length);
  let theta = options.start.slice();
  let trial = theta.slice();
  let step = options.step;
  const records: EnsembleRecord[] = [];
  const evaluate = (time: number): EnsembleRecord => {
    const finals = map.differentiate(theta, loss.costate, gradient);
    let gradientSquare = 0;
    for (let i = 0; i < gradient.length; i++) gradientSquare += mobility[i] * gradient[i] ** 2;
    return { time, loss: loss.value(finals), gradientSquare };
  };
  const done = (status: EnsembleTrainingStatus): TrainedEnsemble => ({
    status,
    theta,
    records,
    step,
  });

  for (let index = 0; ; index++) {
    const record = evaluate(records.at(-1) === undefined ? 0 : records[index - 1].time + step);
    records.push(record);
    if (!Number.isFinite(record.loss) || !Number.isFinite(record.gradientSquare)) {
      return done({ kind: 'diverged', step: index });
    }
    observe?.(record, theta, index);
    if (record.loss <= target) return done({ kind: 'reached', loss: record.loss });
    if (index === steps) return done({ kind: 'step-limit' });
    if (record.time >= horizon * (1 - 1e-12)) return done({ kind: 'time-limit' });
    if (signal?.aborted) return done({ kind: 'interrupted' });
    if (energyTolerance !== undefined && index > 0) {
      const before = records[index - 1];
      const error = Math.abs(energyRatio(before, record, step) - 1);
      if (error < energyTolerance / 4) step *= 1.4;
    }
    step = Math.min(step, horizon - record.time);
    for (;;) {
      for (let i = 0; i < theta.length; i++) trial[i] = theta[i] - step * mobility[i] * gradient[i];
      if (energyTolerance === undefined) break;
      const next = { loss: loss.value(map.forward(trial)) };
      if (Math.abs(energyRatio(record, next, step) - 1) <= energyTolerance) break;
      step /= 2;
      if (step * record.gradientSquare <= 1e-13 * record.loss) {
        return done({ kind: 'stationary', gradientSquare: record.gradientSquare });
      }
    }
    [theta, trial] = [trial, theta];
  }
}

/** What the loss fell by over a step, over what the energy identity says: `ΔL / (−‖∇L‖² Δτ)`. */
export function energyRatio(
  before: EnsembleRecord,
  after: Pick<EnsembleRecord, 'loss'>,
  step: number,
): number {
  return (before.loss - after.loss) / (step * before.gradientSquare);
}

/** The Polyak–Łojasiewicz ratio `‖∇L‖²/2L`: along the flow `d log L/dτ = −2 · ratio`. */
export function gradientDominance({ gradientSquare, loss }: EnsembleRecord): number {
  return gradientSquare / (2 * loss);
}
