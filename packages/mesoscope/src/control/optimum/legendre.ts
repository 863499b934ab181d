import { piecewiseConstantControls } from '../../flow/controls.ts';
import { createContinuousAdjoint } from '../../flow/costate.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { powerIteration } from '../../numeric/power-iteration.ts';
import { randomStream } from '../../numeric/random.ts';
import { norm } from '../../numeric/vector.ts';
import type { ControlModel } from '../control-model.ts';
import { partOf } from '../parameters.ts';
import type { ControlTrace } from '../problem.ts';

export interface LegendreOptions {
  /** Indices of the layers that are looked at; default all. */
  readonly layers?: readonly number[];
  /** Iterations of each of the two runs of the power method at the most; default 300. */
  readonly iterations?: number;
  /**
   * Parts of the way from the controls of a layer to those of the next at which its Hamiltonian is looked at; default only
   * at its own.
   */
  readonly towardsNext?: readonly number[];
}

/**
 * The smallest eigenvalue of `∇²_θ E[H(h_k, p_{k+1}, θ)] = λ + ∇²_θ E⟨p, f⟩` at each layer's θ_k: above 0, H is strictly
 * convex at the controls (the strong Legendre condition), they solve `∇_θ E[H] = 0` uniquely nearby, and are as regular
 * in depth as state and costate are. Where controls jump between two minima, H is not convex on the way from one to the
 * other. By two runs of the power method, so from above.
 *
 * @returns the smallest eigenvalue for each layer, the least over the way where one is asked for
 */
export function legendreCurvatures(
  model: ControlModel,
  trace: ControlTrace,
  options: LegendreOptions = {},
): number[] {
  const { problem, parameters } = model;
  const { backend, field, tokens, layout, penalty, grid } = problem;
  const { samples } = trace.states;
  const P = layout.parametersPerLayer;
  const { layers = Array.from({ length: layout.layers }, (_, k) => k), iterations = 300 } = options;
  const { towardsNext = [0] } = options;
  const nodes = partOf(layout, parameters, 'controls');
  return backend.scoped(() => {
    const adjoint = createContinuousAdjoint(backend, { field, tokens, samples });
    const theta = backend.allocate(P);
    const controls = piecewiseConstantControls(uniformGrid(1, 1), P, theta);
    const place = { controls, depth: 0, from: 0, to: 1 };
    const [forward, backward] = [backend.allocate(P), backend.allocate(P)];
    /** Of layer k's Hamiltonian at any θ. */
    const curvatureAt = (k: number, centre: FloatArray): number => {
      const state = trace.states.state(k);
      const costate = trace.costates[k + 1];
      const factor = grid.profile(grid.times[k]) / samples;
      const step = Math.cbrt(Number.EPSILON) * Math.max(1, norm(centre) / Math.sqrt(P));
      const along = (v: Float64Array, sign: number, out: FloatArray) => {
        for (let i = 0; i < P; i++) theta[i] = centre[i] + sign * step * v[i] * Math.sqrt(P);
        adjoint.density({ ...place, state, costate }, out);
      };
      /** `∇²_θ E⟨p, f⟩ v` by a central difference. */
      const hessian = (v: Float64Array): Float64Array => {
        along(v, 1, forward);
        along(v, -1, backward);
        const scale = factor / (2 * step * Math.sqrt(P));
        return v.map((_entry, i) => scale * (forward[i] - backward[i]));
      };
      return penalty.regularisation + smallestEigenvalue(hessian, P, iterations);
    };
    return layers.map((k) => {
      const own = nodes.subarray(k * P, (k + 1) * P);
      const next = nodes.subarray((k + 1) * P, (k + 2) * P);
      return Math.min(
        ...towardsNext.map((part) =>
          curvatureAt(
            k,
            own.map((x, i) => x + (part === 0 ? 0 : part * (next[i] - x))),
          ),
        ),
      );
    });
  });
}

/** Of a symmetric operator: the power method for its size, then for the far end of its spectrum. */
function smallestEigenvalue(
  apply: (v: Float64Array) => Float64Array,
  length: number,
  iterations: number,
): number {
  const start = randomStream(0, 'power method').normals(new Float64Array(length));
  const options = { iterations, tolerance: 1e-7 };
  const dominant = powerIteration(apply, start, options).value;
  if (dominant < 0) return dominant;
  const shifted = (v: Float64Array) => apply(v).map((x, i) => x - dominant * v[i]);
  return dominant + powerIteration(shifted, start, options).value;
}
