import { frobeniusNorm, subtract } from '../../numeric/matrix.ts';
import { integrateMoments, type MomentFlow } from '../moment-flow.ts';
import { type GaussianMoments, unfactored } from '../moments.ts';
import { alignEndpoints, type Endpoints, squaredBuresDistance } from './factor-path.ts';
import { type EnergySearch, minimumEnergyControls } from './minimum-energy.ts';
import {
  attentionControls,
  constantControls,
  feedForwardControls,
  type SteeringControls,
} from './realisation.ts';

export type Realisation = 'feed-forward' | 'attention' | 'constant' | 'minimum-energy';

export const realisations: readonly Realisation[] = [
  'feed-forward',
  'attention',
  'constant',
  'minimum-energy',
];

export interface SteeringProblem {
  readonly from: GaussianMoments;
  readonly to: GaussianMoments;
  /** T; default 1. */
  readonly horizon?: number;
  readonly realisation: Realisation;
}

export interface Steering {
  readonly endpoints: Endpoints;
  readonly controls: SteeringControls;
  /** The moment flow under the controls, integrated independently of how they were found. */
  readonly flow: MomentFlow;
  /** `|m(T) − m_1|` and `|Σ(T) − Σ_1|` (Frobenius). */
  readonly endpointError: { readonly mean: number; readonly covariance: number };
  /** `½∫(|U|² + |c|²)dt` of the velocity field `Ux + c` that the tokens see on the path. */
  readonly energy: number;
  /** The same for the Bures–Wasserstein geodesic. */
  readonly geodesicEnergy: number;
  /** `W_2²` between the ends. */
  readonly squaredBuresDistance: number;
  /** Only for minimum-energy: how far the Hamiltonian is from constant. */
  readonly hamiltonianDrift: number | null;
  /** Only for minimum-energy: least energy over layers that independent random starts found, without Pontryagin's equations. */
  readonly directEnergy: number | null;
  /** Only for minimum-energy: what was searched, and whether it is proved that nothing costs less. */
  readonly search: EnergySearch | null;
}

/**
 * Steers one Gaussian law to another of equal rank, and checks the result by integrating the moment flow.
 *
 * @throws MesoscopeError as `alignEndpoints` and the realisations
 */
export function steer(problem: SteeringProblem): Steering {
  const endpoints = alignEndpoints(problem.from, problem.to, problem.horizon);
  const { horizon } = endpoints;
  const extremal =
    problem.realisation === 'minimum-energy' ? minimumEnergyControls(endpoints) : null;
  const controls = extremal ?? plainControls(problem.realisation, endpoints);
  const flow = integrateMoments(controls, endpoints.from, { horizon, relativeTolerance: 1e-12 });
  const end = unfactored(flow.moments);
  const goal = unfactored(endpoints.to);
  return {
    endpoints,
    controls,
    flow,
    endpointError: {
      mean: Math.hypot(...end.mean.map((entry, i) => entry - goal.mean[i])),
      covariance: frobeniusNorm(subtract(end.covariance, goal.covariance)),
    },
    energy: extremal?.energy ?? controlEnergy(controls, horizon),
    geodesicEnergy: controlEnergy(feedForwardControls(endpoints), horizon),
    squaredBuresDistance: squaredBuresDistance(endpoints),
    hamiltonianDrift: extremal?.hamiltonianDrift ?? null,
    directEnergy: extremal?.search.independent ?? null,
    search: extremal?.search ?? null,
  };
}

function plainControls(realisation: Realisation, endpoints: Endpoints): SteeringControls {
  switch (realisation) {
    case 'attention':
      return attentionControls(endpoints);
    case 'constant':
      return constantControls(endpoints);
    default:
      return feedForwardControls(endpoints);
  }
}

/** `½∫_0^T(|U|² + |c|²)dt` by Gauss' two-point rule on 512 intervals. */
export function controlEnergy(controls: SteeringControls, horizon: number): number {
  const intervals = 512;
  const h = horizon / intervals;
  let sum = 0;
  for (let k = 0; k < intervals; k++) {
    for (const node of [0.5 - 0.5 / Math.sqrt(3), 0.5 + 0.5 / Math.sqrt(3)]) {
      const { T, a } = controls.velocityAt((k + node) * h);
      sum += frobeniusNorm(T) ** 2 + a.reduce((total, entry) => total + entry ** 2, 0);
    }
  }
  return (sum * h) / 4;
}
