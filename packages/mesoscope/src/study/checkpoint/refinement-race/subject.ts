import { createControlProblem } from '../../../control/create-problem.ts';
import type { TrainingSubject } from '../../../control/training.ts';
import {
  type TransformerLayerOptions,
  transformerLayer,
} from '../../../field/transformer-layer.ts';
import { uniformGrid } from '../../../flow/grid.ts';
import {
  type Corpus,
  firstLookText,
  prepareCorpus,
  textTraining,
} from '../../../task/text/index.ts';
import type { PlannedContext } from '../../plan.ts';
import type { RefinementRace } from './schema.ts';

/** What a stack is trained on, and the text that it is judged on. */
export interface RaceSubject extends TrainingSubject {
  readonly corpus: Corpus;
}

/** A layer as GPT-2 has it. */
export function layerOptions({
  dimension,
  heads,
  hidden,
}: RefinementRace): TransformerLayerOptions {
  return {
    dimension,
    normalisation: { kind: 'layer', epsilon: 1e-5, gain: true, bias: true },
    attention: { heads, keyDimension: dimension / heads, output: true, bias: true, causal: true },
    feedForward: { hidden, activation: 'gelu' },
  };
}

/**
 * Stacks of one horizon T, as many as the shallow stack has layers: its own steps have length 1, those of the refined and of the deep
 * stack are as much shorter as they have more layers.
 */
export async function raceSubject(
  context: PlannedContext,
  race: RefinementRace,
): Promise<RaceSubject> {
  const { context: tokens, batch, validation, regularisation, shallow } = race;
  const text = {
    ...firstLookText,
    context: tokens,
    batch,
    reportSequences: validation,
  };
  const corpus = prepareCorpus(await context.corpus(race.corpus), text);
  const classes = corpus.vocabulary.classes.length;
  const field = transformerLayer(layerOptions(race));
  return {
    ...textTraining(context.backend, corpus, text),
    corpus,
    problem: (layers) =>
      createControlProblem(context.backend, {
        field,
        grid: uniformGrid(shallow.layers, layers),
        tokens,
        samples: batch,
        classes,
        vocabulary: classes,
        normalisation: 'layer',
        regularisation,
      }),
  };
}
