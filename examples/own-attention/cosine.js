import { parameterLayout, parameterMatrix } from 'mesoscope/field';

/**
 * One head whose scores are cosines, `s_ij = β cos∠(Q h_i, K h_j)`: blocks Q and K (k × d), V (d × d). Its gradient follows.
 *
 * @param {{ dimension: number, keyDimension: number, scale: number }} options d, k and β
 * @returns {import('mesoscope').Field}
 */
export function cosineAttention({ dimension, keyDimension, scale }) {
  const [d, k] = [dimension, keyDimension];
  const parameters = parameterLayout({ Q: [k, d], K: [k, d], V: [d, d] });
  /** @type {import('mesoscope/kernels').AttentionShape} */
  const shape = {
    kind: 'softmax',
    heads: 1,
    keyDimension,
    valueDimension: d,
    // A root mean square of 1 is a length of √k.
    scale: scale / k,
    causal: false,
    window: Number.POSITIVE_INFINITY,
    alibi: 0,
    softCap: Number.POSITIVE_INFINITY,
  };
  return {
    name: 'cosine attention',
    dimension,
    parameters,
    trace(builder, { state, parameters: theta, weights }) {
      /** @param {'Q' | 'K' | 'V'} block */
      const mapped = (block) => builder.product(parameterMatrix(parameters, theta, block), state);
      const queries = builder.normalise('rms', 1e-12, mapped('Q'));
      const keys = builder.normalise('rms', 1e-12, mapped('K'));
      return builder.attention({ shape, queries, keys, values: mapped('V'), weights });
    },
  };
}
