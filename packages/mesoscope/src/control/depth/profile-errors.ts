import { type AdaptiveTrajectory, createAdaptiveFlow } from '../../flow/adaptive.ts';
import { createFlow } from '../../flow/flow.ts';
import {
  type DepthProfile,
  givenGrid,
  gradedGrid,
  horizonOf,
  layerCount,
  uniformGrid,
} from '../../flow/grid.ts';
import { euler, rk4 } from '../../flow/scheme.ts';
import type { DepthGrid, FlowStatus } from '../../flow/types.ts';
import type { Backend } from '../../kernels/backend.ts';
import {
  type DepthExperiment,
  reference as integration,
  largestDistance,
} from './depth-experiment.ts';
import { equidistributedTimes } from './equidistribution.ts';

/** ζ that is ten times as large near depth 0 as near T = 1. */
const peaked: DepthProfile = (t) => 0.4 + 4 * Math.exp(-12 * t);
const wave: DepthProfile = (t) => 1 + 0.5 * Math.sin(2 * Math.PI * t);

/** Grids with their profiles, by the number of layers. */
const gridFamilies: readonly {
  readonly name: string;
  grid(horizon: number, layers: number): DepthGrid;
}[] = [
  { name: 'ζ = 1, uniform', grid: uniformGrid },
  { name: 'ζ = 1 + sin(2πt)/2, uniform', grid: (T, L) => uniformGrid(T, L, wave) },
  { name: 'ζ peaked, uniform', grid: (T, L) => uniformGrid(T, L, peaked) },
  { name: 'ζ = 1, graded γ = 2', grid: (T, L) => gradedGrid(T, L, 2) },
  { name: 'ζ peaked, graded γ = 1.5', grid: (T, L) => gradedGrid(T, L, 1.5, peaked) },
];

/** Euler's errors on one family of grids. */
export interface FamilyErrors {
  readonly name: string;
  /** How the integration of the flow ended. */
  readonly status: FlowStatus['kind'];
  /** `sup_k |h_k − h(t_k)|` for each depth; infinite where recursion or flow diverged. */
  readonly errors: readonly number[];
  /** Distance of the reference to one with a tolerance a hundred times larger, and what rounding makes of the additions of all layers. */
  readonly accuracy: number;
}

/** Errors of one experiment, each against its own time-changed flow. */
export interface ProfileErrors {
  readonly families: readonly FamilyErrors[];
  /** The peaked profile on the grid that the program chooses, to be compared with `uniform`. */
  readonly chosen: FamilyErrors;
  readonly uniform: FamilyErrors;
  /** The depths of the chosen grid with the fewest layers. */
  readonly chosenTimes: readonly number[];
}

/** Depths at which two references are compared. */
const compared = 64;

/** Measures Euler's error on every family of grids. */
export function measureProfiles(
  backend: Backend,
  experiment: DepthExperiment,
  depths: readonly number[],
): ProfileErrors {
  const { field, tokens, samples, controls, initial } = experiment;
  const shape = { field, tokens, samples };
  const T = horizonOf(experiment.grid(1));
  const recursion = createFlow(backend, { ...shape, scheme: euler });
  const exact = createAdaptiveFlow(backend, shape);
  const zero = new Float64Array(initial.length);
  const rounding = depths[depths.length - 1] * Number.EPSILON;
  const here = backend.allocate(initial.length);
  const there = backend.allocate(initial.length);
  const integrate = (profile: DepthProfile, looser: number) =>
    exact.integrate({
      horizon: T,
      profile,
      controls,
      initial,
      relativeTolerance: looser * integration.relativeTolerance,
      absoluteTolerance: looser * integration.absoluteTolerance,
      stepLimit: integration.stepLimit,
    });

  function errorOn(grid: DepthGrid, reference: AdaptiveTrajectory): number {
    return backend.scoped(() => {
      const layers = recursion.forward({ grid, controls, initial });
      const completed = [layers, reference].every(({ status }) => status.kind === 'completed');
      if (!completed) return Number.POSITIVE_INFINITY;
      return Math.max(
        ...Array.from({ length: layerCount(grid) }, (_, k) => {
          reference.at(grid.times[k + 1], there);
          return largestDistance(layers.state(k + 1), there, experiment);
        }),
      );
    });
  }

  function measure(name: string, gridOf: (layers: number) => DepthGrid): FamilyErrors {
    const { profile } = gridOf(depths[0]);
    return backend.scoped(() => {
      const reference = integrate(profile, 1);
      const coarser = integrate(profile, 100);
      const completed = [reference, coarser].every(({ status }) => status.kind === 'completed');
      const accuracies = Array.from({ length: completed ? compared : 0 }, (_, k) => {
        const t = ((k + 1) / compared) * T;
        reference.at(t, there);
        coarser.at(t, here);
        const size = largestDistance(there, zero, experiment);
        return largestDistance(here, there, experiment) + rounding * size;
      });
      return {
        name,
        status: reference.status.kind,
        errors: depths.map((L) => errorOn(gridOf(L), reference)),
        accuracy: completed ? Math.max(...accuracies) : Number.POSITIVE_INFINITY,
      };
    });
  }

  const families = gridFamilies.map(({ name, grid }) => measure(name, (L) => grid(T, L)));
  const { times, values } = localWeights(backend, experiment, uniformGrid(T, 128, peaked));
  const chosenTimes = (L: number) => equidistributedTimes(times, values, L);
  return {
    families,
    chosen: measure('ζ peaked, equidistributed', (L) => givenGrid(chosenTimes(L), peaked)),
    uniform: families[2],
    chosenTimes: Array.from(chosenTimes(depths[0])),
  };
}

/**
 * `w(t) = |ḧ_t|` up to a factor on the cells of a uniform grid: Euler's local error on a step ε at t is `ε²|ḧ|/2`. By second
 * differences of the states of a high-order flow, at least a hundred times what rounding makes of them; 0 where it diverges.
 */
function localWeights(backend: Backend, experiment: DepthExperiment, grid: DepthGrid) {
  return backend.scoped(() => {
    const { field, tokens, samples, controls, initial } = experiment;
    const flow = createFlow(backend, { field, tokens, samples, scheme: rk4 });
    const trajectory = flow.forward({ grid, controls, initial });
    const cells = layerCount(grid);
    const zero = new Float64Array(initial.length);
    const second = backend.allocate(initial.length);
    const bendAt = (k: number) => {
      if (trajectory.status.kind !== 'completed') return 0;
      const [before, at, after] = [k - 1, k, k + 1].map((j) => trajectory.state(j));
      for (let e = 0; e < second.length; e++) {
        second[e] = before[e] - 2 * at[e] + after[e];
      }
      const least = 1e3 * Number.EPSILON * largestDistance(at, zero, experiment);
      return Math.max(least, largestDistance(second, zero, experiment));
    };
    const values = Array.from({ length: cells }, (_, k) => bendAt(Math.max(1, k)));
    return { times: grid.times, values };
  });
}
