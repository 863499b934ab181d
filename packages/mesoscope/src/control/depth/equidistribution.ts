/**
 * L layers whose steps are as `ε ∝ w^{−1/2}`: they minimise `Σ ε_k² w(t_k)` at a given number of layers (Cauchy and
 * Schwarz: `L ∫ ε w dt ≥ (∫ √w dt)²`, with equality there), the bound on Euler's error with local errors `ε² w`.
 *
 * @param times K + 1 increasing depths from 0
 * @param weights w ≥ 0 on each of the K cells; below a thousandth of their mean root they count as that, and all equal if all are 0
 * @returns L + 1 depths
 */
export function equidistributedTimes(
  times: ArrayLike<number>,
  weights: readonly number[],
  layers: number,
): Float64Array {
  const cells = weights.length;
  const roots = weights.map(Math.sqrt);
  const floor = 1e-3 * (roots.reduce((a, b) => a + b, 0) / cells) || 1;
  const cumulative = new Float64Array(cells + 1);
  for (let k = 0; k < cells; k++) {
    cumulative[k + 1] = cumulative[k] + Math.max(roots[k], floor) * (times[k + 1] - times[k]);
  }
  const total = cumulative[cells];
  const result = new Float64Array(layers + 1);
  let cell = 0;
  for (let i = 1; i < layers; i++) {
    const target = (i / layers) * total;
    while (cumulative[cell + 1] < target) cell++;
    const x = (target - cumulative[cell]) / (cumulative[cell + 1] - cumulative[cell]);
    result[i] = times[cell] + x * (times[cell + 1] - times[cell]);
  }
  result[layers] = times[cells];
  return result;
}
