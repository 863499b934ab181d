/** A flow from rows to columns on few arcs. */
export interface SparseFlow {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly mass: Float64Array;
}

export interface PolishedFlow extends SparseFlow {
  /** Potential of the columns: with `u_i = min_j c_ij − v_j` optimal, up to rounding of single costs. */
  readonly v: Float64Array;
}

/** Cycles that are cancelled at the most. */
const mostCycles = 1000;

/**
 * Improves a flow by cancelling cycles of negative cost in its residual graph, and returns potentials: the shortest distances
 * there, from all nodes at once (Bellman & Ford; Ahuja, Magnanti & Orlin, Network Flows, ch. 9). Distances are sums of
 * costs along short paths: costs that are small beside the largest are not lost, as they are in the potentials of a spanning
 * tree that passes through large ones. Null where cycles do not end.
 *
 * @param cost - n × m, row-major
 */
export function polishFlow(
  cost: Float64Array,
  n: number,
  m: number,
  start: SparseFlow,
): PolishedFlow | null {
  const flow = new Map<number, number>();
  start.mass.forEach((mass, k) => {
    flow.set(start.from[k] * m + start.to[k], mass);
  });
  for (let cancelled = 0; cancelled < mostCycles; cancelled++) {
    const { cycle, v } = shortestDistances(cost, n, m, flow);
    if (cycle === null) {
      const arcs = [...flow.keys()];
      return {
        from: Int32Array.from(arcs, (arc) => Math.floor(arc / m)),
        to: Int32Array.from(arcs, (arc) => arc % m),
        mass: Float64Array.from(flow.values()),
        v,
      };
    }
    const mass = Math.min(...cycle.backwards.map((arc) => flow.get(arc) ?? 0));
    for (const arc of cycle.forwards) flow.set(arc, (flow.get(arc) ?? 0) + mass);
    for (const arc of cycle.backwards) {
      const rest = (flow.get(arc) ?? 0) - mass;
      if (rest > 0) flow.set(arc, rest);
      else flow.delete(arc);
    }
  }
  return null;
}

/** Arcs that gain mass and arcs that lose it. */
interface Cycle {
  readonly forwards: number[];
  readonly backwards: number[];
}

function shortestDistances(
  cost: Float64Array,
  n: number,
  m: number,
  flow: ReadonlyMap<number, number>,
): { readonly cycle: Cycle | null; readonly v: Float64Array } {
  const rows = new Float64Array(n);
  const columns = new Float64Array(m);
  const beforeRow = new Int32Array(n).fill(-1);
  const beforeColumn = new Int32Array(m).fill(-1);
  const shortens = (next: number, size: number, old: number) =>
    next < old - 4 * Number.EPSILON * size;
  for (;;) {
    let changed = false;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < m; j++) {
        const c = cost[i * m + j];
        if (!shortens(rows[i] + c, c - rows[i], columns[j])) continue;
        columns[j] = rows[i] + c;
        beforeColumn[j] = i;
        changed = true;
      }
    }
    for (const arc of flow.keys()) {
      const [i, j] = [Math.floor(arc / m), arc % m];
      const c = cost[arc];
      if (!shortens(columns[j] - c, c - columns[j], rows[i])) continue;
      rows[i] = columns[j] - c;
      beforeRow[i] = j;
      changed = true;
    }
    const cycle = changed ? findCycle(beforeRow, beforeColumn, m) : null;
    if (cycle !== null || !changed) return { cycle, v: columns };
  }
}

/** A cycle of predecessors: its cost is negative. */
function findCycle(beforeRow: Int32Array, beforeColumn: Int32Array, m: number): Cycle | null {
  const seen = new Int32Array(beforeRow.length).fill(-1);
  for (let start = 0; start < beforeRow.length; start++) {
    let i = start;
    while (i >= 0 && seen[i] < 0) {
      seen[i] = start;
      i = beforeRow[i] < 0 ? -1 : beforeColumn[beforeRow[i]];
    }
    if (i < 0 || seen[i] !== start) continue;
    const cycle: Cycle = { forwards: [], backwards: [] };
    const first = i;
    do {
      const j = beforeRow[i];
      cycle.backwards.push(i * m + j);
      cycle.forwards.push(beforeColumn[j] * m + j);
      i = beforeColumn[j];
    } while (i !== first);
    return cycle;
  }
  return null;
}
