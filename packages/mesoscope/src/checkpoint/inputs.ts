import { MesoscopeError } from '../errors.ts';
import type { Backend } from '../kernels/backend.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Model } from './model.ts';
import { gaussianTwin } from './statistics/cloud.ts';

/** What a model is fed with. */
export interface InputOptions {
  readonly seed: number;
  /** Of a corpus, where there are no ids. */
  readonly text: string;
  /** Pieces of the text. */
  readonly inputs: number;
  /** n, of each. */
  readonly tokens: number;
  /** Numbers of tokens, one list for each input, in place of a text. */
  readonly ids?: readonly (readonly number[])[] | undefined;
  /** Gaussian tokens in place of the embedded ones. */
  readonly gaussian: 'none' | 'matched' | 'standard';
}

/** Texts by name. */
interface TextSource {
  corpus(name: string): Promise<string>;
}

/** Characters of text that are encoded for one token that is wanted. */
const charactersPerToken = 12;

/**
 * h⁰ of every input.
 *
 * @throws MesoscopeError `unsupported` (a model of images with anything but standard normal tokens, a text without tokeniser),
 *   `invalid-value`
 */
export async function initialStates(
  backend: Backend,
  model: Model,
  checkpoint: Checkpoint,
  configuration: InputOptions,
  source: TextSource,
): Promise<Matrix[]> {
  const { gaussian, inputs, tokens, seed } = configuration;
  const d = model.blueprint.dimension;
  if (gaussian === 'standard') {
    return Array.from({ length: inputs }, (_, i) => ({
      rows: tokens,
      columns: d,
      data: randomStream(seed, 'standard normal tokens', i).normals(new Float64Array(tokens * d)),
    }));
  }
  if (model.blueprint.embedding.kind === 'patches') {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'a text as input',
      by: `${checkpoint.source}, a model of images,`,
      wayOut: 'Probe it with standard normal tokens: --gaussian standard.',
    });
  }
  const ids = configuration.ids ?? (await encodedText(model, checkpoint, configuration, source));
  const embedded: Matrix[] = [];
  for (const one of ids) embedded.push(await model.embed(backend, { ids: one }));
  return gaussian === 'none' ? embedded : matchedTokens(embedded, seed);
}

/** Gaussian tokens with the mean and covariance of all tokens together, in clouds of the same sizes. */
function matchedTokens(clouds: readonly Matrix[], seed: number): Matrix[] {
  const d = clouds[0].columns;
  const pooled = zeros(
    clouds.reduce((sum, { rows }) => sum + rows, 0),
    d,
  );
  let from = 0;
  const starts = clouds.map(({ rows, data }) => {
    pooled.data.set(data, from * d);
    from += rows;
    return from - rows;
  });
  const { data } = gaussianTwin(pooled, randomStream(seed, 'matched Gaussian tokens'));
  return clouds.map(({ rows }, i) => ({
    rows,
    columns: d,
    data: data.slice(starts[i] * d, (starts[i] + rows) * d),
  }));
}

/** Numbers of tokens of every input, from pieces of a text at even distances. @throws MesoscopeError `unsupported`, `invalid-value` */
export async function encodedText(
  model: Model,
  { tokenizer, source: name }: Checkpoint,
  { text, inputs, tokens }: Pick<InputOptions, 'text' | 'inputs' | 'tokens'>,
  source: TextSource,
): Promise<number[][]> {
  if (tokenizer === undefined) {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'a text as input: there is no tokeniser beside the weights',
      by: name,
      wayOut: 'Give numbers of tokens (--ids), or Gaussian tokens (--gaussian standard).',
    });
  }
  if (tokens > model.blueprint.longest) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'tokens',
      received: tokens,
      expected: `at most ${model.blueprint.longest}, for so many positions ${name} has`,
    });
  }
  const { encode } = await tokenizer.load();
  const whole = await source.corpus(text);
  return Array.from({ length: inputs }, (_, i) => {
    const start = Math.floor(((i + 0.5) * whole.length) / inputs);
    const word = Math.max(0, whole.indexOf(' ', start));
    const ids = encode(whole.slice(word + 1, word + 1 + charactersPerToken * tokens));
    if (ids.length >= 8) return ids.slice(0, tokens);
    throw new MesoscopeError({
      code: 'invalid-value',
      path: `input ${i + 1} of the text`,
      received: `${ids.length} tokens`,
      expected: 'at least 8',
      wayOut: 'Give a longer text, or fewer inputs.',
    });
  });
}
