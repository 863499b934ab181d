import type { Recognised } from './recognise.ts';
import { recognise } from './recognise.ts';
import type { Weights } from './weights.ts';

/** What can be said of a checkpoint before any weight is read. */
export interface ModelDescription {
  /** `BERT`. */
  readonly name: string;
  /** Tensors that the forward pass does not use. */
  readonly unread: readonly string[];
  /** Layers, width, heads and what distinguishes the architecture, in words. */
  readonly facts: Readonly<Record<string, number | string>>;
  /** What can be tested on it, and what its architecture takes out of reach. */
  readonly testable: readonly string[];
}

/** @throws MesoscopeError as {@link recognise} */
export function describeModel(weights: Weights): ModelDescription {
  const recognised = recognise(weights);
  const { architecture, unread } = recognised;
  return {
    name: architecture.name,
    unread,
    facts: factsOf(recognised),
    testable: testableOf(recognised),
  };
}

function factsOf({ blueprint }: Recognised): Record<string, number | string> {
  const { layers, dimension, longest, embedding } = blueprint;
  const { options } = blueprint.layer(layers - 1);
  const { attention, feedForward, order = 'pre', normalisation } = options;
  const { heads, keyHeads = heads, keyDimension = 0, rotary } = attention;
  const positions = rotary !== undefined ? `rotary, θ = ${rotary.theta}` : 'learned';
  const windows = Array.from(
    { length: layers },
    (_, l) => blueprint.layer(l).options.attention.window,
  );
  const narrow = windows.filter((window) => window !== undefined);
  const kind = normalisation === 'none' ? 'none' : normalisation.kind;
  const { activation = 'gelu', gated = false, hidden } = feedForward;
  return {
    layers,
    width: dimension,
    heads: keyHeads === heads ? heads : `${heads}, on ${keyHeads} of keys`,
    'key width': keyDimension,
    'feed-forward width': hidden,
    activation: gated ? `gated ${activation}` : activation,
    normalisation: `${kind}, ${order === 'pre' ? 'before' : 'after'} each part`,
    positions,
    mask: attention.causal ? 'causal' : 'none',
    ...(narrow.length === 0
      ? {}
      : { windows: `${narrow.length} of ${layers} layers see ${narrow[0]} tokens to each side` }),
    ...(sharesWeights(blueprint) ? { weights: 'the same in all layers' } : {}),
    ...(Number.isFinite(longest) ? { 'longest input': longest } : {}),
    input: embedding.kind === 'tokens' ? 'text' : `images of ${embedding.image.join(' × ')}`,
  };
}

/** Whether all layers have the weights of one. */
export function sharesWeights(blueprint: Recognised['blueprint']): boolean {
  const { layers } = blueprint;
  return layers > 1 && blueprint.layer(0).prefix === blueprint.layer(layers - 1).prefix;
}

function testableOf({ blueprint }: Recognised): string[] {
  const { attention, order } = blueprint.layer(blueprint.layers - 1).options;
  const { causal = false, rotary } = attention;
  return [
    'hidden states of every layer, and their statistics beside nulls',
    causal || rotary !== undefined
      ? `the Gaussian closure of attention: outside its theorem, since ${causal ? 'the mask is causal' : 'scores depend on positions'}`
      : 'the Gaussian closure of attention, head by head',
    order === 'post'
      ? 'how far a block is from a residual step (it normalises after its sum)'
      : 'solvers in depth: a block is a residual step',
  ];
}
