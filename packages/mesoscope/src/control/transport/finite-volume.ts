import { cellWidth, type GridLaw, gridLaw } from '../../law/law.ts';
import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import type { TokenVelocity } from './velocity.ts';

export interface FiniteVolumeOptions {
  /** T. */
  readonly horizon: number;
  /** Share of the step up to which masses stay ≥ 0 whatever the velocity, in (0, 1]; default 1. */
  readonly courant?: number;
  /** The most steps; default 100 000. */
  readonly steps?: number;
}

export interface FiniteVolumeResult {
  /** `completed`, or `step-limit`: the velocity asks for more steps; `depth` is where it stopped. */
  readonly status: 'completed' | 'step-limit';
  readonly depth: number;
  readonly steps: number;
  readonly law: GridLaw;
  /** `Σ masses − 1`: rounding only, as fluxes cancel. */
  readonly massError: number;
  /** Mass in the cells at the boundary, through which nothing leaves: where it is not small, the grid is. */
  readonly boundaryMass: number;
}

/**
 * Solves `∂_t m + div(m f(x, m)) = 0` on a regular grid in one or two dimensions by the upwind scheme: the mass that crosses a
 * face in a step τ is `τ (f⁺ m_left − f⁻ m_right)/h`, with f at the face's middle and the present law. Conservative and positive
 * under its step limit; order 1 for smooth laws, ½ for others (LeVeque, Finite Volume Methods, ch. 4 and 20). No flux through
 * the boundary.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`
 */
export function transportDensity(
  velocity: TokenVelocity,
  initial: GridLaw,
  options: FiniteVolumeOptions,
): FiniteVolumeResult {
  const { horizon, courant = 1, steps: most = 100_000 } = options;
  check(velocity, initial, options);
  const { axes } = initial;
  const d = axes.length;
  const counts = axes.map((axis) => axis.cells);
  const widths = axes.map(cellWidth);
  const strides = d === 1 ? [1] : [counts[1], 1];
  const masses = initial.masses.slice();
  const centres = cellPoints(initial);
  const faces = axes.map((_, a) => facesOf(initial, centres, counts, widths, strides, a));
  let depth = 0;
  let steps = 0;
  while (depth < horizon && steps < most) {
    const law = { points: centres, weights: masses };
    let rate = 0;
    faces.forEach(({ points, speeds, velocities }, a) => {
      velocity.write(points, law, velocities);
      let fastest = 0;
      for (let f = 0; f < speeds.length; f++) {
        speeds[f] = velocities[f * d + a] / widths[a];
        fastest = Math.max(fastest, Math.abs(speeds[f]));
      }
      // A cell may lose through both faces of every axis.
      rate += 2 * fastest;
    });
    const step = Math.min(horizon - depth, rate > 0 ? courant / rate : horizon);
    // All fluxes of a step see the masses before it.
    const before = masses.slice();
    faces.forEach(({ left, speeds }, a) => {
      for (let f = 0; f < speeds.length; f++) {
        const from = left[f];
        const to = from + strides[a];
        const moved = step * speeds[f] * (speeds[f] > 0 ? before[from] : before[to]);
        masses[from] -= moved;
        masses[to] += moved;
      }
    });
    depth = step === horizon - depth ? horizon : depth + step;
    steps++;
  }
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return {
    status: depth < horizon ? 'step-limit' : 'completed',
    depth,
    steps,
    law: gridLaw(
      axes,
      masses.map((mass) => Math.max(0, mass) / total),
    ),
    massError: total - 1,
    boundaryMass: boundaryMass(masses, counts) / total,
  };
}

interface Faces {
  /** The cell before each face. */
  readonly left: Int32Array;
  /** Middles of the faces. */
  readonly points: Float64Array;
  readonly velocities: Float64Array;
  /** Normal velocity over cell width. */
  readonly speeds: Float64Array;
}

/** The inner faces between neighbours along an axis. */
function facesOf(
  { masses }: GridLaw,
  centres: Float64Array,
  counts: readonly number[],
  widths: readonly number[],
  strides: readonly number[],
  axis: number,
): Faces {
  const d = counts.length;
  const left = Int32Array.from(masses.keys()).filter(
    (cell) => Math.floor(cell / strides[axis]) % counts[axis] < counts[axis] - 1,
  );
  const points = new Float64Array(left.length * d);
  left.forEach((cell, f) => {
    for (let a = 0; a < d; a++) {
      points[f * d + a] = centres[cell * d + a] + (a === axis ? widths[a] / 2 : 0);
    }
  });
  return {
    left,
    points,
    velocities: new Float64Array(points.length),
    speeds: new Float64Array(left.length),
  };
}

function cellPoints({ axes, masses }: GridLaw): Float64Array {
  const d = axes.length;
  const points = new Float64Array(masses.length * d);
  for (let cell = 0; cell < masses.length; cell++) {
    let index = cell;
    for (let a = d - 1; a >= 0; a--) {
      points[cell * d + a] = axes[a].low + ((index % axes[a].cells) + 0.5) * cellWidth(axes[a]);
      index = Math.floor(index / axes[a].cells);
    }
  }
  return points;
}

function boundaryMass(masses: Float64Array, counts: readonly number[]): number {
  const last = counts[counts.length - 1];
  let sum = 0;
  masses.forEach((mass, cell) => {
    const column = cell % last;
    const row = Math.floor(cell / last);
    const outer = counts.length === 2 && (row === 0 || row === counts[0] - 1);
    if (outer || column === 0 || column === last - 1) sum += mass;
  });
  return sum;
}

function check(velocity: TokenVelocity, initial: GridLaw, options: FiniteVolumeOptions): void {
  if (velocity.dimension !== initial.dimension) {
    const [received, expected] = [[initial.dimension], [velocity.dimension]];
    throw shapeMismatch('initial', received, expected);
  }
  const { horizon, courant = 1 } = options;
  if (!(horizon > 0 && Number.isFinite(horizon))) refuse('horizon', horizon, 'a number > 0');
  if (!(courant > 0 && courant <= 1)) refuse('courant', courant, 'a number in (0, 1]');
}
