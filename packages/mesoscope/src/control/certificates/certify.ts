import type { FloatArray } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Batch } from '../batch.ts';
import { hamiltonianProfile } from '../hamiltonian.ts';
import { createLayerHamiltonian, placeOf } from '../layer-hamiltonian.ts';
import { partOf } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import { minimiseLbfgs } from '../solvers/lbfgs.ts';
import { stationarity } from '../stationarity.ts';
import {
  type GradientAgreement,
  gradientTolerance,
  measureGradientAgreement,
} from './gradient-agreement.ts';

export interface ControlCertificateOptions {
  /** Violation of the first-order conditions up to which a point counts as stationary; default 1e-5. */
  readonly stationary?: number;
  /** Share of the size of the Hamiltonian's terms up to which its gap counts as closed; default 1e-3. */
  readonly gap?: number;
  /** Share of that size up to which its deviation over depth counts as constant; default 1/L. */
  readonly variation?: number;
  /** Random starts of the global search at each layer, besides θ_k and 0; default 8. */
  readonly starts?: number;
  /** Iterations of each search at the most; default 500. */
  readonly iterations?: number;
  /** Layers that are searched, evenly spread; default all up to 16. */
  readonly searched?: number;
  /** Samples on which the gradient is made in three ways; default 2, 0: it is not. Double precision only. */
  readonly gradientSamples?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** `strong`: as far as was looked, an extremal in Pontryagin's sense; `weak`: stationary only. */
export type SolutionKind = 'strong' | 'weak' | 'not converged';

export interface ControlCertificate {
  readonly kind: SolutionKind;
  /** What decided, with its numbers. */
  readonly reason: string;
  /** What the certificate does not promise. */
  readonly caveat: string;
  /** `sup_k |E[D_θfᵀp] + ∇g|`. */
  readonly stationarity: number;
  /** Discrete adjoint, continuous adjoint and finite differences; missing where they were not compared. */
  readonly gradients?: GradientAgreement;
  /** Gradient of embedding, positions and readout where they are trained. */
  readonly stationarityOfOthers: number;
  /** Layers that were searched. */
  readonly layers: readonly number[];
  /** `E[H(θ_k)] − inf found`, for each layer searched: ≥ 0, and never more than the true gap. */
  readonly gaps: readonly number[];
  readonly largestGap: number;
  /** Mean of H over layers, size of its terms, standard deviation and range, see {@link hamiltonianProfile}. */
  readonly hamiltonian: {
    readonly mean: number;
    readonly size: number;
    readonly deviation: number;
    readonly range: number;
  };
  /** `max_k |θ_{k+1} − θ_k|`. */
  readonly largestJump: number;
  /** `max_k |θ_k|`, to compare the jump with. */
  readonly largestControl: number;
}

const caveat =
  'The infimum of the Hamiltonian is searched from finitely many starts: a gap that is found is real, one that is not found may exist.';

/**
 * Judges controls independently of the solver that found them: whether the gradient itself can be trusted (discrete
 * adjoint, continuous adjoint and finite differences), first-order conditions, the gap `E[H(θ_k)] − inf_θ E[H]` by
 * a search from several starts at each layer, and the Hamiltonian's variation over depth, which a strong extremal of an
 * autonomous problem does not have (Pontryagin; it is not asked of a depth-dependent profile ζ). With an H¹ penalty θ̇ is
 * the control, in which the Hamiltonian is strictly convex: gaps in θ are reported and not asked to close.
 */
export function certifyControls(
  problem: ControlProblem,
  parameters: FloatArray,
  batch: Batch,
  options: ControlCertificateOptions = {},
): ControlCertificate {
  const { backend, layout } = problem;
  const { searched = Math.min(16, layout.layers), starts = 8, seed = 0 } = options;
  const { iterations = 500 } = options;
  return backend.scoped(() => {
    const gradient = backend.allocate(layout.length);
    const evaluation = problem.gradient(parameters, batch, gradient);
    if (evaluation.flow.kind !== 'completed') return divergedCertificate;
    const violation = stationarity(problem, gradient);
    const trace = problem.trace(parameters, batch);
    const { mean, size, deviation, range } = hamiltonianProfile(problem, parameters, trace);
    const hamiltonian = createLayerHamiltonian(problem, batch.samples);
    const controls = partOf(layout, parameters, 'controls');
    const P = layout.parametersPerLayer;
    const { largestJump, largestControl } = sizesOf(controls, P);
    const layers = spread(layout.layers, searched);
    const theta = backend.allocate(P);
    const layerGradient = backend.allocate(P);
    const gaps = layers.map((k) => {
      hamiltonian.at(placeOf(problem, trace, k));
      const own = controls.subarray(k * P, (k + 1) * P);
      const present = hamiltonian.value(own, layerGradient);
      const random = randomStream(seed, 'search of the Hamiltonian', k);
      let lowest = present;
      for (let start = 0; start < starts + 2; start++) {
        const size = (2 * Math.max(largestControl, 1)) / Math.sqrt(P);
        for (let i = 0; i < P; i++) {
          theta[i] = start === 0 ? own[i] : start === 1 ? 0 : size * random.normal();
        }
        const objective = hamiltonian.value;
        const { value } = minimiseLbfgs({
          backend,
          objective,
          parameters: theta,
          tolerance: 1e-8,
          iterations,
        });
        if (value < lowest) lowest = value;
      }
      return present - lowest;
    });
    const samples = backend.precision === 'f64' ? (options.gradientSamples ?? 2) : 0;
    const measured = {
      ...(samples === 0
        ? {}
        : {
            gradients: measureGradientAgreement({ problem, parameters, batch }, { samples, seed }),
          }),
      stationarity: violation.controls,
      stationarityOfOthers: violation.others,
      layers,
      gaps,
      largestGap: Math.max(...gaps),
      hamiltonian: { mean, size, deviation, range },
      largestJump,
      largestControl,
    };
    return { ...verdictOf(problem, measured, options), caveat, ...measured };
  });
}

function verdictOf(
  problem: ControlProblem,
  measured: Omit<ControlCertificate, 'kind' | 'reason' | 'caveat'>,
  options: ControlCertificateOptions,
): Pick<ControlCertificate, 'kind' | 'reason'> {
  const { stationary = 1e-5, gap = 1e-3, variation = 1 / problem.layout.layers } = options;
  const { largestGap, hamiltonian } = measured;
  const violation = Math.max(measured.stationarity, measured.stationarityOfOthers);
  const number = (x: number) => x.toExponential(1);
  const { gradients } = measured;
  if (gradients?.agree === false) {
    const reason = `Its gradient is not to be trusted: discrete adjoint and finite differences differ by ${number(gradients.differences)}, both and the continuous adjoint by ${number(gradients.fine.difference)} on ${gradients.fine.layers} layers (allowed ${number(gradientTolerance)}).`;
    return { kind: 'not converged', reason };
  }
  if (!(violation <= stationary)) {
    const reason = `The first-order conditions are violated by ${number(violation)} (allowed ${number(stationary)}).`;
    return { kind: 'not converged', reason };
  }
  if (problem.penalty.regularisation === 0) {
    const reason = 'Without regularisation the Hamiltonian has no minimum to compare with (λ = 0).';
    return { kind: 'weak', reason };
  }
  // Of its terms: H itself may be near 0.
  const size = Math.max(hamiltonian.size, Number.MIN_VALUE);
  const smooth = problem.penalty.smoothness > 0;
  if (!smooth && largestGap > gap * size) {
    const k = measured.layers[measured.gaps.indexOf(largestGap)];
    const reason = `Stationary, but other controls lower the Hamiltonian of layer ${k} by ${number(largestGap)} (${number(largestGap / size)} of the size of its terms).`;
    return { kind: 'weak', reason };
  }
  const { times, profile } = problem.grid;
  const autonomous = times.every((t) => profile(t) === profile(0));
  if (autonomous && hamiltonian.deviation > variation * size) {
    const reason = `Stationary, but the Hamiltonian varies over depth by ${number(hamiltonian.deviation / size)} of the size of its terms (allowed ${number(variation)}).`;
    return { kind: 'weak', reason };
  }
  const minimum = smooth
    ? 'with an H¹ penalty the Hamiltonian is strictly convex in the control θ̇, so that a stationary one is its minimum'
    : `no search lowers the Hamiltonian by more than ${number(largestGap)}`;
  const reason = `Stationary to ${number(violation)}; ${minimum}; it varies over depth by ${number(hamiltonian.deviation / size)} of the size of its terms.`;
  return { kind: 'strong', reason };
}

const divergedCertificate: ControlCertificate = {
  kind: 'not converged',
  reason: 'The flow left the limits before it reached T.',
  caveat,
  stationarity: NaN,
  stationarityOfOthers: NaN,
  layers: [],
  gaps: [],
  largestGap: NaN,
  hamiltonian: { mean: NaN, size: NaN, deviation: NaN, range: NaN },
  largestJump: NaN,
  largestControl: NaN,
};

function sizesOf(controls: FloatArray, P: number) {
  let largestJump = 0;
  let largestControl = 0;
  for (let k = 0; k < controls.length / P; k++) {
    let jump = 0;
    let size = 0;
    for (let i = k * P; i < (k + 1) * P; i++) {
      size += controls[i] ** 2;
      if (k > 0) jump += (controls[i] - controls[i - P]) ** 2;
    }
    largestJump = Math.max(largestJump, Math.sqrt(jump));
    largestControl = Math.max(largestControl, Math.sqrt(size));
  }
  return { largestJump, largestControl };
}

/** At most `count` of the layers 0 … L − 1, evenly spread, the first and the last among them. */
function spread(layers: number, count: number): number[] {
  const most = Math.min(layers, count);
  if (most === 1) return [0];
  return Array.from({ length: most }, (_, i) => Math.round((i * (layers - 1)) / (most - 1)));
}
