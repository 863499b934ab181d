import type { FloatArray } from '../../kernels/backend.ts';
import { minimise } from '../../minimise/minimise.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import {
  type Matrix,
  multiply,
  scale,
  subtract,
  symmetricPart,
  transpose,
} from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { addScaled, dot, norm } from '../../numeric/vector.ts';
import { symmetricCoordinates, symmetricFromCoordinates } from '../jacobian.ts';
import { unfactored } from '../moments.ts';
import { type LayerPasses, layerPasses } from './affine-passes.ts';
import { type Endpoints, whitening } from './factor-path.ts';
import { feedForwardControls } from './realisation.ts';

export interface DirectMinimumOptions {
  /** N: layers with one (U, c) each; default 16. */
  readonly layers?: number;
  /** Largest endpoint error, in units of the target's own spread; default 1e-7. */
  readonly tolerance?: number;
  /** Controls to start from, one (U, c) after the other; default those of the Bures geodesic. */
  readonly start?: Float64Array;
}

/** A local minimum of the energy over N feed-forward layers that reach the target. */
export interface DirectMinimum {
  readonly status: 'converged' | 'endpoint-missed' | 'not-stationary';
  /** `½ Σ_k ε(|U_k|² + |c_k|²)`, ε = T/N. */
  readonly energy: number;
  /** In units of the target's own spread. */
  readonly endpointError: number;
  /** `|∇|/ε` of the Lagrangian: by how much U_k, c_k differ from what the discrete costate demands. */
  readonly stationarity: number;
  /** Costate of L at depth 0, d × r, as `MinimumEnergy.factorCostate`. */
  readonly factorCostate: Matrix;
  /** Costate of m at depth 0. */
  readonly meanCostate: Float64Array;
  /** L-BFGS iterations over all rounds. */
  readonly iterations: number;
}

/** Rounds of the method of multipliers. */
const roundLimit = 12;

/**
 * The minimum-energy problem solved without Pontryagin's equations: N layers `ẋ = U_kx + c_k`, the endpoint as a
 * constraint by the method of multipliers (Nocedal & Wright, Numerical Optimization, ch. 17), minimised by L-BFGS with
 * gradients from the discrete adjoint. Such layers are admissible controls, so that their energy is at least the least one (up
 * to the error of the Runge–Kutta step in each layer, of order N^{-4}); a local minimum of it tends to that of an extremal
 * like N^{-2}. Which one depends on the start: on the Bures geodesic symmetries of the problem can hold it at a saddle.
 */
export function directMinimumEnergy(
  endpoints: Endpoints,
  { layers = 16, tolerance = 1e-7, start }: DirectMinimumOptions = {},
): DirectMinimum {
  const problem = steeringLagrangian(endpoints, layers);
  const epsilon = endpoints.horizon / layers;
  const gradient = new Float64Array(problem.controlLength);
  const multipliers = new Float64Array(problem.gapLength);
  let controls = start ?? geodesicControls(endpoints, layers);
  let penalty = 10;
  let gap = problem.gap(controls);
  let iterations = 0;
  for (let round = 0; round < roundLimit && norm(gap) > 0.1 * tolerance; round++) {
    const before = norm(gap);
    const result = minimise(
      (x) => ({ value: problem.value(x, multipliers, penalty, gradient), gradient }),
      controls,
      { iterations: 2000, tolerance: 1e-9 * epsilon },
    );
    controls = result.point;
    iterations += result.iteration;
    gap = problem.gap(controls);
    addScaled(multipliers, penalty, gap);
    if (norm(gap) > 0.25 * before) penalty *= 4;
  }
  const value = problem.value(controls, multipliers, 0, gradient);
  const stationarity = norm(gradient) / epsilon;
  const endpointError = norm(gap);
  return {
    status:
      endpointError > tolerance
        ? 'endpoint-missed'
        : stationarity > 1e-4 * norm(controls)
          ? 'not-stationary'
          : 'converged',
    energy: value - dot(multipliers, gap),
    endpointError,
    stationarity,
    ...problem.costate(),
    iterations,
  };
}

/** (U, c) of the Bures geodesic in the middle of every layer. */
function geodesicControls(endpoints: Endpoints, layers: number): Float64Array {
  const { velocityAt } = feedForwardControls(endpoints);
  const epsilon = endpoints.horizon / layers;
  const perLayer = Array.from({ length: layers }, (_, k) => {
    const { T: U, a: c } = velocityAt((k + 0.5) * epsilon);
    return [...U.data, ...c];
  });
  return Float64Array.from(perLayer.flat());
}

/** Normal controls of three sizes in turn, with nothing of the endpoints in them. */
export function randomControls(
  endpoints: Endpoints,
  layers: number,
  { seed, index }: { readonly seed: number; readonly index: number },
): Float64Array {
  const d = endpoints.from.mean.length;
  const size = [0.5, 1, 2][index % 3] / endpoints.horizon;
  const normals = new Float64Array(layers * (d * d + d));
  return randomStream(seed, 'steering', index)
    .normals(normals)
    .map((entry) => size * entry);
}

/**
 * `J + ⟨λ, g⟩ + ½ρ|g|²` for the energy J and the endpoint gap g: the coordinates of `A(Σ(T) − Σ_1)Aᵀ`, A the whitening of the target,
 * and `(m(T) − m_1)/|L_1|`.
 */
export function steeringLagrangian({ from, to, horizon }: Endpoints, layers: number) {
  const passes: LayerPasses = layerPasses(from, horizon, layers);
  const { d } = passes;
  const epsilon = horizon / layers;
  const goal = unfactored(to);
  const A = whitening(to.factor);
  const size = spectralNorm(to.factor);
  const symmetric = (d * (d + 1)) / 2;

  function gap(controls: FloatArray): Float64Array {
    const { mean, covariance } = unfactored(passes.forward(controls));
    const inside = symmetricPart(multiply(A, subtract(covariance, goal.covariance), transpose(A)));
    return Float64Array.of(
      ...symmetricCoordinates(inside),
      ...mean.map((entry, i) => (entry - goal.mean[i]) / size),
    );
  }

  return {
    controlLength: passes.controlLength,
    gapLength: symmetric + d,
    gap,
    /** The value; the gradient into `gradient`. */
    value(
      controls: FloatArray,
      multipliers: Float64Array,
      penalty: number,
      gradient: FloatArray,
    ): number {
      const g = gap(controls);
      const slope = g.map((entry, i) => multipliers[i] + penalty * entry);
      const S = multiply(
        transpose(A),
        symmetricFromCoordinates(slope.subarray(0, symmetric), d),
        A,
      );
      passes.backward(
        controls,
        {
          factor: scale(2, multiply(S, passes.end().factor)),
          mean: slope.subarray(symmetric).map((entry) => entry / size),
        },
        gradient,
      );
      let value = 0;
      for (let i = 0; i < controls.length; i++) {
        value += 0.5 * epsilon * controls[i] ** 2;
        gradient[i] += epsilon * controls[i];
      }
      g.forEach((entry, i) => {
        value += multipliers[i] * entry + 0.5 * penalty * entry * entry;
      });
      return value;
    },
    /** Minus the derivatives of the last value with respect to L_0 and m_0. */
    costate() {
      const { factor, mean } = passes.costate();
      return { factorCostate: scale(-1, factor), meanCostate: mean.map((entry) => -entry) };
    },
  };
}
