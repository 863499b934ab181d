import type { Figure } from '../../claims/figure.ts';
import { type HeadLaw, headLength } from '../../heads/head-law.ts';
import { scoreMatrix } from '../../heads/merge.ts';

/** A cloud of heads at one time, with Ψ of each head. */
export interface CloudFrame {
  readonly title: string;
  readonly law: HeadLaw;
  readonly psi: Float64Array;
}

/**
 * Frames of a cloud in two coordinates that no gauge changes: the leading principal component of KᵀQ, and that of V, both of
 * the last frame. Heads are coloured by Ψ on one scale for all frames, up to its upper decile.
 */
export function cloudFigures(id: string, frames: readonly CloudFrame[]): Figure[] {
  const last = frames[frames.length - 1].law;
  const axes = [principal(scoresOf(last), last.weights), principal(valuesOf(last), last.weights)];
  const places = frames.map(({ law }) => [
    project(scoresOf(law), axes[0]),
    project(valuesOf(law), axes[1]),
  ]);
  const domain = (axis: number): [number, number] => {
    const all = places.flatMap((place) => [...place[axis]]);
    const low = all.reduce((a, b) => Math.min(a, b));
    const high = all.reduce((a, b) => Math.max(a, b));
    const margin = 0.05 * (high - low) || 1;
    return [low - margin, high + margin];
  };
  const all = frames.flatMap(({ psi }) => [...psi]).sort((a, b) => a - b);
  const at = (share: number) => all[Math.floor(share * (all.length - 1))];
  const valueDomain = [all[0], at(0.9)] as const;
  return frames.map(({ title, psi }, frame) => {
    const [x, y] = places[frame];
    return {
      id: `${id}.${String(frame).padStart(2, '0')}`,
      title: `Cloud of heads, ${title}`,
      caption:
        'Each dot is a head: leading principal component of KᵀQ against that of V (of the last frame). Colour: first variation Ψ; at an optimum all heads have the least one.',
      x: { label: 'component of KᵀQ', domain: domain(0) },
      y: { label: 'component of V', domain: domain(1) },
      marks: [{ kind: 'points', x, y, values: psi, valueLabel: 'first variation Ψ', valueDomain }],
    };
  });
}

interface Rows {
  readonly count: number;
  readonly length: number;
  readonly data: Float64Array;
}

function scoresOf(law: HeadLaw): Rows {
  const length = law.shape.dimension ** 2;
  const data = new Float64Array(law.count * length);
  for (let i = 0; i < law.count; i++) data.set(scoreMatrix(law, i), i * length);
  return { count: law.count, length, data };
}

function valuesOf({ shape, count, parameters }: HeadLaw): Rows {
  const P = headLength(shape);
  const length = shape.classes * shape.dimension;
  const data = new Float64Array(count * length);
  for (let i = 0; i < count; i++) {
    data.set(parameters.subarray((i + 1) * P - length, (i + 1) * P), i * length);
  }
  return { count, length, data };
}

function project({ count, length, data }: Rows, axis: Float64Array): Float64Array {
  return Float64Array.from({ length: count }, (_, i) =>
    axis.reduce((sum, a, j) => sum + a * data[i * length + j], 0),
  );
}

/** The leading principal direction of weighted rows, by power iteration. */
function principal({ count, length, data }: Rows, weights: Float64Array): Float64Array {
  const mean = new Float64Array(length);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < length; j++) mean[j] += weights[i] * data[i * length + j];
  }
  let axis = Float64Array.from({ length }, (_, j) => 1 + (j % 7) / 7);
  for (let iteration = 0; iteration < 100; iteration++) {
    const next = new Float64Array(length);
    for (let i = 0; i < count; i++) {
      let along = 0;
      for (let j = 0; j < length; j++) along += axis[j] * (data[i * length + j] - mean[j]);
      for (let j = 0; j < length; j++) {
        next[j] += weights[i] * along * (data[i * length + j] - mean[j]);
      }
    }
    const norm = Math.sqrt(next.reduce((sum, x) => sum + x * x, 0));
    if (norm === 0) break;
    axis = next.map((x) => x / norm);
  }
  return axis;
}
