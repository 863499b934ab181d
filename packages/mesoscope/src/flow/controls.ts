import type { Backend, FloatArray } from '../kernels/backend.ts';
import { shapeMismatch } from '../numeric/checks.ts';
import { checkGrid, layerCount, refineGrid } from './grid.ts';
import type { Controls, DepthGrid, NodeCombination } from './types.ts';

/** Controls with one node a layer of `grid`. */
export interface PiecewiseConstantControls extends Controls {
  readonly grid: DepthGrid;
}

/**
 * `θ_t = node_k` for t in the layer `[t_k, t_{k+1})` of `grid`.
 *
 * @param parameterCount P.
 * @param nodes L × P, in backend memory; kept, not copied.
 * @throws MesoscopeError `shape-mismatch`
 */
export function piecewiseConstantControls(
  grid: DepthGrid,
  parameterCount: number,
  nodes: FloatArray,
): PiecewiseConstantControls {
  checkGrid(grid);
  const layers = layerCount(grid);
  checkNodes(nodes, layers, parameterCount);
  const single = singleNodes(layers);
  return {
    grid,
    parameterCount,
    nodeCount: layers,
    nodes,
    breakpoints: grid.times.slice(1, -1),
    combination(t, from, to) {
      const cell = cellOf(grid.times, t);
      const seenFromTheLeft = cell > 0 && t === grid.times[cell] && (from + to) / 2 < t;
      return single[seenFromTheLeft ? cell - 1 : cell];
    },
  };
}

/**
 * `θ_t` linear between `θ_{times_j} = node_j`.
 *
 * @param times increasing from 0, at least two.
 * @param parameterCount P.
 * @param nodes times.length × P, in backend memory; kept, not copied.
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`, `not-finite`
 */
export function piecewiseLinearControls(
  times: Float64Array,
  parameterCount: number,
  nodes: FloatArray,
): Controls {
  checkGrid({ times, profile: () => 1 });
  checkNodes(nodes, times.length, parameterCount);
  const single = singleNodes(times.length);
  return {
    parameterCount,
    nodeCount: times.length,
    nodes,
    breakpoints: times.slice(1, -1),
    combination(t) {
      const cell = cellOf(times, t);
      const x = (t - times[cell]) / (times[cell + 1] - times[cell]);
      if (x <= 0) return single[cell];
      if (x >= 1) return single[cell + 1];
      return [
        { node: cell, weight: 1 - x },
        { node: cell + 1, weight: x },
      ];
    },
  };
}

/**
 * The piecewise linear interpolation of `t ↦ θ(t)` at the given depths.
 *
 * @param options.times increasing from 0, at least two.
 * @param options.theta writes θ(t) into `out` (length P).
 * @throws MesoscopeError `invalid-value`, `not-finite`, `out-of-memory`
 */
export function sampledControls(
  backend: Backend,
  options: {
    readonly times: Float64Array;
    readonly parameterCount: number;
    readonly theta: (t: number, out: FloatArray) => void;
  },
): Controls {
  const { times, parameterCount, theta } = options;
  const nodes = backend.allocate(times.length * parameterCount);
  times.forEach((t, j) => {
    theta(t, nodeView(nodes, parameterCount, j));
  });
  return piecewiseLinearControls(times, parameterCount, nodes);
}

/** Writes θ at depth t, seen from the step [from, to], into `out` (length P). */
export function controlAt(
  controls: Controls,
  t: number,
  from: number,
  to: number,
  out: FloatArray,
): void {
  combineNodes(controls, controls.combination(t, from, to), out);
}

/**
 * One value of θ for every layer of `grid`, L × P, written into `out`: the nodes of piecewise constant controls.
 *
 * @param at where in its layer θ is taken: `left` (as Euler's scheme sees it) or `middle`.
 */
