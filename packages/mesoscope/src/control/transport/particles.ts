import type { PointCloud, TokenVelocity } from './velocity.ts';

/**
 * Moves weighted particles by `ẋ = f(x, m_t)`, m_t their own law, with the classical Runge–Kutta scheme.
 *
 * @returns the cloud at `horizon`; the given one is not changed
 */
export function transportParticles(
  velocity: TokenVelocity,
  initial: PointCloud,
  { horizon, steps }: { readonly horizon: number; readonly steps: number },
): PointCloud {
  const { weights } = initial;
  const points = initial.points.slice();
  const length = points.length;
  const slopes = Array.from({ length: 4 }, () => new Float64Array(length));
  const stage = new Float64Array(length);
  const step = horizon / steps;
  for (let k = 0; k < steps; k++) {
    for (let j = 0; j < 4; j++) {
      const shift = j === 0 ? 0 : j === 3 ? step : step / 2;
      for (let i = 0; i < length; i++)
        stage[i] = points[i] + (j === 0 ? 0 : shift * slopes[j - 1][i]);
      velocity.write(stage, { points: stage, weights }, slopes[j]);
    }
    for (let i = 0; i < length; i++) {
      points[i] += (step / 6) * (slopes[0][i] + 2 * slopes[1][i] + 2 * slopes[2][i] + slopes[3][i]);
    }
  }
  return { points, weights };
}
