import * as z from 'zod';
import { initialStates } from '../../checkpoint/inputs.ts';
import { layerBlock, type Model, openModel, withLayers } from '../../checkpoint/model.ts';
import { randomCheckpoint } from '../../checkpoint/random-model.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { MeasureContext } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import { experiments, type Shape } from '../given.ts';

/** Fields of a random model, of which every experiment draws its own. */
export const randomModelFields = {
  architecture: z
    .enum(['bert', 'roberta', 'albert', 'gpt2', 'llama', 'modernbert'])
    .default('bert')
    .describe('of the random models'),
  layers: z.int().min(1).default(4).describe('L'),
  dimension: z.int().min(2).default(32).describe('d, a multiple of the number of heads'),
  heads: z.int().min(1).default(4).describe('H'),
  hidden: z.int().min(1).default(64).describe('width of the feed-forward layer'),
  sharpness: z
    .number()
    .positive()
    .default(1)
    .describe('factor of the queries: about the deviation of scores'),
};

/** Fields of a trained model. */
export const checkpointField = z
  .string()
  .min(1)
  .describe('path of a folder or file with a trained model');

/** What a trained model is fed with. */
export const inputFields = {
  text: z
    .string()
    .default('moby-dick')
    .describe('a corpus by name, or the path of a UTF-8 text file; read where no ids are given'),
  ids: z
    .array(z.array(z.int().min(0)).min(8))
    .min(1)
    .optional()
    .describe('numbers of tokens, one list for each input, in place of a text'),
  gaussian: z
    .enum(['none', 'matched', 'standard'])
    .default('none')
    .describe(
      'Gaussian tokens in place of the embedded ones: of the mean and covariance of all inputs together, or standard normal',
    ),
};

const sizes = {
  inputs: experimentCount(4, 'random models, or pieces of the text at even distances'),
  tokens: z.int().min(8).default(64).describe('n, tokens of each input'),
};

/** An instance of random models, or of one trained model. */
export type ModelInstance = {
  readonly explicit: boolean;
  readonly inputs: number;
  readonly tokens: number;
} & (
  | ({ readonly explicit: false } & Fields<typeof randomModelFields>)
  | ({ readonly explicit: true; readonly checkpoint: string } & Fields<typeof inputFields>)
);
type Fields<S extends Shape> = z.output<z.ZodObject<S>>;
type RandomModelFields = Fields<typeof randomModelFields>;

/**
 * Experiments on models: random ones, each with weights of its own, or the trained one of a checkpoint. A piece is one input, and
 * intervals are over inputs.
 *
 * @param own - other defaults of {@link randomModelFields}
 */
export function onModels<Shared extends Shape, Own extends Shape>({
  label,
  shared,
  own,
}: {
  readonly label: string;
  readonly shared: Shared;
  readonly own: Own;
}) {
  return experiments({
    label,
    shared: { ...sizes, ...shared },
    own: { ...randomModelFields, ...own },
    data: { checkpoint: checkpointField, ...inputFields },
    check(instance) {
      const given = instance as unknown as ModelInstance;
      return given.explicit ? [] : headsDivide(given);
    },
    pieces: (given) => (given as unknown as ModelInstance).inputs,
  });
}

function headsDivide({ dimension, heads }: Pick<RandomModelFields, 'dimension' | 'heads'>) {
  return dimension % heads === 0
    ? []
    : [{ path: 'dimension', message: 'must be a multiple of the number of heads' }];
}

/** Experiments on weights: those of random models, or of one trained model; `inputs` of each, where that is a shared field. */
export function onWeights<Shared extends Shape>({
  label,
  shared,
}: {
  readonly label: string;
  readonly shared: Shared;
}) {
  return experiments({
    label,
    shared,
    own: { models: experimentCount(4, 'random models'), ...randomModelFields },
    data: { checkpoint: checkpointField },
    check(instance) {
      const given = instance as unknown as Weighed;
      return given.explicit ? [] : headsDivide(given);
    },
    pieces(instance) {
      const given = instance as unknown as Weighed & { models?: number; inputs?: number };
      return (given.explicit ? 1 : (given.models ?? 1)) * (given.inputs ?? 1);
    },
  });
}

/** The model of a piece and what it is fed with. */
export interface GivenModel {
  readonly model: Model;
  /** h⁰, n × d. */
  readonly initial: Matrix;
}

/**
 * The model of one piece: a random one, or the trained one with that piece's input.
 *
 * @throws MesoscopeError as `initialStates`
 */
export async function givenModel({
  backend,
  data,
  given,
  seed,
  index,
}: Pick<
  MeasureContext<ModelInstance>,
  'backend' | 'data' | 'given' | 'seed' | 'index'
>): Promise<GivenModel> {
  if (given.explicit) {
    const checkpoint = await data.trainedModel(given.checkpoint);
    const model = openModel(checkpoint);
    const all = await initialStates(backend, model, checkpoint, { ...given, seed }, data);
    return { model, initial: all[index % all.length] };
  }
  const model = randomModel(given, 1000 * seed + index);
  const random = randomStream(seed, 'tokens of a random model', index);
  const ids = Array.from({ length: given.tokens }, () => random.integer(vocabulary));
  return { model, initial: await model.embed(backend, { ids }) };
}

const vocabulary = 512;

/** A model with random weights, whose queries are sharpened. */
export function randomModel(given: RandomModelFields, seed: number): Model {
  const model = openModel(randomCheckpoint({ ...given, vocabulary }, seed));
  return withLayers(model, (layer) => {
    const changed = { ...layer, parameters: layer.parameters.slice() };
    for (const key of ['attention.Q', 'attention.bQ']) {
      const entries = layerBlock(changed, key)?.data;
      entries?.forEach((x, k) => {
        entries[k] = given.sharpness * x;
      });
    }
    return changed;
  });
}

/** What a piece's model is, without an input. */
export async function modelOf({
  data,
  given,
  seed,
  index,
}: Pick<MeasureContext<Weighed>, 'data' | 'given' | 'seed' | 'index'>): Promise<Model> {
  return given.explicit
    ? openModel(await data.trainedModel(given.checkpoint))
    : randomModel(given, 1000 * seed + index);
}

type Weighed =
  | ({ readonly explicit: false } & RandomModelFields)
  | { readonly explicit: true; readonly checkpoint: string };

/** What was measured, in words. */
export function subject(given: Weighed): string {
  return given.explicit ? given.checkpoint : `random ${given.architecture} models`;
}
