import { randomStream } from '../numeric/random.ts';
import {
  type EnsembleHead,
  type EnsembleLayout,
  ensembleHeadLength,
  headOffsets,
} from './parameters.ts';

/** A law of heads at every depth with finitely many atoms `θ_j(s)`, j < J, that move smoothly with depth. */
export interface HeadPath {
  /** J. */
  readonly atoms: number;
  /** The atoms at depth s: the exact law ν_s. */
  heads(s: number): EnsembleHead[];
  /**
   * The parameters of an L-layer network whose layer l has heads `θ_j(l/L)`: all atoms once (H = J), or the chosen
   * ones.
   */
  network(layout: EnsembleLayout, choose?: () => number): Float64Array;
}

/** `θ_j(s) = a_j + b_j cos(πs) + c_j s` with normal entries of deviation `size`. */
export function randomHeadPath(
  shape: { readonly dimension: number; readonly keyDimension: number; readonly atoms: number },
  seed: number,
  size = 0.6,
): HeadPath {
  const { dimension: d, keyDimension: k, atoms } = shape;
  const length = 2 * k * d + d * d;
  const [a, b, c] = ['constant', 'cosine', 'linear'].map((part) =>
    Array.from({ length: atoms }, (_, j) =>
      randomStream(seed, `head path, ${part} part`, j).normals(new Float64Array(length)),
    ),
  );
  const atom = (j: number, s: number) =>
    a[j].map((x, i) => size * (x + b[j][i] * Math.cos(Math.PI * s) + c[j][i] * s));
  return {
    atoms,
    heads: (s) =>
      Array.from({ length: atoms }, (_, j) => {
        const theta = atom(j, s);
        return {
          Q: { rows: k, columns: d, data: theta.subarray(0, k * d) },
          K: { rows: k, columns: d, data: theta.subarray(k * d, 2 * k * d) },
          V: { rows: d, columns: d, data: theta.subarray(2 * k * d) },
        };
      }),
    network(layout, choose) {
      const theta = new Float64Array(layout.length);
      for (let l = 0; l < layout.layers; l++) {
        for (let h = 0; h < layout.heads; h++) {
          const values = atom(choose === undefined ? h : choose(), l / layout.layers);
          const { Q, K, V } = headOffsets(layout, l, h);
          theta.set(values.subarray(0, k * d), Q);
          theta.set(values.subarray(k * d, 2 * k * d), K);
          theta.set(values.subarray(2 * k * d), V);
        }
      }
      return theta;
    },
  };
}

/** One head's part of a network's gradient, in the order Q, K, V. */
export function headPart(
  layout: EnsembleLayout,
  gradient: Float64Array,
  layer: number,
  head: number,
): Float64Array {
  const { dimension: d, keyDimension: k } = layout;
  const { Q, K, V } = headOffsets(layout, layer, head);
  const out = new Float64Array(ensembleHeadLength(layout));
  out.set(gradient.subarray(Q, Q + k * d));
  out.set(gradient.subarray(K, K + k * d), k * d);
  out.set(gradient.subarray(V, V + d * d), 2 * k * d);
  return out;
}
