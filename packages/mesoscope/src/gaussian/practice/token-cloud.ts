import type { Matrix } from '../../numeric/matrix.ts';

/** The tokens of one sequence as a layer sees them. */
export interface TokenCloud {
  /** How many layers they have passed: 0 for the input. */
  readonly layer: number;
  /** n × d, one token a row. */
  readonly points: Matrix;
  /**
   * The tilt σ of the layer that comes next, in the head where it is largest: root mean square over the tokens of the deviation
   * of a token's scores over all keys, after normalisation and scaling. Null after the last layer.
   */
  readonly tilt: number | null;
}

/**
 * Where per-layer token clouds come from: blocks with random or prescribed weights, or a real checkpoint. The clouds come in the
 * order of the layers, from the input on.
 */
export interface TokenCloudSource {
  readonly name: string;
  /** L: there are L + 1 clouds. */
  readonly layers: number;
  clouds(): AsyncIterable<TokenCloud>;
}
