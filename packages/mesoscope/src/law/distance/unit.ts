import type { ParticleLaw } from '../law.ts';

/** Clouds in a unit of length in which squares neither overflow nor vanish. */
export interface InUnit {
  readonly laws: readonly ParticleLaw[];
  /** Length of the new unit in old ones: a power of two, so that nothing is rounded. */
  readonly unit: number;
}

/** Scales clouds so that the largest coordinate of all, relative to the first point of the first, lies in [1, 2). */
export function inOwnUnit(laws: readonly ParticleLaw[]): InUnit {
  const [{ dimension: d, points: origin }] = laws;
  let size = 0;
  for (const { points } of laws) {
    const { data } = points;
    for (let k = 0; k < data.length; k++) {
      size = Math.max(size, Math.abs(data[k] - origin.data[k % d]));
    }
  }
  // Below 2⁻¹⁰²² numbers lose digits anyway.
  const unit = size > 0 ? 2 ** Math.max(-1000, Math.floor(Math.log2(size))) : 1;
  if (unit === 1) return { laws, unit };
  const scaled = (data: Float64Array) => data.map((value) => value / unit);
  return {
    laws: laws.map((law) => ({
      ...law,
      points: { ...law.points, data: scaled(law.points.data) },
    })),
    unit,
  };
}
