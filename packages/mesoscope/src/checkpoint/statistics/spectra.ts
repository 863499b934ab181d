import { eigenvalues } from '../../numeric/decompositions.ts';
import { block, type Matrix, multiply, trace, transpose } from '../../numeric/matrix.ts';
import { type LoadedLayer, layerBlock } from '../model.ts';

/** Spectra of one head's matrices, as they act on what attention sees. They do not change under Q → GQ, K → G^{−T}K. */
export interface SpectrumStatistics {
  /** Share of the v eigenvalues of O_h V_h that are not 0 for dimension's sake with real part < 0. Random: 1/2. */
  readonly valueNegative: number;
  /** Largest modulus of an eigenvalue of O_h V_h. */
  readonly valueRadius: number;
  /** `|B − Bᵀ|²/4|B|²`, B = βQ_hᵀK_h: 0 symmetric, 1 skew, random 1/2. */
  readonly skewShare: number;
  /** `tr B/(|B|√k)`: random 0, B = I of rank k 1. */
  readonly relativeTrace: number;
  /** Share of the k eigenvalues of B with real part < 0. */
  readonly scoreNegative: number;
}

/** The spectra of every head of a layer. */
export function layerSpectra(layer: LoadedLayer): SpectrumStatistics[] {
  const {
    heads,
    keyDimension = 1,
    keyHeads = heads,
    valueDimension = keyDimension,
  } = layer.plan.options.attention;
  const matrixOf = (name: string): Matrix => {
    const found = layerBlock(layer, `attention.${name}`);
    if (found === undefined) throw new RangeError(`no block ${name}`);
    return found;
  };
  const [Q, K, V, O] = ['Q', 'K', 'V', 'O'].map(matrixOf);
  return Array.from({ length: heads }, (_, h) => {
    const group = Math.floor((h * keyHeads) / heads);
    return spectrumOf({
      Q: block(Q, h * keyDimension, 0, keyDimension, Q.columns),
      K: block(K, group * keyDimension, 0, keyDimension, K.columns),
      V: block(V, group * valueDimension, 0, valueDimension, V.columns),
      O: block(O, 0, h * valueDimension, O.rows, valueDimension),
    });
  });
}

/** The small matrices K Qᵀ and V O have the eigenvalues of QᵀK and O V that are not 0 for dimension's sake. */
export function spectrumOf({ Q, K, V, O }: Readonly<Record<'Q' | 'K' | 'V' | 'O', Matrix>>) {
  const scores = multiply(K, transpose(Q));
  const values = eigenvalues(multiply(V, O));
  const signs = eigenvalues(scores);
  const squaredNorm = product(multiply(Q, transpose(Q)), multiply(K, transpose(K)));
  const squaredTrace = trace(multiply(scores, scores));
  return {
    valueNegative: negativeShare(values.real),
    valueRadius: values.real.reduce(
      (largest, real, i) => Math.max(largest, Math.hypot(real, values.imaginary[i])),
      0,
    ),
    skewShare: (1 - squaredTrace / squaredNorm) / 2,
    relativeTrace: trace(scores) / Math.sqrt(squaredNorm * Q.rows),
    scoreNegative: negativeShare(signs.real),
  };
}

/** `Σ_ab A_ab B_ab`, both symmetric: `tr AB`. */
function product(a: Matrix, b: Matrix): number {
  return a.data.reduce((sum, x, at) => sum + x * b.data[at], 0);
}

function negativeShare(real: Float64Array): number {
  return real.reduce((count, x) => count + (x < 0 ? 1 : 0), 0) / real.length;
}
