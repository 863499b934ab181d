import { initialStates } from '../../checkpoint/inputs.ts';
import { openModel } from '../../checkpoint/model.ts';
import { probeModel } from '../../checkpoint/probe.ts';
import { withRandomWeights } from '../../checkpoint/random-weights.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import type { PieceContext, Study, StudyResult } from '../study.ts';
import { hypothesesTable } from './hypotheses.ts';
import { type Probe, probeSchema } from './schema.ts';
import { headline, type Measured, sections, statisticArrays } from './sections.ts';

/** A trained model and the same architecture with random weights. */
const weights = ['trained', 'random weights'] as const;

async function measure(
  configuration: Probe,
  { backend, index, progress, corpus, trainedModel }: PieceContext,
): Promise<Measured> {
  const checkpoint = await trainedModel(configuration.checkpoint);
  const model = openModel(checkpoint);
  const { seed, states } = configuration;
  const initial = await initialStates(backend, model, checkpoint, configuration, { corpus });
  const kept: Record<string, readonly Matrix[]> = {};
  const subject = index === 0 ? model : withRandomWeights(model, seed);
  const records = await probeModel(backend, subject, initial, {
    seed,
    keep(name, all) {
      if (states && index === 0) kept[name] = all;
    },
    async progress(depth, depths) {
      progress((depth + 1) / depths, weights[index]);
      await new Promise((resume) => setTimeout(resume, 0));
    },
  });
  return {
    source: checkpoint.source,
    precision: backend.precision,
    name: model.recognised.architecture.name,
    licence: checkpoint.licence ?? 'not said in its folder',
    // A function does not go from thread to thread; what the tables need of the layers is in the settings.
    config: checkpoint.config,
    tensors: [...checkpoint.tensors.keys()],
    records,
    states: kept,
  };
}

function finish(configuration: Probe, [trained, random]: readonly Measured[]): StudyResult {
  const blueprint = blueprintOf(trained);
  const first = trained.records[0];
  return {
    claims: [],
    sections: [
      hypothesesTable(blueprint, trained.records),
      ...sections(configuration, trained, random),
    ],
    arrays: { ...statisticArrays(trained, random), ...stateArrays(trained.states) },
    headline: headline(trained, random),
    status: {
      kind: 'completed',
      message: `${trained.name} of ${blueprint.layers} layers, ${first.clouds.length} inputs of ${first.clouds[0].raw.tokens} tokens, states in ${trained.precision}, statistics in f64.`,
    },
  };
}

function blueprintOf({ source, config, tensors }: Measured) {
  const names = new Map(tensors.map((name) => [name, unread(name)]));
  return openModel({ source, config, tensors: names }).blueprint;
}

/** A tensor of which only the name is known. */
function unread(name: string) {
  const read = () => Promise.reject(new RangeError(`${name} is not to be read`));
  return { name, shape: [], dtype: '', read, readRows: read };
}

/** Inputs of one length are one array of inputs × n × d, a single one of n × d. */
function stateArrays(states: Measured['states']): StudyResult['arrays'] {
  return Object.fromEntries(
    Object.entries(states).flatMap(([name, clouds]) =>
      clouds.map(({ rows, columns, data }, i) => [
        clouds.length === 1 ? name : `${name}, input ${i + 1}`,
        { shape: [rows, columns], data },
      ]),
    ),
  );
}

/** What a trained model's hidden states are like, and which theorems may be believed about it. */
export const probeStudy: Study<Probe, Measured> = {
  name: 'probe',
  title: 'Hidden states of a trained model',
  description:
    'Measures a trained model layer by layer and head by head, beside the same architecture with random weights and beside Gaussian samples, and says which hypotheses of the theorems it meets.',
  papers: ['C'],
  schema: probeSchema,
  pieces: () => weights.length,
  label: (_, index) => weights[index],
  piece: measure,
  finish,
};