export function sampleControls(
  controls: Controls,
  grid: DepthGrid,
  at: 'left' | 'middle',
  out: FloatArray,
): void {
  const layers = layerCount(grid);
  checkNodes(out, layers, controls.parameterCount);
  for (let k = 0; k < layers; k++) {
    const from = grid.times[k];
    const to = grid.times[k + 1];
    const t = at === 'left' ? from : (from + to) / 2;
    controlAt(controls, t, from, to, nodeView(out, controls.parameterCount, k));
  }
}

/**
 * L → 2L: controls on the grid with every layer halved, as a start for its optimum.
 * `repeat` copies each node twice: the same function of depth. `linear` interpolates between the middles of the
 * layers, and extrapolates in the first and last half layer.
 *
 * @param out 2L × P, in backend memory: the nodes of the result.
 * @throws MesoscopeError `shape-mismatch`
 */
export function prolongControls(
  controls: PiecewiseConstantControls,
  method: 'repeat' | 'linear',
  out: FloatArray,
): PiecewiseConstantControls {
  const { grid, nodes, parameterCount } = controls;
  const layers = layerCount(grid);
  const fine = refineGrid(grid, 2);
  const prolonged = piecewiseConstantControls(fine, parameterCount, out);
  for (let j = 0; j < 2 * layers; j++) {
    const k = j >> 1;
    const target = nodeView(out, parameterCount, j);
    if (method === 'repeat' || layers === 1) {
      target.set(nodeView(nodes, parameterCount, k));
      continue;
    }
    const neighbour = j % 2 === 0 ? k - 1 : k + 1;
    const left = Math.min(Math.max(Math.min(k, neighbour), 0), layers - 2);
    const x =
      (middle(fine, j) - middle(grid, left)) / (middle(grid, left + 1) - middle(grid, left));
    const a = left * parameterCount;
    for (let i = 0; i < parameterCount; i++) {
      target[i] = (1 - x) * nodes[a + i] + x * nodes[a + parameterCount + i];
    }
  }
  return prolonged;
}

/** Node vector j of an array of node vectors of length P; a view. */
export function nodeView(nodes: FloatArray, parameterCount: number, j: number): FloatArray {
  return nodes.subarray(j * parameterCount, (j + 1) * parameterCount);
}

/** `out ← Σ weight · node`. */
export function combineNodes(
  controls: Controls,
  combination: NodeCombination,
  out: FloatArray,
): void {
  const { nodes, parameterCount } = controls;
  out.fill(0);
  for (const { node, weight } of combination) {
    const start = node * parameterCount;
    for (let i = 0; i < parameterCount; i++) out[i] += weight * nodes[start + i];
  }
}

/** `gradient_node += weight · share` for every node of the combination: the transpose of {@link combineNodes}. */
export function distributeToNodes(
  combination: NodeCombination,
  share: FloatArray,
  gradient: FloatArray,
  factor = 1,
): void {
  for (const { node, weight } of combination) {
    const start = node * share.length;
    const scale = factor * weight;
    for (let i = 0; i < share.length; i++) gradient[start + i] += scale * share[i];
  }
}

/** The cell k with `times_k ≤ t < times_{k+1}`, clamped to the cells there are. */
export function cellOf(times: Float64Array, t: number): number {
  let low = 0;
  let high = times.length - 2;
  while (low < high) {
    const probe = (low + high + 1) >> 1;
    if (times[probe] <= t) low = probe;
    else high = probe - 1;
  }
  return low;
}

function middle(grid: DepthGrid, k: number): number {
  return (grid.times[k] + grid.times[k + 1]) / 2;
}

function singleNodes(count: number): NodeCombination[] {
  return Array.from({ length: count }, (_, node) => [{ node, weight: 1 }]);
}

function checkNodes(nodes: FloatArray, count: number, parameterCount: number): void {
  if (nodes.length !== count * parameterCount) {
    throw shapeMismatch('nodes', [nodes.length], [count, parameterCount]);
  }
}
