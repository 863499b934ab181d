import { MesoscopeError } from '../errors.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { refuse } from '../numeric/checks.ts';
import { layerCount } from './grid.ts';
import type { Controls, DepthGrid, FlowStatus } from './types.ts';

/**
 * Which states of a flow are kept: `all` L + 1; `sqrt`: every ⌈√L⌉-th, so that the adjoint needs O(√L) states at
 * once; `ends`: the first and the last; a number m: every m-th. The last state is always kept.
 */
export type Checkpoints = 'all' | 'sqrt' | 'ends' | number;

/** States of a flow along its grid, for S samples. */
export interface Trajectory {
  readonly grid: DepthGrid;
  readonly controls: Controls;
  /** Key weights of the tokens, S × stateLength(1, n), if the flow is weighted. */
  readonly weights?: FloatArray | undefined;
  /** S. */
  readonly samples: number;
  readonly status: FlowStatus;
  /** Steps taken: L, or fewer if the flow stopped. */
  readonly steps: number;
  /** Steps between kept states. */
  readonly segment: number;
  /**
   * The state at depth t_k, S × stateLength(d, n); a view, not a copy.
   * @throws MesoscopeError `unsupported` if this state was not kept or not reached
   */
  state(k: number): FloatArray;
  /** The state where the flow stopped. */
  readonly last: FloatArray;
}

/** The distance between kept states, in steps. @throws MesoscopeError `invalid-value` */
export function segmentLength(checkpoints: Checkpoints, layers: number): number {
  if (checkpoints === 'all') return 1;
  if (checkpoints === 'sqrt') return Math.ceil(Math.sqrt(layers));
  if (checkpoints === 'ends') return layers;
  if (!(Number.isInteger(checkpoints) && checkpoints >= 1)) {
    refuse('checkpoints', checkpoints, '"all", "sqrt", "ends" or a number of steps ≥ 1');
  }
  return Math.min(checkpoints, layers);
}

/** Number of states kept over L layers: 0, m, 2m, … and L. */
export function keptCount(layers: number, segment: number): number {
  return Math.ceil(layers / segment) + 1;
}

/** Views of the kept states: entry j is the state at `keptDepth(j)`. */
export function keptViews(states: FloatArray, count: number): FloatArray[] {
  const size = states.length / count;
  return Array.from({ length: count }, (_, j) => states.subarray(j * size, (j + 1) * size));
}

/** Index of depth of kept state j. */
export function keptDepth(j: number, layers: number, segment: number): number {
  return Math.min(j * segment, layers);
}

/** Builds the trajectory around its kept states. */
export function trajectoryOf(
  parts: Omit<Trajectory, 'state'> & {
    readonly kept: readonly FloatArray[];
  },
): Trajectory {
  const { kept, ...rest } = parts;
  const layers = layerCount(parts.grid);
  return {
    ...rest,
    state(k) {
      const j = k === layers ? kept.length - 1 : k / parts.segment;
      if (!(Number.isInteger(j) && j >= 0 && k <= parts.steps)) {
        throw new MesoscopeError({
          code: 'unsupported',
          what: `state ${k} of a flow that took ${parts.steps} steps`,
          by: `a trajectory that keeps every ${parts.segment}-th state`,
          wayOut: 'Keep all states (checkpoints: "all") and check the status first.',
        });
      }
      return kept[j];
    },
  };
}
