import type { LawDescription } from '../../law/schema.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';

/** Contexts, tokens and targets of a study, as a person would write them. */
export interface EnsembleTask {
  readonly contexts: LawDescription[];
  readonly tokens: number[][];
  readonly targets: number[][];
}

type MakeTask = (seed: number) => EnsembleTask;

/** Six discrete contexts of 8 points in the plane, with normal tokens and targets one unit from them. */
export const sixDiscreteContexts: MakeTask = (seed) => {
  const stream = randomStream(seed, 'six discrete contexts');
  return withTargets(
    stream,
    times(6, () => ({ points: times(8, () => normal(stream, 2)) })),
    times(6, () => normal(stream, 2)),
  );
};

/** Four mixtures of two Gaussians in the plane. */
export const gaussianMixtures: MakeTask = (seed) => {
  const stream = randomStream(seed, 'gaussian mixtures');
  return withTargets(
    stream,
    times(4, () => ({
      mixture: times(2, () => ({
        weight: 0.5,
        mean: normal(stream, 2),
        covariance: covariance(stream),
      })),
    })),
    times(4, () => normal(stream, 2)),
  );
};

/** Three centred Gaussians with `Σ_3 = (Σ_1 + Σ_2)/2` and one token. */
export const dependentTriple: MakeTask = (seed) => {
  const stream = randomStream(seed, 'dependent triple study');
  const [one, two] = [covariance(stream), covariance(stream)];
  const third = one.map((row, a) => row.map((entry, b) => (entry + two[a][b]) / 2));
  const token = normal(stream, 2);
  return withTargets(
    stream,
    [one, two, third].map((matrix) => ({ gaussian: { mean: [0, 0], covariance: matrix } })),
    times(3, () => [...token]),
  );
};

function withTargets(
  stream: RandomStream,
  contexts: LawDescription[],
  tokens: number[][],
): EnsembleTask {
  return {
    contexts,
    tokens,
    targets: tokens.map((x) => {
      const angle = 2 * Math.PI * stream.uniform();
      return [x[0] + Math.cos(angle), x[1] + Math.sin(angle)];
    }),
  };
}

function covariance(stream: RandomStream): number[][] {
  const [a, b, c, d] = normal(stream, 4);
  const off = (a * c + b * d) / 2;
  return [
    [(a * a + b * b) / 2 + 0.2, off],
    [off, (c * c + d * d) / 2 + 0.2],
  ];
}

function normal(stream: RandomStream, length: number): number[] {
  return times(length, () => stream.normal());
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
