import { createGaussianMap } from '../../ensemble/gaussian-map.ts';
import { type EnsembleInputs, ensembleInputs } from '../../ensemble/inputs.ts';
import { ensembleLayout } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { squareLoss } from '../../ensemble/token-loss.ts';
import type { TokenMap } from '../../ensemble/token-map.ts';
import type { Backend } from '../../kernels/backend.ts';
import { gaussian, type ParticleLaw } from '../../law/law.ts';
import { gaussianQuadrature } from '../../law/quadrature.ts';
import { scale } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { covariance } from './context-families.ts';
import { randomHeadPath } from './head-path.ts';
import { displacedTargets } from './instance.ts';

const layers = 8;
/** Quadrature points in each direction; contexts with more points in all are not compared. */
const nodes = 24;
const mostPoints = 600;
/** Heads whose tilt the quadrature resolves; twice as large ones carry attention beyond its last points. */
const headSize = 0.25;

/** Three random Gaussian contexts in the plane with tokens. */
export function randomGaussianInputs(seed: number): EnsembleInputs {
  const stream = randomStream(seed, 'Gaussian contexts');
  const point = () => stream.normals(new Float64Array(2));
  const contexts = [0, 1, 2].map(() => gaussian(point(), scale(0.5, covariance(stream))));
  return ensembleInputs(contexts, contexts.map(point));
}

/**
 * The gradient on Gaussian contexts two ways: by the exact recursion of means and covariances and its own adjoint, and by
 * kernels on quadrature points of the same contexts, which the field moves affinely, so that they stay a quadrature.
 * Largest difference over the largest entry; undefined where a context is not Gaussian or takes too many points.
 */
export function closureError(
  backend: Backend,
  inputs: EnsembleInputs,
  keyDimension: number,
  seed: number,
): number | undefined {
  const { dimension, tokens } = inputs;
  if (nodes ** dimension > mostPoints) return undefined;
  const path = randomHeadPath({ dimension, keyDimension, atoms: 4 }, seed, headSize);
  const contexts: ParticleLaw[] = [];
  for (const law of inputs.contexts) {
    if (law.kind !== 'gaussian') return undefined;
    contexts.push(gaussianQuadrature(law, nodes));
  }
  const flat = Float64Array.from(tokens.flatMap((x) => Array.from(x)));
  const loss = squareLoss(displacedTargets(flat, dimension, 1, 1), dimension);
  return backend.scoped(() => {
    const layout = ensembleLayout({ dimension, keyDimension, layers, heads: path.atoms });
    const gradientOf = (map: TokenMap) => {
      const gradient = new Float64Array(layout.length);
      map.differentiate(path.network(layout), loss.costate, gradient);
      return gradient;
    };
    const exact = gradientOf(createGaussianMap({ layout, inputs }));
    const points = gradientOf(
      createParticleMap(backend, { layout, inputs: { ...inputs, contexts } }),
    );
    const largest = (x: Float64Array) =>
      x.reduce((max, entry) => Math.max(max, Math.abs(entry)), 0);
    return largest(points.map((entry, i) => entry - exact[i])) / largest(exact);
  });
}
