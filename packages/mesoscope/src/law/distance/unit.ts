import type { ParticleLaw } from '../law.ts';

/** Two clouds in a unit of length in which squares neither overflow nor vanish. */
export interface InUnit {
  readonly mu: ParticleLaw;
  readonly nu: ParticleLaw;
  /** Length of the new unit in old ones: a power of two, so that nothing is rounded. */
  readonly unit: number;
}

/** Scales two clouds so that the largest coordinate of both, relative to the first point of μ, lies in [1, 2). */
export function inOwnUnit(mu: ParticleLaw, nu: ParticleLaw): InUnit {
  const d = mu.dimension;
  const origin = mu.points.data;
  let size = 0;
  for (const { points } of [mu, nu]) {
    points.data.forEach((value, k) => {
      size = Math.max(size, Math.abs(value - origin[k % d]));
    });
  }
  // Below 2⁻¹⁰²² numbers lose digits anyway.
  const unit = size > 0 ? 2 ** Math.max(-1000, Math.floor(Math.log2(size))) : 1;
  const scaled = (law: ParticleLaw): ParticleLaw => ({
    ...law,
    points: { ...law.points, data: law.points.data.map((value) => value / unit) },
  });
  return unit === 1 ? { mu, nu, unit } : { mu: scaled(mu), nu: scaled(nu), unit };
}
