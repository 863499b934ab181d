import type { Prolongation, RefinementStage } from '../../control/refinement.ts';
import type { ActivationKind, NormalisationKind } from '../../kernels/instruction.ts';
import { refuse } from '../../numeric/checks.ts';

/** A causal next-character flow and how it is trained. */
export interface TextFlowConfiguration {
  /** n, characters seen at most. */
  readonly context: number;
  /** d. */
  readonly dimension: number;
  /** H, attention heads a layer. */
  readonly heads: number;
  /** k, rows of one head's queries, keys and values. */
  readonly keyDimension: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly activation: ActivationKind;
  /** Normalisation of the tokens that a layer sees, and of those that the readout sees. */
  readonly normalisation: NormalisationKind;
  /** T. */
  readonly horizon: number;
  /** Depths and steps at each; every depth is twice the one before it. */
  readonly stages: readonly RefinementStage[];
  readonly prolongation: Prolongation;
  /** Sequences a step. */
  readonly batch: number;
  /** Adam's rate after warm-up; it falls along a cosine to a tenth at the last step. */
  readonly rate: number;
  /** Steps of warm-up. */
  readonly warmUp: number;
  /** λ. */
  readonly regularisation: number;
  /** μ. */
  readonly smoothness: number;
  /** C at most. */
  readonly maximumClasses: number;
  readonly heldOutFraction: number;
  /** Steps between two reports. */
  readonly reportEvery: number;
  /** Validation sequences of a report. */
  readonly reportSequences: number;
  /** Held-out sequences of the final number. */
  readonly finalSequences: number;
  readonly seed: number;
}

/**
 * The first look: about a minute on two cores, as much work at each depth. λ is as large as leaves the held-out loss
 * alone: without it the controls jump from layer to layer, and halving the layers undoes what was learnt. Chosen among
 * about twenty settings by their bits on the validation part, one seed each.
 */
export const firstLookText: TextFlowConfiguration = {
  context: 32,
  dimension: 32,
  heads: 4,
  keyDimension: 8,
  hidden: 64,
  activation: 'gelu',
  normalisation: 'rms',
  horizon: 1,
  stages: [
    { layers: 2, steps: 2400 },
    { layers: 4, steps: 1200 },
    { layers: 8, steps: 600 },
    { layers: 16, steps: 300 },
  ],
  prolongation: 'repeat',
  batch: 16,
  rate: 0.02,
  warmUp: 50,
  regularisation: 1e-4,
  smoothness: 0,
  maximumClasses: 64,
  heldOutFraction: 0.1,
  reportEvery: 100,
  reportSequences: 64,
  finalSequences: 1024,
  seed: 1,
};

/**
 * Refuses stages that do not double, and steps, batches and sequences that are not whole and positive.
 *
 * @throws MesoscopeError `invalid-value`
 */
export function checkTextFlow(configuration: TextFlowConfiguration): void {
  const { stages, batch, reportEvery, reportSequences, finalSequences } = configuration;
  if (stages.length === 0) refuse('stages', [], 'at least one depth');
  stages.forEach(({ layers, steps }, index) => {
    requireCount(`stages[${index}].steps`, steps, 0);
    requireCount(`stages[${index}].layers`, layers, 1);
    if (index > 0 && layers !== 2 * stages[index - 1].layers) {
      const expected = `${2 * stages[index - 1].layers}, twice the depth before it`;
      refuse(`stages[${index}].layers`, layers, expected);
    }
  });
  requireCount('batch', batch, 1);
  requireCount('reportEvery', reportEvery, 1);
  requireCount('reportSequences', reportSequences, 2);
  requireCount('finalSequences', finalSequences, 2);
}

function requireCount(path: string, received: number, least: number): void {
  if (Number.isInteger(received) && received >= least) return;
  refuse(path, received, `a whole number of at least ${least}`);
}
