import type { NormalisationOptions } from '../field/normalise.ts';
import type { TransformerLayerOptions } from '../field/transformer-layer.ts';
import type { Settings } from './settings.ts';

/** Where the numbers of one parameter block stand in a checkpoint. */
export interface WeightPlace {
  /** Of a layer: its part and the last word of the block's name, as `attention.Q`, `feedForward.gain`, `attention.scale`. */
  readonly block: string;
  /** Without the prefix that all names of a checkpoint may have. */
  readonly tensor: string;
  /** Whether the matrix is stored in × out. */
  readonly transposed?: boolean;
  /** The rows of the matrix (out × in) or the entries of the bias that belong to the block; default all. */
  readonly rows?: readonly [from: number, to: number] | undefined;
}

/** `weight` and `bias` of a module as the blocks W and b. A block that the layer's field does not have is passed over. */
export function linear(
  part: string,
  [W, b]: readonly [W: string, b: string],
  module: string,
  stored: Pick<WeightPlace, 'transposed' | 'rows'> = {},
): WeightPlace[] {
  return [
    { block: `${part}.${W}`, tensor: `${module}.weight`, ...stored },
    { block: `${part}.${b}`, tensor: `${module}.bias`, rows: stored.rows },
  ];
}

/** Gain and bias of the normalisation of a part. */
export function norm(part: string, module: string): WeightPlace[] {
  return linear(part, ['gain', 'bias'], module);
}

/** A normalisation outside the layers, and the module with its gain and bias. */
export interface NormPlace {
  readonly options: NormalisationOptions;
  readonly module: string;
}

/** `h⁰_i = M(norm(E[id_i] + P[i + offset] + T[0])) + c`; what is missing is left out. */
export interface TokenEmbedding {
  readonly kind: 'tokens';
  /** The tensor E, vocabulary × width. */
  readonly table: string;
  readonly positions?: { readonly table: string; readonly offset: number };
  /** The tensor T: all tokens are of type 0. */
  readonly types?: string;
  readonly norm?: NormPlace;
  /** The module with M and c. */
  readonly map?: string;
}

/** Patches of an image, mapped linearly, behind one or two tokens of the model's own; positions are added to all. */
export interface PatchEmbedding {
  readonly kind: 'patches';
  readonly channels: number;
  /** Height and width of the images that the positions are meant for, and of a patch. */
  readonly image: readonly [height: number, width: number];
  readonly patch: readonly [height: number, width: number];
  /** The module of the map, d × channels × height × width. */
  readonly projection: string;
  /** The tensors of the tokens before the patches. */
  readonly own: readonly string[];
  readonly positions: string;
  /** Whether images of other sizes are allowed: the positions of the patches are then interpolated. */
  readonly resizable: boolean;
}

export interface LayerPlan {
  readonly options: TransformerLayerOptions;
  readonly weights: readonly WeightPlace[];
  /** What the names of all tensors of this layer begin with. */
  readonly prefix: string;
}

/** A model of one architecture, before any weight is read. */
export interface Blueprint {
  /** d. */
  readonly dimension: number;
  /** L. */
  readonly layers: number;
  /** The most tokens that the model has positions for. */
  readonly longest: number;
  readonly embedding: TokenEmbedding | PatchEmbedding;
  layer(l: number): LayerPlan;
  /** The normalisation after the last layer. */
  readonly end?: NormPlace;
  /** The tensor of the map to logits: the first of these that the checkpoint has. */
  readonly head?: readonly string[];
}

/** How the models of one family are built. */
export interface Architecture {
  readonly name: string;
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** How the names of its classes begin, in `architectures` of config.json. */
  readonly classes: string;
  /** Tensors of a layer that are masks and no weights. */
  readonly masks?: RegExp;
  /** @throws MesoscopeError `invalid-value`, `unknown-name` */
  plan(settings: Settings): Blueprint;
}
