import type { Backend } from '../kernels/backend.ts';
import { gaussian, type ParticleLaw } from '../law/law.ts';
import { gaussianQuadrature } from '../law/quadrature.ts';
import { scale } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { covariance } from './context-families.ts';
import { displacedTargets, flatTokens } from './experiment.ts';
import { createGaussianMap } from './gaussian-map.ts';
import { type HeadPath, randomHeadPath } from './head-path.ts';
import { type EnsembleInputs, ensembleInputs } from './inputs.ts';
import { ensembleLayout } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { squareLoss } from './token-loss.ts';
import type { TokenMap } from './token-map.ts';

const layers = 8;
/** Quadrature points in each direction, and fewer to judge them by; contexts with more points in all are not compared. */
const nodes = 24;
const fewerNodes = 20;
const mostPoints = 600;
/** Heads whose tilt the quadrature resolves; three times as large ones carry attention beyond its last points. */
const headSize = 0.15;

/** Three random Gaussian contexts in the plane with tokens. */
export function randomGaussianInputs(seed: number): EnsembleInputs {
  const stream = randomStream(seed, 'Gaussian contexts');
  const point = () => stream.normals(new Float64Array(2));
  const contexts = [0, 1, 2].map(() => gaussian(point(), scale(0.5, covariance(stream))));
  return ensembleInputs(contexts, contexts.map(point));
}

/** Two computations of one gradient. */
export interface ClosureError {
  /** Largest difference of an entry. */
  readonly difference: number;
  /** What the quadrature leaves open, the change from fewer nodes, and an ulp of the scale at each layer and point. */
  readonly uncertainty: number;
  /** The largest entry. */
  readonly scale: number;
}

/**
 * The gradient on Gaussian contexts two ways: by the exact recursion of means and covariances and its own adjoint, and by
 * kernels on quadrature points of the same contexts, which the field moves affinely, so that they stay a quadrature.
 * Undefined where a context is not Gaussian or takes too many points.
 *
 * @param path - default: random heads small enough for the quadrature
 */
export function closureError(
  backend: Backend,
  inputs: EnsembleInputs,
  { keyDimension, seed }: { readonly keyDimension: number; readonly seed: number },
  path: HeadPath = randomHeadPath(
    { dimension: inputs.dimension, keyDimension, atoms: 4 },
    seed,
    headSize,
  ),
): ClosureError | undefined {
  const { dimension } = inputs;
  const points = nodes ** dimension;
  const gaussians = inputs.contexts.flatMap((law) => (law.kind === 'gaussian' ? [law] : []));
  if (gaussians.length < inputs.contexts.length || points > mostPoints) return undefined;
  const loss = squareLoss(displacedTargets(flatTokens(inputs), dimension, 1, seed), dimension);
  const layout = ensembleLayout({ dimension, keyDimension, layers, heads: path.atoms });
  const gradientOf = (map: TokenMap) => {
    const gradient = new Float64Array(layout.length);
    map.differentiate(path.network(layout), loss.costate, gradient);
    return gradient;
  };
  const byQuadrature = (count: number) =>
    backend.scoped(() => {
      const contexts: ParticleLaw[] = gaussians.map((law) => gaussianQuadrature(law, count));
      return gradientOf(createParticleMap(backend, { layout, inputs: { ...inputs, contexts } }));
    });
  const exact = gradientOf(createGaussianMap({ layout, inputs }));
  const fine = byQuadrature(nodes);
  const coarse = byQuadrature(fewerNodes);
  const largest = (x: Float64Array) => x.reduce((max, entry) => Math.max(max, Math.abs(entry)), 0);
  const size = largest(exact);
  return {
    difference: largest(fine.map((entry, i) => entry - exact[i])),
    uncertainty:
      largest(fine.map((entry, i) => entry - coarse[i])) +
      Number.EPSILON * layers * Math.sqrt(points) * size,
    scale: size,
  };
}
