import { affine } from '../../field/affine.ts';
import { attention } from '../../field/attention.ts';
import { feedForward } from '../../field/feed-forward.ts';
import type { Field } from '../../field/field.ts';
import { prenormalise } from '../../field/normalise.ts';
import { initialiseParameters } from '../../field/parameters.ts';
import { inSequence } from '../../field/sequence.ts';
import type { NormalisationKind } from '../../kernels/instruction.ts';
import { randomStream } from '../../numeric/random.ts';
import type { BlockStack } from './stack-clouds.ts';

/** The shape of a transformer: L layers of width d with H heads of d/H keys and a feed-forward layer of m. */
export interface TransformerShape {
  readonly name: string;
  readonly layers: number;
  readonly dimension: number;
  readonly heads: number;
  readonly hidden: number;
}

/** ModernBERT-base, arXiv 2412.13663; the feed-forward layer without its gate. */
export const modernBertBase: TransformerShape = {
  name: 'ModernBERT-base',
  layers: 22,
  dimension: 768,
  heads: 12,
  hidden: 1152,
};

/** DeiT-Tiny, arXiv 2012.12877. */
export const tinyDeit: TransformerShape = {
  name: 'Tiny-DeiT',
  layers: 12,
  dimension: 192,
  heads: 3,
  hidden: 768,
};

/**
 * Blocks with independent random weights: multi-head attention with an output matrix, then a gelu layer, both residual. Entries
 * have deviation `1/√columns`, so that a part changes normalised tokens by about their own size.
 */
export function randomStack(
  shape: TransformerShape,
  normalisation: NormalisationKind | 'none',
  seed: number,
): BlockStack {
  const { name, layers, dimension, heads, hidden } = shape;
  const keyDimension = dimension / heads;
  const attend = attention({ dimension, heads, keyDimension, output: true });
  const transform = feedForward({ dimension, hidden, activation: 'gelu' });
  const parts = [attend, transform];
  return {
    ...blockStack(shape, attend, transform, normalisation),
    name,
    layers,
    parametersOf: (layer) =>
      parts.map((part, p) =>
        initialiseParameters(part, randomStream(seed, `${name} part ${p}`, layer)),
      ),
  };
}

/** Attention whose matrices are prescribed up to a random Q in each layer. */
export interface PrescribedAttention {
  /** K = ±Q. */
  readonly key: 1 | -1;
  /** V = ±I, the mean over heads. */
  readonly value: 1 | -1;
  /** c in W = cI. */
  readonly feedForward: number;
}

/**
 * Blocks `x ← x + (v/H) Σ_h ȳ_μ(B_hx)`, `x ← x + cx` with `B_h = ±Q_hᵀQ_h/√k`. With `M = 2v·(±1) Σ_h Q_hᵀQ_h/(H√k)`: M ≺ 0 contracts the
 * cloud where it is wide, M ≻ 0 expands it.
 */
export function prescribedStack(
  shape: TransformerShape,
  { key, value, feedForward: c }: PrescribedAttention,
  normalisation: NormalisationKind | 'none',
  seed: number,
): BlockStack {
  const { name, layers, dimension: d, heads } = shape;
  const attend = attention({ dimension: d, heads, keyDimension: d / heads, combine: 'mean' });
  const linear = affine({ dimension: d, bias: false });
  const constant = new Float64Array(linear.parameters.length);
  for (let i = 0; i < d; i++) constant[i * d + i] = c;
  return {
    ...blockStack(shape, attend, linear, normalisation),
    name: `${name}, ${signed(key, 'Q')}, ${signed(value, 'I')}, W = ${c}I`,
    layers,
    parametersOf(layer) {
      const vector = new Float64Array(attend.parameters.length);
      const stream = randomStream(seed, `${name} prescribed Q`, layer);
      for (const block of attend.parameters.blocks) {
        const entries = vector.subarray(block.offset, block.offset + block.rows * block.columns);
        if (block.name === 'Q') {
          stream.normals(entries);
          entries.forEach((entry, i) => {
            entries[i] = entry / Math.sqrt(d);
          });
        }
        if (block.name === 'V') {
          for (let row = 0; row < block.rows; row++) entries[row * d + (row % d)] = value;
        }
      }
      const [Q, K] = ['Q', 'K'].map((wanted) =>
        attend.parameters.blocks.find((block) => block.name === wanted),
      );
      if (Q !== undefined && K !== undefined) {
        for (let i = 0; i < Q.rows * Q.columns; i++) {
          vector[K.offset + i] = key * vector[Q.offset + i];
        }
      }
      return [vector, constant];
    },
  };
}

/** Attention, then another part, each seeing normalised tokens. */
function blockStack(
  { dimension, heads }: TransformerShape,
  attend: Field,
  second: Field,
  normalisation: NormalisationKind | 'none',
) {
  const seeing = (part: Field) =>
    normalisation === 'none' ? part : prenormalise(part, { kind: normalisation });
  return {
    heads,
    keyDimension: dimension / heads,
    normalisation,
    block: inSequence({ attention: seeing(attend), feedForward: seeing(second) }),
  };
}

function signed(sign: number, matrix: string): string {
  return `${matrix === 'Q' ? 'K' : 'V'} = ${sign < 0 ? '−' : ''}${matrix}`;
}
