import type { Matrix } from '../../numeric/matrix.ts';
import { rowNorms } from './cloud.ts';

/** Thresholds of the cosine at which clusters are counted. */
export const clusterThresholds: readonly number[] = Array.from({ length: 19 }, (_, i) =>
  Number((0.05 * (i + 1)).toFixed(2)),
);

/** Statistics of all pairs of tokens on the sphere. */
export interface PairStatistics {
  /** `E_β = (1/2β n²) Σ_ij e^{β⟨u_i, u_j⟩}` with β = 1, u_i = x_i/|x_i| (arXiv 2312.10794). */
  readonly energy: number;
  /** Number of single-linkage clusters at each of {@link clusterThresholds}: tokens of a larger cosine are joined. */
  readonly clusters: readonly number[];
}

export function pairStatistics(points: Matrix): PairStatistics {
  const { rows: n, columns: d, data } = points;
  const norms = rowNorms(points);
  const pairs: { readonly i: number; readonly j: number; readonly cosine: number }[] = [];
  let energy = n * Math.E;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let product = 0;
      for (let a = 0; a < d; a++) product += data[i * d + a] * data[j * d + a];
      const cosine = product / (norms[i] * norms[j]);
      energy += 2 * Math.exp(cosine);
      pairs.push({ i, j, cosine });
    }
  }
  return { energy: energy / (2 * n * n), clusters: clusterCurve(n, pairs) };
}

/** Joins pairs from the largest cosine down, and counts what is left at each threshold. */
function clusterCurve(
  n: number,
  pairs: { readonly i: number; readonly j: number; readonly cosine: number }[],
): number[] {
  pairs.sort((a, b) => b.cosine - a.cosine);
  const parent = Array.from({ length: n }, (_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parent[at] !== at) at = parent[at];
    parent[i] = at;
    return at;
  };
  const counts = new Array<number>(clusterThresholds.length);
  let left = n;
  let next = 0;
  for (let t = clusterThresholds.length - 1; t >= 0; t--) {
    for (; next < pairs.length && pairs[next].cosine > clusterThresholds[t]; next++) {
      const [a, b] = [root(pairs[next].i), root(pairs[next].j)];
      if (a === b) continue;
      parent[a] = b;
      left--;
    }
    counts[t] = left;
  }
  return counts;
}
