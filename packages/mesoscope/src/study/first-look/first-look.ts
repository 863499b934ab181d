import { measureTrainedModel } from '../../claims/control/trained-model.ts';
import { type TrainedText, trainTextFlow } from '../../control/text/train.ts';
import { judgementSentence } from '../control/text/sections.ts';
import type { StudyContext, OldResult as StudyResult } from '../whole.ts';
import { wholeStudy } from '../whole.ts';
import { type FirstLook, firstLookSchema } from './schema.ts';
import { textSections, trainingFigure } from './sections.ts';

async function run(configuration: FirstLook, context: StudyContext): Promise<StudyResult> {
  const { corpus: name, ...training } = configuration;
  const text = await context.corpus(name);
  const trained = await trainTextFlow(context.backend, text, training, context);
  const { records, bigram } = trained;
  const arrays = {
    parameters: { shape: [trained.parameters.length], data: trained.parameters },
    ...columnsOf(records),
  };
  const figure = { kind: 'figure', figure: trainingFigure(records, bigram.bits) } as const;
  if (trained.status.kind !== 'completed') {
    const sections = records.length > 0 ? [figure] : [];
    return { claims: [], sections, arrays, headline: {}, status: trained.status };
  }
  const claims = await measureTrainedModel(trained, context);
  const interrupted = context.signal?.aborted === true;
  return {
    claims,
    sections: [figure, ...textSections(trained)],
    arrays,
    headline: headline(trained),
    status: interrupted
      ? { kind: 'interrupted', message: 'Training is done; not all claims were measured.' }
      : { kind: 'completed', message: judgementSentence(trained) },
  };
}

/** The training record, column by column. */
function columnsOf(records: TrainedText['records']): StudyResult['arrays'] {
  const names = ['layers', 'step', 'seconds', 'layerGradients', 'loss', 'validationLoss'] as const;
  return Object.fromEntries(
    names.map((name) => [
      `training.${name}`,
      { shape: [records.length], data: Float64Array.from(records, (record) => record[name]) },
    ]),
  );
}

function headline({ heldOut, bigram, records, problem }: TrainedText): StudyResult['headline'] {
  return {
    'held-out bits per character': heldOut.bits,
    'bigram model': bigram.bits,
    layers: problem.layout.layers,
    'training seconds': records.at(-1)?.seconds ?? 0,
  };
}

/** Train a causal transformer on real text as a control problem over depth, and look at it through the theory. */
export const firstLook = wholeStudy<FirstLook>({
  name: 'first-look',
  title: 'First look: a transformer trained as a flow over depth',
  description:
    'Trains a causal transformer on prose by depth refinement and measures whether it behaves as the continuous-depth theory says.',
  papers: ['A'],
  schema: firstLookSchema,
  run,
});
