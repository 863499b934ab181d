import { refuse } from '../numeric/checks.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { cellWidth, type Law } from './law.ts';

/**
 * n independent points of a law: n × d, one point a row.
 *
 * @param n - at least 0
 * @param stream - where the random numbers come from
 * @throws MesoscopeError `invalid-value` unless n is a whole number ≥ 0
 */
export function sampleLaw(law: Law, n: number, stream: RandomStream): Matrix {
  if (!Number.isInteger(n) || n < 0) {
    refuse('n', n, 'a whole number ≥ 0');
  }
  const d = law.dimension;
  const points = zeros(n, d);
  const draw = sampler(law);
  for (let i = 0; i < n; i++) draw(stream, points.data.subarray(i * d, (i + 1) * d));
  return points;
}

type Sampler = (stream: RandomStream, out: Float64Array) => void;

function sampler(law: Law): Sampler {
  const d = law.dimension;
  switch (law.kind) {
    case 'particles': {
      const choose = categorical(law.weights);
      return (stream, out) => {
        const i = choose(stream);
        out.set(law.points.data.subarray(i * d, (i + 1) * d));
      };
    }
    case 'gaussian': {
      const normals = new Float64Array(d);
      return (stream, out) => {
        stream.normals(normals);
        for (let a = 0; a < d; a++) {
          let value = law.mean[a];
          for (let b = 0; b < d; b++) value += law.root.data[a * d + b] * normals[b];
          out[a] = value;
        }
      };
    }
    case 'box':
      return (stream, out) => {
        for (let a = 0; a < d; a++) {
          out[a] = law.low[a] + stream.uniform() * (law.high[a] - law.low[a]);
        }
      };
    case 'grid': {
      const choose = categorical(law.masses);
      return (stream, out) => {
        let index = choose(stream);
        for (let a = d - 1; a >= 0; a--) {
          const { low, cells } = law.axes[a];
          out[a] = low + ((index % cells) + stream.uniform()) * cellWidth(law.axes[a]);
          index = Math.floor(index / cells);
        }
      };
    }
    case 'mixture': {
      const choose = categorical(law.weights);
      const samplers = law.components.map(sampler);
      return (stream, out) => samplers[choose(stream)](stream, out);
    }
  }
}

/** Draws an index with the given probabilities, by bisection of their cumulative sums. */
function categorical(weights: Float64Array): (stream: RandomStream) => number {
  const cumulative = new Float64Array(weights.length);
  let sum = 0;
  let last = 0;
  weights.forEach((weight, i) => {
    sum += weight;
    cumulative[i] = sum;
    if (weight > 0) last = i;
  });
  return (stream) => {
    const target = stream.uniform() * sum;
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] > target) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
