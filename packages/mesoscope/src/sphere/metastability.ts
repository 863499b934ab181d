import type { RandomStream } from '../numeric/random.ts';
import { followGroups, meetingTime, type Stage } from './circle-groups.ts';

/** How long groups on the circle stay apart, over β. */
export interface MetastableRecord {
  readonly betas: readonly number[];
  /** When the first two groups meet, for each β. */
  readonly times: readonly number[];
  /** The smallest gap of the start. */
  readonly gap: number;
  /** By how much the second smallest is larger. */
  readonly lead: number;
  /** Where there are two groups: the time by quadrature, and what numerics leave open. */
  readonly quadrature: readonly {
    readonly difference: number;
    readonly uncertainty: number;
    readonly scale: number;
  }[];
  /** `d log(βT)/dβ` at infinite β, extrapolated, and what that leaves open. */
  readonly slope: { readonly measured: number; readonly open: number };
  /** Merges of a pair more than {@link distinctGap} farther apart than the closest one. */
  readonly outOfOrder: number;
  /** All stages that end within a very long time, at the middle β. */
  readonly stages: readonly Stage[];
  /** Whether two groups meet at each β. */
  readonly completed: boolean;
}

/** Radians by which gaps must differ for β to decide which closes first, and not the numbers of tokens. */
export const distinctGap = 0.1;

/**
 * Follows groups at each β. Since `T = ∫ dφ/(c e^{−β(1−cos φ)} sin φ)(1 + …)` is carried by its upper end, φ_0 = the gap,
 * `T ~ C e^{β(1 − cos φ_0)}/β`: slopes of log(βT) tend to `1 − cos φ_0`, with a rest of order β^{−2}.
 */
export function measureMetastability(
  given: { readonly angles: readonly number[]; readonly sizes: readonly number[] },
  betas: readonly number[],
  timeOf = meetingTime,
): MetastableRecord {
  const { angles, sizes } = given;
  const middle = betas[betas.length >> 1];
  const flows = betas.map((beta) => {
    const most = beta === middle ? sizes.length : 1;
    return followGroups({ angles, sizes, beta }, { most });
  });
  const completed = flows.every((stages) => stages.length > 0);
  const gaps = [...(flows[0][0]?.gaps ?? [0, 0])].sort((a, b) => a - b);
  const times = flows.map(([first]) => first?.to ?? Number.NaN);
  const slopes = betas
    .slice(1)
    .map((beta, k) => Math.log((beta * times[k + 1]) / (betas[k] * times[k])) / (beta - betas[k]));
  const middles = slopes.map((_, k) => Math.sqrt(betas[k] * betas[k + 1]));
  const limits = slopes
    .slice(1)
    .map((slope, k) => slope + (slope - slopes[k]) / ((middles[k + 1] / middles[k]) ** 2 - 1));
  const measured = limits[limits.length - 1];
  const moved = Math.max(...limits.slice(-3, -1).map((limit) => Math.abs(limit - measured)));
  const stages = flows[betas.indexOf(middle)];
  return {
    betas,
    times,
    gap: gaps[0],
    lead: (gaps[1] ?? 2 * Math.PI) - gaps[0],
    quadrature:
      sizes.length > 2 || !completed
        ? []
        : betas.map((beta, k) => {
            const [rough] = followGroups({ angles, sizes, beta }, { relativeTolerance: 1e-8 });
            const { time, error } = timeOf(gaps[0], sizes, beta);
            const moving = Math.abs(rough.to - times[k]);
            return {
              difference: Math.abs(times[k] - time),
              uncertainty: error + moving + 1e-10 * times[k],
              scale: times[k],
            };
          }),
    slope: { measured, open: Math.max(moved, Math.abs(measured - slopes[slopes.length - 1]) / 2) },
    outOfOrder: stages.filter(
      ({ gaps: all, closed }) => all[closed] > Math.min(...all) + distinctGap,
    ).length,
    stages,
    completed,
  };
}

/** Groups on the circle, two and three or four by turns, whose smallest gap leads by 0.15 or more. */
export function randomGroups(stream: RandomStream, index: number) {
  const count = index % 2 === 0 ? 2 : 3 + stream.integer(2);
  const first = 0.8 + 0.4 * stream.uniform();
  const gaps = Array.from({ length: count - 1 }, (_, k) =>
    k === 0 ? first : first + 0.15 + 0.25 * k + 0.1 * stream.uniform(),
  );
  stream.shuffle(gaps);
  let angle = 0;
  const angles = [0, ...gaps.map((gap) => (angle += gap))];
  return { angles, sizes: angles.map(() => 1 + stream.integer(5)) };
}
