import { columnStride } from '../kernels/instruction.ts';
import { type RandomStream, randomStream } from '../numeric/random.ts';
import type { HeadProblem } from './problem.ts';
import type { SequenceData } from './sequences.ts';

/**
 * Independent random (Q, K) with scores of size 0.1 … 16 on the data: normal entries; and, every other one, rows of Q along
 * tokens and rows of K along differences of tokens, which tell tokens of the data apart. The first is 0.
 *
 * @param from - number of the first start, so that several calls draw different ones
 */
export function randomStarts(
  { shape, data, radius }: HeadProblem,
  count: number,
  seed: number,
  from = 0,
): Float64Array[] {
  const { dimension: d, keyDimension: k } = shape;
  const size = Math.sqrt(meanSquareToken(data)) || 1;
  return Array.from({ length: count }, (_, index) => {
    const i = from + index;
    const start = new Float64Array(2 * k * d);
    if (i === 0) return start;
    const random = randomStream(seed, 'search for the best head', i);
    const scale = (0.3 * (4 / 0.3) ** random.uniform()) / size;
    random.normals(start);
    if (i % 2 === 1) alongTokens(start, data, k, random);
    for (let j = 0; j < start.length; j++) start[j] *= scale;
    const norm = Math.hypot(...start);
    return norm < 0.9 * radius ? start : start.map((x) => (0.9 * radius * x) / norm);
  });
}

/** Points moved by half their size in a random direction, `copies` times each. */
export function perturbed(
  points: readonly Float64Array[],
  copies: number,
  { radius }: HeadProblem,
  seed: number,
): Float64Array[] {
  return points.flatMap((point, p) =>
    Array.from({ length: copies }, (_, copy) => {
      const random = randomStream(seed, 'perturbed minima', p * copies + copy);
      const direction = random.normals(new Float64Array(point.length));
      const factor = (0.5 * Math.hypot(...point)) / Math.hypot(...direction);
      const moved = point.map((x, j) => x + factor * direction[j]);
      const norm = Math.hypot(...moved);
      return norm < 0.9 * radius ? moved : moved.map((x) => (0.9 * radius * x) / norm);
    }),
  );
}

/** Keeps the lengths of the rows and turns those of Q to tokens, those of K to differences of tokens. */
function alongTokens(
  start: Float64Array,
  data: SequenceData,
  k: number,
  random: RandomStream,
): void {
  const d = data.dimension;
  const stride = columnStride(data.tokens);
  const token = () => {
    const s = random.integer(data.sequences);
    const t = random.integer(data.lengths[s]);
    return Float64Array.from({ length: d }, (_, a) => data.states[(s * d + a) * stride + t]);
  };
  for (let row = 0; row < 2 * k; row++) {
    const at = start.subarray(row * d, (row + 1) * d);
    const direction = token();
    if (row >= k) {
      const other = token();
      direction.forEach((x, a) => {
        direction[a] = x - other[a];
      });
    }
    const length = Math.hypot(...direction);
    if (length === 0) continue;
    const factor = Math.hypot(...at) / length;
    direction.forEach((x, a) => {
      at[a] = factor * x;
    });
  }
}

/** E|x|². */
export function meanSquareToken({ states, lengths }: SequenceData): number {
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return states.reduce((sum, x) => sum + x * x, 0) / tokens;
}
