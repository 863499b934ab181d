import { MesoscopeError } from '../../errors.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { refuse } from '../../numeric/checks.ts';
import type { Batch } from '../batch.ts';
import { createLayerHamiltonian, placeOf } from '../layer-hamiltonian.ts';
import { partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import { stationarity } from '../stationarity.ts';
import { minimiseLbfgs, type SmoothObjective } from './lbfgs.ts';

export interface SuccessiveApproximationsOptions {
  readonly problem: ControlProblem;
  readonly batch: Batch;
  /** In the backend's memory; its controls are changed in place, all else is kept. */
  readonly parameters: FloatArray;
  /** The most sweeps over the layers; default 50. */
  readonly sweeps?: number;
  /** Stops when `sup_k |E[D_θfᵀp] + ∇g|` is at most this; default 1e-6. */
  readonly tolerance?: number;
  /**
   * ρ at the start; default 0: the basic method. With ρ > 0 the extended method: a sweep that does not lower J is
   * taken back and ρ doubled, up to 40 times.
   */
  readonly augmentation?: number;
  /** Keeps ρ, and every sweep, as they are; default false. */
  readonly fixed?: boolean;
  /** What ρ/2 is a factor of: the augmentation, or `|θ − θ_k|²`, a plain proximal step; default `augmentation`. */
  readonly distance?: 'augmentation' | 'proximal';
  /** Iterations of the minimisation of one layer's Hamiltonian; default 100. */
  readonly layerIterations?: number;
}

/**
 * Why it stopped. `converged`: the first-order condition holds; `no-descent`: no ρ lowers J; `sweeps-done`; `diverged`: the
 * flow left the limits.
 */
export type SuccessiveApproximationsStatus =
  | 'converged'
  | 'no-descent'
  | 'sweeps-done'
  | 'diverged';

export interface SuccessiveApproximationsResult {
  readonly status: SuccessiveApproximationsStatus;
  /** J before the first sweep and after each one kept. */
  readonly objectives: readonly number[];
  /** ρ of each sweep kept. */
  readonly augmentations: readonly number[];
  /** `sup_k |E[D_θfᵀp] + ∇g|` at the end. */
  readonly residual: number;
  /** Gradients of J that were taken. */
  readonly gradients: number;
  /** Gradients of single layers' Hamiltonians. */
  readonly layerGradients: number;
}

/** What a status means, and what to try. */
export const successiveApproximationsSentence: Readonly<
  Record<SuccessiveApproximationsStatus, string>
> = {
  converged: 'The first-order condition holds to the tolerance.',
  'no-descent':
    'No augmentation lowers the objective: the tolerance is below what rounding allows. Try a larger one.',
  'sweeps-done':
    'All sweeps over the layers were taken; the first-order condition need not hold. Allow more, or augment the Hamiltonian.',
  diverged:
    'The flow left its limits after a sweep. Try a shorter horizon, a larger λ, or the extended method (augmentation > 0).',
};

const mostDoublings = 40;

/**
 * The method of successive approximations: states and costates at the present controls, then at every layer
 * `θ_k ← argmin_θ E[H(h_k, p_{k+1}, θ)]` (L-BFGS from θ_k), and again. It need not descend and diverges on long horizons. The
 * extended method adds `(ρ/2)E|ζf − (h_{k+1} − h_k)/ε|² + (ρ/2)E|ζD_hfᵀp − (p_k − p_{k+1})/ε|²` to each Hamiltonian, with which a
 * large enough ρ makes every sweep descend (Li, Chen, Tai and E, arXiv 1710.09513).
 *
 * @throws MesoscopeError `unsupported` for λ = 0 (H has no minimum), μ > 0 (layers are not independent) or a scheme other
 *   than Euler's
 */
export function successiveApproximations(
  options: SuccessiveApproximationsOptions,
): SuccessiveApproximationsResult {
  const { problem, batch, parameters, sweeps = 50, tolerance = 1e-6 } = options;
  const { layerIterations = 100, fixed = false, distance = 'augmentation' } = options;
  check(options);
  const { backend, layout } = problem;
  const controls = partOf(layout, parameters, 'controls');
  const P = layout.parametersPerLayer;
  return backend.scoped(() => {
    const hamiltonian = createLayerHamiltonian(problem, batch.samples);
    const before = backend.allocate(controls.length);
    const gradient = backend.allocate(layout.length);
    let rho = options.augmentation ?? 0;
    let objective = problem.gradient(parameters, batch, gradient).objective;
    let residual = stationarity(problem, gradient).controls;
    const objectives = [objective];
    const augmentations: number[] = [];
    let gradients = 1;
    let layerGradients = 0;
    const counted = (theta: FloatArray, out: FloatArray): number => {
      layerGradients++;
      return hamiltonian.value(theta, out);
    };

    /** One sweep; the controls of the sweep before are in `before`. */
    function sweep(weight: number): void {
      backend.scoped(() => {
        const trace = problem.trace(parameters, batch);
        for (let k = 0; k < layout.layers; k++) {
          const theta = controls.subarray(k * P, (k + 1) * P);
          const reference = before.subarray(k * P, (k + 1) * P);
          const place = placeOf(problem, trace, k);
          const augmented = weight > 0 && distance === 'augmentation';
          hamiltonian.at(place, augmented ? { weight, theta: reference } : undefined);
          minimiseLbfgs({
            backend,
            objective: distance === 'proximal' ? near(counted, reference, weight) : counted,
            parameters: theta,
            iterations: layerIterations,
            tolerance: 0.01 * tolerance,
          });
        }
      });
    }

    const finish = (status: SuccessiveApproximationsStatus) => ({
      status,
      objectives,
      augmentations,
      residual,
      gradients,
      layerGradients,
    });
    if (!Number.isFinite(objective)) return finish('diverged');
    for (let count = 0; count < sweeps; count++) {
      if (residual <= tolerance) return finish('converged');
      before.set(controls);
      let next = Number.NaN;
      for (let doubling = 0; ; doubling++) {
        sweep(rho);
        next = problem.gradient(parameters, batch, gradient).objective;
        gradients++;
        if (rho === 0 || fixed || next <= objective) break;
        controls.set(before);
        if (doubling === mostDoublings) return finish('no-descent');
        rho *= 2;
      }
      objective = next;
      objectives.push(objective);
      augmentations.push(rho);
      residual = stationarity(problem, gradient).controls;
      if (!Number.isFinite(objective)) return finish('diverged');
    }
    return finish(residual <= tolerance ? 'converged' : 'sweeps-done');
  });
}

/** `θ ↦ objective(θ) + (ρ/2)|θ − centre|²`. */
function near(objective: SmoothObjective, centre: FloatArray, rho: number): SmoothObjective {
  return (theta, gradient) => {
    let value = objective(theta, gradient);
    for (let i = 0; i < theta.length; i++) {
      const step = theta[i] - centre[i];
      gradient[i] += rho * step;
      value += 0.5 * rho * step * step;
    }
    return value;
  };
}

function check({ problem, augmentation = 0 }: SuccessiveApproximationsOptions): void {
  const { regularisation, smoothness } = problem.penalty;
  const refusal =
    regularisation === 0
      ? { what: 'minimise a Hamiltonian without regularisation', wayOut: 'Take λ > 0.' }
      : smoothness > 0
        ? { what: 'couple the layers by an H¹ penalty', wayOut: 'Take μ = 0, or another solver.' }
        : problem.scheme.order > 1
          ? { what: 'follow a scheme other than Euler’s', wayOut: 'Take the scheme "euler".' }
          : undefined;
  if (refusal !== undefined) {
    const by = 'the method of successive approximations';
    throw new MesoscopeError({ code: 'unsupported', by, ...refusal });
  }
  if (augmentation >= 0 && Number.isFinite(augmentation)) return;
  refuse('augmentation', augmentation, 'a finite number of at least 0');
}
