import { randomStream } from '../../numeric/random.ts';
import type { HeadData } from './instance.ts';

const random = randomStream(11, 'claim instance');

/** A matrix of normal numbers. */
export const normals = (rows: number, columns: number) =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.normal()));

/** Explicit data of every claim of paper B: four short sequences, three classes, two heads. */
export const instance: HeadData & { readonly regularisation: number } = {
  sequences: [normals(4, 2), normals(4, 2), normals(3, 2), normals(4, 2)],
  labels: [
    [0, 1, 2, 0],
    [1, 1, -1, 2],
    [2, 0, 1],
    [0, 0, 1, 2],
  ],
  classes: 3,
  regularisation: 0.05,
  heads: [
    { Q: normals(1, 2), K: normals(1, 2), V: normals(3, 2), weight: 0.25 },
    { Q: normals(1, 2), K: normals(1, 2), V: normals(3, 2), weight: 0.75 },
  ],
};

/** The tokens of an instance, each changed. */
export function withTokens(change: (token: readonly number[]) => number[]): typeof instance {
  return { ...instance, sequences: instance.sequences.map((tokens) => tokens.map(change)) };
}
