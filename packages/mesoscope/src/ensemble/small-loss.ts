import { symmetricEigen } from '../numeric/decompositions.ts';
import { randomStream } from '../numeric/random.ts';
import { jacobianRows, tangentKernel } from './least-squares.ts';
import type { TokenMap } from './token-map.ts';

/**
 * Gradient flow in coordinates `ϑ = θ/√(LH)`, in which the conditional Wasserstein metric is Euclidean, of `F = x_1/√N`, in which
 * the square loss is `L = ½|F − y/√N|²`.
 */
export interface TangentMode {
  /** `μ = LH λ_min(JJᵀ)/N`, the smallest eigenvalue of `DF DFᵀ`: `‖∇L‖² ≥ 2μL`. */
  readonly rate: number;
  /** The largest one. */
  readonly fastest: number;
  /** The unit vector of R^{Nd} that decays at the rate μ. */
  readonly direction: Float64Array;
}

/** The slowest mode of gradient flow near a global minimum. */
export function slowestMode(map: TokenMap, theta: Float64Array): TangentMode {
  const { layers, heads } = map.layout;
  const { values, vectors } = symmetricEigen(tangentKernel(jacobianRows(map, theta)));
  const size = values.length;
  const unit = (layers * heads) / map.samples;
  return {
    rate: unit * values[0],
    fastest: unit * values[size - 1],
    direction: Float64Array.from({ length: size }, (_, i) => vectors.data[i * size]),
  };
}

/** Initial losses from which gradient flow must converge. */
export interface SmallLoss {
  readonly mode: TangentMode;
  /** Λ, the largest norm found of `D²F` at the start and at both ends of the ball in the direction where it is attained. */
  readonly curvature: number;
  /** `μ²/(32Λ²)`. */
  readonly radius: number;
}

/**
 * An a-priori radius for *small loss*. Where `√μ` has the Lipschitz constant Λ, a bound of `‖D²F‖`, it stays above `√μ_0/2` on the
 * ball of radius `R = √μ_0/(2Λ)`. There `−d√L/dτ = ‖∇L‖²/(2√L) ≥ √(μ_0/8) ‖∇L‖`, so that the flow goes no further than
 * `√(8 L_0/μ_0)`, which is below R if `L_0 ≤ μ_0²/(32Λ²)`: it never leaves the ball and converges at the rate 2·μ_0/4 at least
 * (the argument of Łojasiewicz and Polyak).
 *
 * Λ is the largest value that a search found, no proof.
 */
export function smallLoss(map: TokenMap, theta: Float64Array, seed: number): SmallLoss {
  const mode = slowestMode(map, theta);
  const start = largestCurvature(map, theta, seed);
  const reach = Math.sqrt(mode.rate) / (2 * start.norm);
  const ends =
    isInjective(mode) && Number.isFinite(reach)
      ? [reach, -reach].map((t) =>
          largestCurvature(map, moved(map, theta, start.direction, t), seed),
        )
      : [];
  const curvature = Math.max(start.norm, ...ends.map(({ norm }) => norm));
  return { mode, curvature, radius: mode.rate ** 2 / (32 * curvature ** 2) };
}

/** Whether `μ > 0` can be told from rounding. */
export function isInjective({ rate, fastest }: TangentMode): boolean {
  return rate > 1e3 * Number.EPSILON * fastest;
}

/** Iterations and starts of the search for the largest curvature. */
const turns = 12;
const starts = 2;
/** Step of its differences, in units of ϑ. */
const step = 1e-4;

/**
 * `‖D²F‖ = max |⟨u, D²F[v, v]⟩|` over unit u and v, by alternating power iteration: v to the Hessian of ⟨u, F⟩ at v, u to
 * `D²F[v, v]`, each by central differences.
 */
function largestCurvature(map: TokenMap, theta: Float64Array, seed: number) {
  const root = Math.sqrt(map.samples);
  const middle = map.forward(theta);
  let best: { readonly norm: number; readonly direction: Float64Array } = {
    norm: 0,
    direction: new Float64Array(theta.length),
  };
  for (let r = 0; r < starts; r++) {
    const stream = randomStream(seed, 'curvature', r);
    let v = normalised(stream.normals(new Float64Array(theta.length)));
    let u = normalised(stream.normals(new Float64Array(middle.length)));
    for (let turn = 0; turn < turns; turn++) {
      const [up, down] = [step, -step].map((t) => {
        const gradient = new Float64Array(theta.length);
        map.differentiate(moved(map, theta, v, t), () => u, gradient);
        return gradient;
      });
      v = normalised(up.map((x, i) => x - down[i]));
      const [above, below] = [step, -step].map((t) => map.forward(moved(map, theta, v, t)));
      const second = middle.map((x, i) => (above[i] - 2 * x + below[i]) / (step * step * root));
      const norm = Math.hypot(...second);
      u = normalised(second);
      if (norm > best.norm) best = { norm, direction: v };
    }
  }
  return best;
}

/** θ moved by t in the direction v of ϑ. */
function moved(map: TokenMap, theta: Float64Array, v: Float64Array, t: number): Float64Array {
  const unit = t * Math.sqrt(map.layout.layers * map.layout.heads);
  return theta.map((x, i) => x + unit * v[i]);
}

function normalised(x: Float64Array): Float64Array {
  const length = Math.hypot(...x);
  return length > 0 ? x.map((entry) => entry / length) : x;
}
