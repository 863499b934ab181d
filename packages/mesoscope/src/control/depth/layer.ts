import { affine } from '../../field/affine.ts';
import { attention } from '../../field/attention.ts';
import { feedForward } from '../../field/feed-forward.ts';
import type { Field } from '../../field/field.ts';
import { parametersFromMatrices } from '../../field/parameters.ts';
import { sumOf } from '../../field/sum.ts';

type Rows = readonly (readonly number[])[];

/** A layer by its matrices: heads summed, scores ⟨Qx, Ky⟩/√k; a feed-forward part added to them. */
export interface LayerMatrices {
  readonly heads: readonly {
    /** k × d. */
    readonly Q: Rows;
    readonly K: Rows;
    /** d × d; v × d if there is an O. */
    readonly V: Rows;
    /** d × v, in every head or in none. */
    readonly O?: Rows | undefined;
  }[];
  readonly feedForward:
    | {
        readonly W1: Rows;
        readonly b1?: readonly number[] | undefined;
        readonly W2: Rows;
        readonly b2?: readonly number[] | undefined;
        readonly activation: 'tanh' | 'relu' | 'gelu' | 'silu';
      }
    | { readonly W: Rows; readonly b?: readonly number[] | undefined }
    | null;
  readonly causal: boolean;
}

/** A field and one parameter vector for it. */
export interface Layer {
  readonly field: Field;
  readonly parameters: Float64Array;
}

/**
 * The layer that matrices describe.
 *
 * @param dimension d
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value` where matrices do not fit together
 */
export function layerOf(
  dimension: number,
  { heads, feedForward: part, causal }: LayerMatrices,
): Layer {
  const output = heads.some((given) => given.O !== undefined);
  const attend = attention({
    dimension,
    heads: heads.length,
    keyDimension: heads[0].Q.length,
    ...(output ? { valueDimension: heads[0].V.length } : {}),
    causal,
    output,
  });
  const named = {
    'attention.Q': heads.map((given) => given.Q),
    'attention.K': heads.map((given) => given.K),
    'attention.V': heads.map((given) => given.V),
    ...(output ? { 'attention.O': heads.map((given) => given.O ?? []) } : {}),
  };
  if (part === null) {
    const field = sumOf({ attention: attend });
    return { field, parameters: parametersFromMatrices(field, named) };
  }
  const zeros = (length: number) => new Array<number>(length).fill(0);
  if ('W' in part) {
    const field = sumOf({ attention: attend, affine: affine({ dimension }) });
    const { W, b = zeros(dimension) } = part;
    return {
      field,
      parameters: parametersFromMatrices(field, { ...named, 'affine.W': W, 'affine.b': b }),
    };
  }
  const { W1, b1 = zeros(W1.length), W2, b2 = zeros(dimension), activation } = part;
  const field = sumOf({
    attention: attend,
    feedForward: feedForward({ dimension, hidden: W1.length, activation }),
  });
  return {
    field,
    parameters: parametersFromMatrices(field, {
      ...named,
      'feedForward.W1': W1,
      'feedForward.b1': b1,
      'feedForward.W2': W2,
      'feedForward.b2': b2,
    }),
  };
}
