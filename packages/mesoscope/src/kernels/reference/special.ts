/** Density of the standard normal law: `e^{−y²/2}/√(2π)`. */
export function normalDensity(y: number): number {
  return Math.exp(-0.5 * y * y) / Math.sqrt(2 * Math.PI);
}

/**
 * Distribution function of the standard normal law, `Φ(y)`, to a few units in the last place of `min(Φ, 1 − Φ)`: the
 * series `Φ(y) = ½ + φ(y) Σ_k y^{2k+1}/(2k+1)!!` near 0, the continued fraction of Mills' ratio in the tails
 * (Abramowitz and Stegun, 26.2.11 and 26.2.14).
 */
export function normalCumulative(y: number): number {
  if (Math.abs(y) < 2.5) return 0.5 + normalDensity(y) * oddFactorialSeries(y);
  const tail = normalDensity(y) * millsRatio(Math.abs(y));
  return y < 0 ? tail : 1 - tail;
}

/** `Σ_k y^{2k+1}/(2k+1)!!`. */
function oddFactorialSeries(y: number): number {
  let term = y;
  let total = y;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(total); k += 2) {
    term *= (y * y) / k;
    total += term;
  }
  return total;
}

/** `(1 − Φ(y))/φ(y) = 1/(y + 1/(y + 2/(y + 3/(y + …))))` for y ≥ 2.5. */
function millsRatio(y: number): number {
  let denominator = y;
  for (let k = 120; k >= 1; k--) denominator = y + k / denominator;
  return 1 / denominator;
}
