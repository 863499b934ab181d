import { solveOde } from '../flow/ode.ts';

/** Groups of tokens on the circle, each at one angle, under softmax attention with `B = βI`, `V = I`. */
export interface CircleGroups {
  /** Of the groups, in radians, increasing, within less than 2π. */
  readonly angles: readonly number[];
  /** Tokens in each group. */
  readonly sizes: readonly number[];
  readonly beta: number;
}

/**
 * `θ̇_a = Σ_b w_ab sin(θ_b − θ_a)`, `w_ab = m_b e^{β(cos(θ_b − θ_a) − 1)} / Σ_c m_c e^{β(cos(θ_c − θ_a) − 1)}`: tokens at one angle
 * stay together, so that this is the whole flow of Σ m_a tokens.
 */
export function groupVelocities(
  angles: ArrayLike<number>,
  sizes: readonly number[],
  beta: number,
  out: Float64Array,
): void {
  for (let a = 0; a < sizes.length; a++) {
    let pull = 0;
    let total = 0;
    for (let b = 0; b < sizes.length; b++) {
      const apart = angles[b] - angles[a];
      // cos − 1 without cancellation, which the exponential of a small gap would feel.
      const weight = sizes[b] * Math.exp(-2 * beta * Math.sin(apart / 2) ** 2);
      pull += weight * Math.sin(apart);
      total += weight;
    }
    out[a] = pull / total;
  }
}

/** A time between two merges. */
export interface Stage {
  readonly from: number;
  /** When two groups meet. */
  readonly to: number;
  readonly groups: number;
  /** `(1/2n²) Σ m_a m_b e^{β(cos(θ_a − θ_b) − 1)}` at its beginning. */
  readonly energy: number;
  /** Of its beginning, between neighbours on the circle. */
  readonly gaps: readonly number[];
  /** Which of the gaps closes. */
  readonly closed: number;
}

/** Angle at which two groups count as merged: they then fall together within a few units of time. */
export const mergeAngle = 0.1;

/** How long groups are waited for: β times a gap's 1 − cos of 30, about. */
const longest = 1e13;

/**
 * Follows groups until two have come within {@link mergeAngle}, joins them at the mean of their angles, and goes on, until one group is
 * left, there have been `most` merges, or none comes within {@link longest}.
 */
export function followGroups(
  { angles, sizes, beta }: CircleGroups,
  { most = sizes.length, relativeTolerance = 1e-10 } = {},
): Stage[] {
  let [theta, m] = [[...angles], [...sizes]];
  const stages: Stage[] = [];
  let time = 0;
  while (m.length > 1 && stages.length < most) {
    const now = m;
    const pairs = neighbours(now.length);
    const gapsOf = (y: ArrayLike<number>) => pairs.map(([a, b]) => Math.abs(wrapped(y[b] - y[a])));
    const flow = solveOde((_, y, out) => groupVelocities(y, now, beta, out), {
      ...{ initial: theta, to: longest, relativeTolerance, absoluteTolerance: 1e-13, dense: false },
      stepLimit: 1_000_000,
      events: [{ name: 'two groups meet', value: (_, y) => Math.min(...gapsOf(y)) - mergeAngle }],
    });
    if (flow.status.kind !== 'event') return stages;
    const ends = gapsOf(flow.state);
    const closed = ends.indexOf(Math.min(...ends));
    stages.push({
      ...{ from: time, to: time + flow.time, groups: now.length, closed },
      ...{ energy: groupEnergy(theta, now, beta), gaps: gapsOf(theta) },
    });
    time += flow.time;
    const [a, b] = pairs[closed];
    const share = now[b] / (now[a] + now[b]);
    const middle = flow.state[a] + share * wrapped(flow.state[b] - flow.state[a]);
    theta = [...flow.state].map((angle, i) => (i === a ? middle : angle)).filter((_, i) => i !== b);
    m = now.map((size, i) => (i === a ? size + now[b] : size)).filter((_, i) => i !== b);
  }
  return stages;
}

function groupEnergy(angles: readonly number[], sizes: readonly number[], beta: number): number {
  const n = sizes.reduce((sum, size) => sum + size, 0);
  const pairs = angles.flatMap((a, i) =>
    angles.map((b, j) => sizes[i] * sizes[j] * Math.exp(-2 * beta * Math.sin((a - b) / 2) ** 2)),
  );
  return pairs.reduce((sum, pair) => sum + pair, 0) / (2 * n * n);
}

/**
 * When two groups a gap apart come within {@link mergeAngle}, by quadrature: `∫ dφ/((p_1 + p_2) sin φ)`,
 * `p_1 = m_2 e/(m_1 + m_2 e)`, `p_2 = m_1 e/(m_2 + m_1 e)`, `e = e^{β(cos φ − 1)}`, since `φ̇ = −(p_1 + p_2) sin φ`. Simpson's rule, and
 * its distance to that with half of the points.
 */
export function meetingTime(
  gap: number,
  [first, second]: readonly number[],
  beta: number,
): { readonly time: number; readonly error: number } {
  const integrand = (phi: number) => {
    const e = Math.exp(-2 * beta * Math.sin(phi / 2) ** 2);
    const pull = (second * e) / (first + second * e) + (first * e) / (second + first * e);
    return 1 / (pull * Math.sin(phi));
  };
  const simpson = (points: number) => {
    const h = (gap - mergeAngle) / points;
    const weight = (k: number) => (k === 0 || k === points ? 1 : k % 2 === 1 ? 4 : 2);
    let sum = 0;
    for (let k = 0; k <= points; k++) sum += weight(k) * integrand(mergeAngle + k * h);
    return (sum * h) / 3;
  };
  const time = simpson(4096);
  return { time, error: Math.abs(time - simpson(2048)) };
}

/** Neighbours on the circle among so many groups. */
function neighbours(count: number): [number, number][] {
  return Array.from({ length: count === 2 ? 1 : count }, (_, a) => [a, (a + 1) % count]);
}

/** An angle in (−π, π]. */
function wrapped(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}
