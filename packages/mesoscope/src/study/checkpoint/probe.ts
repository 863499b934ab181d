import { initialStates } from '../../checkpoint/inputs.ts';
import { openModel } from '../../checkpoint/model.ts';
import { overwritten } from '../../checkpoint/overwrite.ts';
import { measureModelClouds, prescribedTraces } from '../../checkpoint/practice-series.ts';
import { probeModel, probeStates } from '../../checkpoint/probe.ts';
import { withRandomWeights } from '../../checkpoint/random-weights.ts';
import { matrixByName } from '../../checkpoint/states-file.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import type { PieceContext, Study, StudyResult } from '../study.ts';
import { hypothesesTable } from './hypotheses.ts';
import { type Practised, practiceSections } from './practice-sections.ts';
import { type Probe, probeSchema } from './schema.ts';
import { headline, type Measured, sections, statisticArrays } from './sections.ts';

/** A trained model, the same architecture with random weights, Gaussian tokens and prescribed attention. */
const subjects = ['trained', 'random weights', 'Gaussian tokens'] as const;

/** Tokens of the experiments with prescribed attention at the most: their values are as wide as d in every head. */
const fewTokens = 96;

const isStates = ({ checkpoint }: Probe) => /\.npz$/i.test(checkpoint);

async function measure(configuration: Probe, context: PieceContext): Promise<Measured | Practised> {
  const { backend, index } = context;
  const { seed, layers: range, states } = configuration;
  if (isStates(configuration)) return givenStates(configuration, context);
  const checkpoint = await context.trainedModel(configuration.checkpoint);
  const own = openModel(checkpoint);
  const initial = await initialStates(backend, own, checkpoint, configuration, context);
  const progress = async (share: number) => {
    context.progress(share, subjects[index]);
    await new Promise((resume) => setTimeout(resume, 0));
  };
  if (index === 2) {
    const matched = { ...configuration, gaussian: 'matched' } as const;
    const [gaussian] =
      configuration.gaussian === 'none'
        ? await initialStates(backend, own, checkpoint, matched, context)
        : initial;
    const { layers } = own.blueprint;
    const half = (from: number) => (l: number) => progress(from + (0.25 * l) / layers);
    const natural =
      configuration.gaussian === 'none'
        ? await measureModelClouds(backend, own, initial[0], { seed, progress: half(0) })
        : null;
    const clouds = await measureModelClouds(backend, own, gaussian, { seed, progress: half(0.25) });
    const tokens = Math.min(fewTokens, initial[0].rows);
    const traces = await prescribedTraces(backend, own, { tokens, seed }, (share) =>
      progress(0.5 + share / 2),
    );
    return { natural, clouds, traces, tokens };
  }
  const kept: Record<string, readonly Matrix[]> = {};
  const weighed = index === 0 ? own : withRandomWeights(own, seed);
  const records = await probeModel(
    backend,
    overwritten(weighed, configuration.overwrite),
    initial,
    {
      seed,
      measures: (l) => range === undefined || (range[0] <= l && l < range[1]),
      keep(name, all) {
        if (states && index === 0) kept[name] = all;
      },
      progress: (depth, depths) => progress((depth + 1) / depths),
    },
  );
  return {
    source: checkpoint.source,
    precision: backend.precision,
    name: own.recognised.architecture.name,
    licence: checkpoint.licence ?? 'not said in its folder',
    // A function does not go from thread to thread; what the tables need of the layers is in the settings.
    config: checkpoint.config,
    tensors: [...checkpoint.tensors.keys()],
    records,
    states: kept,
  };
}

/** States of one's own, without any weights. */
async function givenStates(
  { checkpoint, seed }: Probe,
  { arrays, progress }: PieceContext,
): Promise<Measured> {
  const states = matrixByName(await arrays(checkpoint), checkpoint);
  progress(0.1, 'states');
  return {
    source: checkpoint,
    precision: 'f64',
    name: 'Hidden states',
    licence: 'not said',
    config: {},
    tensors: [],
    records: probeStates(states, seed),
    states: {},
  };
}

function finish(configuration: Probe, pieces: readonly (Measured | Practised)[]): StudyResult {
  const [trained, random] = pieces as readonly Measured[];
  const practised = pieces[2] as Practised | undefined;
  const blueprint = isStates(configuration) ? undefined : blueprintOf(trained, configuration);
  const first = trained.records[0];
  const depths = trained.records.length;
  return {
    claims: [],
    sections: [
      hypothesesTable(blueprint, trained.records),
      ...sections(configuration, trained, random),
      ...(practised === undefined ? [] : practiceSections(practised)),
    ],
    arrays: { ...statisticArrays(trained, random), ...stateArrays(trained.states) },
    headline: headline(trained, random),
    status: {
      kind: 'completed',
      message: `${trained.name}, ${blueprint === undefined ? `${depths} depths` : `${blueprint.layers} layers`}, ${first.clouds.length} inputs of ${first.clouds[0].raw.tokens} tokens, states in ${trained.precision}, statistics in f64.`,
    },
  };
}

function blueprintOf({ source, config, tensors }: Measured, { overwrite }: Probe) {
  const names = new Map(tensors.map((name) => [name, unread(name)]));
  return overwritten(openModel({ source, config, tensors: names }), overwrite).blueprint;
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
export const probeStudy: Study<Probe, Measured | Practised> = {
  name: 'probe',
  title: 'Hidden states of a trained model',
  description:
    'Measures a trained model layer by layer and head by head, beside the same architecture with random weights and beside Gaussian samples, and says which hypotheses of the theorems it meets.',
  papers: ['C'],
  schema: probeSchema,
  pieces: (configuration) => (isStates(configuration) ? 1 : configuration.practice ? 3 : 2),
  label: (_, index) => subjects[index],
  piece: measure,
  finish,
};
