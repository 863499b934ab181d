import { gaussian, particles } from '../law/law.ts';
import { randomStream } from '../numeric/random.ts';
import {
  type DiscreteInputs,
  type EnsembleInputs,
  ensembleInputs,
  sampledInputs,
} from './inputs.ts';

/** N contexts of different sizes with random weights, tokens and targets, all normal. For tests. */
export function randomInputs(seed: number, samples: number, dimension: number): DiscreteInputs {
  const stream = randomStream(seed, 'test inputs');
  const point = () => Array.from(stream.normals(new Float64Array(dimension)));
  const contexts = Array.from({ length: samples }, (_, i) => {
    const points = Array.from({ length: 3 + i }, point);
    const raw = points.map(() => 0.2 + stream.uniform());
    const total = raw.reduce((a, b) => a + b);
    return particles(
      points,
      raw.map((w) => w / total),
    );
  });
  return sampledInputs(ensembleInputs(contexts, contexts.map(point)));
}

/** N Gaussian contexts with tokens. For tests. */
export function randomGaussians(seed: number, samples: number): EnsembleInputs {
  const stream = randomStream(seed, 'test gaussians');
  const normal = () => stream.normal();
  const contexts = Array.from({ length: samples }, () => {
    const [a, b, c] = [normal(), normal(), normal()];
    return gaussian(
      [normal(), normal()],
      [
        [a * a + 0.3, a * b],
        [a * b, b * b + c * c + 0.3],
      ],
    );
  });
  return ensembleInputs(
    contexts,
    contexts.map(() => [normal(), normal()]),
  );
}

/** Normal numbers. */
export function normals(seed: number, length: number): Float64Array {
  return randomStream(seed, 'test numbers').normals(new Float64Array(length));
}
