import type { Figure, Mark } from '../../claims/figure.ts';
import type { MomentFlow } from '../../gaussian/moment-flow.ts';
import { type GaussianMoments, unfactored } from '../../gaussian/moments.ts';
import { symmetricSquareRoot } from '../../numeric/matrix-functions.ts';
import type { Section } from '../study.ts';

const plane = { equalAxes: true, x: { label: 'x₁' }, y: { label: 'x₂' } } as const;

/** Five laws on the way, and the path of the mean. */
export function pathFigure(realisation: string, flow: MomentFlow): Figure {
  return {
    id: `path-${realisation}`,
    title: `From one law to the other: ${realisation}`,
    caption: 'Ellipses of one standard deviation at five depths, and the path of the mean.',
    ...plane,
    marks: [meanPath(flow, 1), ellipses(flow, [0, 0.25, 0.5, 0.75, 1])],
  };
}

/** The law on its way, depth after depth. */
export function movingLaw(realisation: string, flow: MomentFlow): Section {
  const steps = 16;
  const whole = ellipses(
    flow,
    Array.from({ length: steps + 1 }, (_, k) => k / steps),
  );
  const [x, y] = [withMargin(whole.x), withMargin(whole.y)];
  const caption = 'The ellipse of one standard deviation, and the way of its centre.';
  return {
    kind: 'animation',
    title: `The law under ${realisation} controls`,
    caption,
    frames: Array.from({ length: steps + 1 }, (_, k): Figure => {
      const share = k / steps;
      return {
        id: `moving-${realisation}.${String(k).padStart(2, '0')}`,
        title: `t = ${(share * flow.time).toFixed(2)}`,
        caption,
        ...plane,
        x: { ...plane.x, domain: x },
        y: { ...plane.y, domain: y },
        marks: [...(k === 0 ? [] : [meanPath(flow, share)]), ellipses(flow, [share])],
      };
    }),
  };
}

/** From least to largest, with a twentieth on both sides. */
function withMargin(given: ArrayLike<number>): [number, number] {
  const values = Array.from(given);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.05 * (high - low);
  return [low - margin, high + margin];
}

function meanPath(flow: MomentFlow, until: number): Mark {
  const means = Array.from({ length: 41 }, (_, k) => flow.at((k / 40) * until * flow.time).mean);
  return { kind: 'line', series: 'mean', x: means.map((m) => m[0]), y: means.map((m) => m[1]) };
}

/** Ellipses at shares of the depth, coloured by it. */
function ellipses(flow: MomentFlow, shares: readonly number[]): Extract<Mark, { kind: 'points' }> {
  const all = shares.map((share) => ellipse(unfactored(flow.at(share * flow.time))));
  return {
    kind: 'points',
    valueLabel: 'depth t/T',
    valueDomain: [0, 1],
    x: all.flatMap(({ x }) => x),
    y: all.flatMap(({ y }) => y),
    values: all.flatMap(({ x }, i) => x.map(() => shares[i])),
  };
}

function ellipse({ mean, covariance }: GaussianMoments) {
  const root = symmetricSquareRoot(covariance).data;
  const angles = Array.from({ length: 240 }, (_, k) => (2 * Math.PI * k) / 240);
  return {
    x: angles.map((a) => mean[0] + root[0] * Math.cos(a) + root[1] * Math.sin(a)),
    y: angles.map((a) => mean[1] + root[2] * Math.cos(a) + root[3] * Math.sin(a)),
  };
}
