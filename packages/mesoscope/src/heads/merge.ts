import { type HeadLaw, headLaw, headLength } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** Heads whose scores differ by less than this fraction of their size are tried as one. */
const closeness = 0.02;

/**
 * Merges heads that coincide up to the gauge `Q → GQ, K → G⁻ᵀK`: two heads whose `KᵀQ` are close become one with the mean of
 * their values, if that does not raise the risk (with equal `KᵀQ` it never does: the logits stay, and `|V|²` is convex).
 */
export function mergeHeads(problem: HeadProblem, law: HeadLaw): HeadLaw {
  let merged = law;
  let risk = problem.risk(law).risk;
  for (let i = 0; i < merged.count; i++) {
    for (let j = i + 1; j < merged.count; j++) {
      if (!sameScores(merged, i, j)) continue;
      const candidate = withMerged(merged, i, j);
      const { risk: lower } = problem.risk(candidate);
      if (lower > risk + 1e-12 * Math.abs(risk)) continue;
      merged = candidate;
      risk = lower;
      j--;
    }
  }
  return merged;
}

function sameScores(law: HeadLaw, i: number, j: number): boolean {
  const a = scoreMatrix(law, i);
  const b = scoreMatrix(law, j);
  let difference = 0;
  let size = 0;
  for (let e = 0; e < a.length; e++) {
    difference += (a[e] - b[e]) ** 2;
    size += a[e] ** 2 + b[e] ** 2;
  }
  return difference <= closeness * closeness * size + 1e-20;
}

/** `KᵀQ`, d × d: what the scores depend on. */
export function scoreMatrix({ shape, parameters }: HeadLaw, i: number): Float64Array {
  const { dimension: d, keyDimension: k } = shape;
  const start = i * headLength(shape);
  const product = new Float64Array(d * d);
  for (let row = 0; row < k; row++) {
    for (let a = 0; a < d; a++) {
      const key = parameters[start + (k + row) * d + a];
      for (let b = 0; b < d; b++) product[a * d + b] += key * parameters[start + row * d + b];
    }
  }
  return product;
}

/** Head j goes into head i: weights add, the heavier one's scores stay, values become the weighted mean. */
function withMerged(law: HeadLaw, i: number, j: number): HeadLaw {
  const { shape, parameters, weights, count } = law;
  const P = headLength(shape);
  const scores = 2 * shape.keyDimension * shape.dimension;
  const total = weights[i] + weights[j];
  const head = parameters.slice(i * P, (i + 1) * P);
  if (weights[j] > weights[i]) head.set(parameters.subarray(j * P, j * P + scores));
  for (let e = scores; e < P; e++) {
    head[e] = (weights[i] * parameters[i * P + e] + weights[j] * parameters[j * P + e]) / total;
  }
  const kept = Array.from({ length: count }, (_, index) => index).filter((index) => index !== j);
  const result = new Float64Array(kept.length * P);
  kept.forEach((index, to) => {
    result.set(index === i ? head : parameters.subarray(index * P, (index + 1) * P), to * P);
  });
  return headLaw(
    shape,
    result,
    kept.map((index) => (index === i ? total : weights[index])),
  );
}
