import { encodedText } from '../../../checkpoint/inputs.ts';
import { openModel } from '../../../checkpoint/model.ts';
import { withRandomWeights } from '../../../checkpoint/random-weights.ts';
import type { PieceContext, Study, StudyResult } from '../../study.ts';
import type { Operated } from './operated.ts';
import { checkSurgery, type InputRecord, metricOf, nullOf, operateOn } from './operations.ts';
import { type Surgery, surgerySchema } from './schema.ts';
import { surgeryArrays, surgeryHeadline, surgerySections } from './sections.ts';

/** One input, of the trained model or of one with random weights. */
type Piece = Omit<Operated, 'trained' | 'random'> & { readonly record: InputRecord };

const inputsOf = ({ ids, inputs }: Surgery) => ids?.length ?? inputs;

async function measure(
  surgery: Surgery,
  { backend, index, progress, corpus, trainedModel }: PieceContext,
): Promise<Piece> {
  const checkpoint = await trainedModel(surgery.checkpoint);
  const model = openModel(checkpoint);
  checkSurgery(model, checkpoint, surgery);
  const isRandom = index >= inputsOf(surgery);
  const ids = surgery.ids ?? (await encodedText(model, checkpoint, surgery, { corpus }));
  const own = ids[index % inputsOf(surgery)];
  const subject = isRandom ? withRandomWeights(model, surgery.seed) : model;
  const record = await operateOn(backend, subject, isRandom ? nullOf(surgery) : surgery, {
    initial: await model.embed(backend, { ids: own }),
    ids: own,
    async progress(share) {
      progress(share, label(surgery, index));
      await new Promise((resume) => setTimeout(resume, 0));
    },
  });
  const { layers } = model.blueprint;
  const [first, second] = [0, 1].map((l) => model.blueprint.layer(Math.min(l, layers - 1)));
  return {
    source: checkpoint.source,
    name: model.recognised.architecture.name,
    licence: checkpoint.licence ?? 'not said in its folder',
    precision: backend.precision,
    layers,
    tokens: own.length,
    post: first.options.order === 'post',
    shared: layers > 1 && first.prefix === second.prefix,
    metric: metricOf(model, surgery),
    record,
  };
}

function label(surgery: Surgery, index: number): string {
  const count = inputsOf(surgery);
  return `input ${(index % count) + 1}, ${index < count ? 'trained' : 'random weights'}`;
}

function finish(surgery: Surgery, pieces: readonly Piece[]): StudyResult {
  const [{ record: _, ...about }] = pieces;
  const records = pieces.map(({ record }) => record);
  const count = inputsOf(surgery);
  const operated = { ...about, trained: records.slice(0, count), random: records.slice(count) };
  return {
    claims: [],
    sections: surgerySections(surgery, operated),
    arrays: surgeryArrays(operated),
    headline: surgeryHeadline(operated),
    status: {
      kind: 'completed',
      message: `${about.name} of ${about.layers} layers, ${count} inputs of ${about.tokens} tokens, states in ${about.precision}.`,
    },
  };
}

/** Operations on the depth of a trained model: what its layers are as steps of a flow. */
export const surgeryStudy: Study<Surgery, Piece> = {
  name: 'surgery',
  title: 'Depth of a trained model, operated on',
  description:
    'Replaces layers of a trained model by shorter steps along their fields, merges, drops and swaps them, and says how far the model is from its own flow, which layers mind, and how smooth its fields are in depth.',
  papers: ['A'],
  references: [
    {
      key: 'sander2022',
      title: 'Do Residual Neural Networks discretize Neural Ordinary Differential Equations?',
      authors: ['Sander', 'Ablin', 'Peyré'],
      year: 2022,
      arxiv: '2205.14612',
    },
  ],
  schema: surgerySchema,
  pieces: (surgery) => 2 * inputsOf(surgery),
  label,
  weight: (surgery, index) => (index < inputsOf(surgery) && surgery.perLayer ? 10 : 1),
  piece: measure,
  finish,
};
