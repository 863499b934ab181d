import { box, gaussian, type Law, mixture, particles } from '../law/law.ts';
import { add, type Matrix, scale } from '../numeric/matrix.ts';
import { type RandomStream, randomStream } from '../numeric/random.ts';
import type { Injectivity } from './injectivity.ts';
import { type EnsembleInputs, ensembleInputs } from './inputs.ts';

type Answer = Injectivity['verdict'];

/** Contexts of a kind whose dependence is known, in the plane. */
export interface ContextFamily {
  readonly name: string;
  readonly moduloAffine: Answer;
  readonly moduloConstants: Answer;
  /** Random contexts with one common normal token. */
  make(seed: number, index: number): EnsembleInputs;
}

const dimension = 2;

function family(
  name: string,
  moduloAffine: Answer,
  moduloConstants: Answer,
  contexts: (stream: RandomStream) => Law[],
): ContextFamily {
  return {
    name,
    moduloAffine,
    moduloConstants,
    make(seed, index) {
      const stream = randomStream(seed, name, index);
      const laws = contexts(stream);
      const token = point(stream);
      return ensembleInputs(
        laws,
        laws.map(() => token),
      );
    },
  };
}

/** Families with a known answer: distinct discrete sets, boxes, mixtures, Gaussians, translates. */
export const contextFamilies: readonly ContextFamily[] = [
  family('discrete', 'independent', 'independent', (stream) =>
    times(3, () => cloud(stream, [0, 0])),
  ),
  family('boxes', 'independent', 'independent', (stream) =>
    times(3, () => {
      const low = point(stream);
      return box(
        low,
        low.map((x) => x + 1 + 2 * stream.uniform()),
      );
    }),
  ),
  family('mixtures', 'independent', 'independent', (stream) =>
    times(3, () =>
      mixture([
        { weight: 0.4, law: gaussian(point(stream), covariance(stream)) },
        { weight: 0.6, law: gaussian(point(stream), covariance(stream)) },
      ]),
    ),
  ),
  family('threeGaussians', 'independent', 'independent', (stream) =>
    times(3, () => gaussian([0, 0], covariance(stream))),
  ),
  family('gaussianTriple', 'dependent', 'dependent', gaussianTriple),
  family('fourGaussians', 'dependent', 'dependent', (stream) =>
    times(4, () => gaussian([0, 0], covariance(stream))),
  ),
  family('translates', 'dependent', 'independent', (stream) => translates(stream, 0)),
  family('nearTranslates', 'independent', 'independent', (stream) => translates(stream, 1e-6)),
];

/** A cloud and its translate, whose points are off by a share of normal numbers. */
function translates(stream: RandomStream, share: number): Law[] {
  const [first, state] = [cloud(stream, [0, 0]), point(stream)];
  const { points } = first as Extract<Law, { kind: 'particles' }>;
  const moved = points.data.map((x, i) => x + state[i % dimension] + share * stream.normal());
  return [first, particles({ ...points, data: moved })];
}

/** Three centred Gaussians with `Σ_3 = (Σ_1 + Σ_2)/2`, up to a share of a third covariance. */
export function gaussianTriple(stream: RandomStream, share = 0): Law[] {
  const [one, two, other] = [covariance(stream), covariance(stream), covariance(stream)];
  const middle = add(scale(0.5, add(one, two)), other, share);
  return [one, two, middle].map((matrix) => gaussian([0, 0], matrix));
}

/** How far {@link nearTriples} are from dependence. */
export const nearness = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7];

/** One triple on its way to dependence: independent, of singular values that fall like the nearness. */
export const nearTriples: readonly ContextFamily[] = nearness.map((share) => ({
  ...family('near triple', 'independent', 'independent', (stream) => gaussianTriple(stream, share)),
  name: `tripleOffBy${share.toExponential()}`,
}));

/** `AAᵀ/2 + 0.2 I` with normal A, 2 × 2. */
export function covariance(stream: RandomStream): Matrix {
  const [a, b, c, d] = stream.normals(new Float64Array(4));
  const off = (a * c + b * d) / 2;
  return {
    rows: 2,
    columns: 2,
    data: Float64Array.of((a * a + b * b) / 2 + 0.2, off, off, (c * c + d * d) / 2 + 0.2),
  };
}

function cloud(stream: RandomStream, centre: readonly number[]): Law {
  return particles(times(5, () => point(stream).map((x, a) => x + centre[a])));
}

function point(stream: RandomStream): number[] {
  return Array.from(stream.normals(new Float64Array(dimension)));
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
