import { symmetricEigen } from '../numeric/decompositions.ts';
import { zeros } from '../numeric/matrix.ts';
import { type GaussianLaw, type ParticleLaw, particles } from './law.ts';

/**
 * Weighted points that stand for a Gaussian law: the Gauss–Hermite rule with `nodes` points in each direction,
 * `nodes^d` in all. Exact for polynomials of degree `2·nodes − 1`, and for exponentials `e^{⟨ξ,y⟩}` to rounding while
 * `|Σ^{1/2}ξ|` is below about `√nodes/2`. Nodes and weights from the Jacobi matrix (Golub & Welsch, Math. Comp. 23 (1969)
 * 221).
 *
 * @throws MesoscopeError `invalid-value`
 */
export function gaussianQuadrature(law: GaussianLaw, nodes: number): ParticleLaw {
  const { dimension: d, mean, root } = law;
  const jacobi = zeros(nodes, nodes);
  for (let i = 1; i < nodes; i++) {
    jacobi.data[i * nodes + i - 1] = Math.sqrt(i);
    jacobi.data[(i - 1) * nodes + i] = Math.sqrt(i);
  }
  const { values, vectors } = symmetricEigen(jacobi, 'Jacobi matrix');
  const count = nodes ** d;
  const points = zeros(count, d);
  const weights = new Float64Array(count).fill(1);
  for (let j = 0; j < count; j++) {
    for (let b = 0, rest = j; b < d; b++, rest = Math.floor(rest / nodes)) {
      const node = rest % nodes;
      // The first entry of an eigenvector, squared: vectors stand in columns.
      weights[j] *= vectors.data[node] ** 2;
      for (let a = 0; a < d; a++) points.data[j * d + a] += root.data[a * d + b] * values[node];
    }
    for (let a = 0; a < d; a++) points.data[j * d + a] += mean[a];
  }
  return particles(points, weights);
}
