import { type HeadLaw, headLaw, headLength } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/**
 * Shares the mass out among the heads so that the penalty is least while the logits stay: with `U_i = w_iV_i` held fixed,
 * `Σ_i |U_i|²/w_i + w_i(|Q_i|² + |K_i|²)` over the simplex is least at `w_i = |U_i|/√(|Q_i|² + |K_i|² + ν)`, ν such that the
 * weights sum to 1; mass that is left over for ν = 0 stands at the head 0. Heads with V = 0 lose their mass. The law is
 * returned as it is if λ = 0, if a head would leave the ball, or if nothing is gained.
 */
export function rebalance(problem: HeadProblem, law: HeadLaw): HeadLaw {
  const { shape, parameters, weights, count } = law;
  if (problem.regularisation === 0) return law;
  const P = headLength(shape);
  const D = 2 * shape.keyDimension * shape.dimension;
  const scores = new Float64Array(count);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < P; j++) {
      const square = parameters[i * P + j] ** 2;
      if (j < D) scores[i] += square;
      else values[i] += square;
    }
    values[i] = weights[i] * Math.sqrt(values[i]);
  }
  const kept = [...values.keys()].filter((i) => values[i] > 0);
  if (kept.length === 0) return law;
  const massAt = (nu: number) =>
    kept.reduce((sum, i) => sum + values[i] / Math.sqrt(scores[i] + nu), 0);
  const nu = massAt(0) <= 1 ? 0 : multiplier(massAt);
  const mass = kept.map((i) => values[i] / Math.sqrt(scores[i] + nu));
  const rest = Math.max(0, 1 - mass.reduce((a, b) => a + b, 0));
  const hasRest = rest > 1e-9;
  const heads = new Float64Array((kept.length + (hasRest ? 1 : 0)) * P);
  kept.forEach((i, to) => {
    for (let j = 0; j < P; j++) {
      const factor = j < D ? 1 : weights[i] / mass[to];
      heads[to * P + j] = factor * parameters[i * P + j];
    }
  });
  const all = hasRest ? [...mass, rest] : mass;
  const total = all.reduce((a, b) => a + b, 0);
  const balanced = headLaw(
    shape,
    heads,
    all.map((w) => w / total),
  );
  for (let i = 0; i < heads.length; i += P) {
    if (Math.hypot(...heads.subarray(i, i + P)) > problem.radius) return law;
  }
  return problem.risk(balanced).risk <= problem.risk(law).risk ? balanced : law;
}

/** ν > 0 with `mass(ν) = 1`, for a decreasing function with `mass(0) > 1`. */
function multiplier(mass: (nu: number) => number): number {
  let high = 1;
  while (mass(high) > 1) high *= 4;
  let low = 0;
  for (let i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    const middle = (low + high) / 2;
    if (mass(middle) > 1) low = middle;
    else high = middle;
  }
  return high;
}
