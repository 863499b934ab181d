/** An optimal solution of a transport problem and of its dual. */
export interface TransportSolution {
  /** Flow from row `from[k]` to column `to[k]` is `mass[k]` > 0. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly mass: Float64Array;
  /** Potentials of rows and columns: `c_ij − u_i − v_j ≥ 0` up to rounding, `= 0` where there is flow. */
  readonly u: Float64Array;
  readonly v: Float64Array;
  readonly pivots: number;
}

/**
 * Minimises `Σ c_ij f_ij` over f ≥ 0 with row sums a and column sums b (of equal total, all > 0), by the network
 * simplex method with strongly feasible trees (Ahuja, Magnanti & Orlin, Network Flows, ch. 11). The tree starts with
 * every node hanging from an artificial root; each step prices one row of arcs.
 *
 * @param cost - n × m, row-major, ≥ 0
 */
export function solveTransport(
  cost: Float64Array,
  a: Float64Array,
  b: Float64Array,
): TransportSolution {
  const [n, m] = [a.length, b.length];
  const largest = cost.reduce((x, y) => Math.max(x, y), 0);
  const tree = createTree(cost, a, b, largest);
  // Reduced costs above this are rounding.
  const tolerance = 1e-14 * largest;
  let pivots = 0;
  let row = 0;
  let rowsWithoutGain = 0;
  let isFresh = false;
  while (true) {
    const column = cheapestColumn(cost, tree, row, m);
    const reduced = cost[row * m + column] - tree.potential[row] - tree.potential[n + column];
    if (reduced < -tolerance) {
      pivot(tree, row, n + column, reduced);
      pivots++;
      rowsWithoutGain = 0;
      isFresh = false;
    } else if (++rowsWithoutGain === n) {
      // Potentials have collected rounding over many pivots: the last word is theirs when computed anew.
      if (isFresh) break;
      refreshPotentials(tree, cost);
      isFresh = true;
      rowsWithoutGain = 0;
    }
    row = row + 1 === n ? 0 : row + 1;
  }
  const rounding = 1e-15 * a.reduce((sum, mass) => sum + mass, 0);
  return { ...treeFlow(tree, rounding), pivots };
}

/**
 * A spanning tree of rows 0 … n−1, columns n … n+m−1 and the artificial root n+m. Arcs lead from rows to columns,
 * from rows to the root, from the root to columns: the arc between a row and its parent leads up, that between a
 * column and its parent leads down.
 */
interface Tree {
  readonly n: number;
  readonly root: number;
  /** Cost of an artificial arc: two of them cost more than any arc they could replace. */
  readonly artificialCost: number;
  readonly parent: Int32Array;
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  readonly previousSibling: Int32Array;
  readonly depth: Int32Array;
  /** Flow on the arc between a node and its parent. */
  readonly flow: Float64Array;
  readonly potential: Float64Array;
  readonly stack: Int32Array;
}

function createTree(cost: Float64Array, a: Float64Array, b: Float64Array, largest: number): Tree {
  const n = a.length;
  const root = n + b.length;
  const size = root + 1;
  const flow = new Float64Array(size);
  flow.set(a);
  flow.set(b, n);
  const tree: Tree = {
    n,
    root,
    artificialCost: largest > 0 ? largest : 1,
    parent: new Int32Array(size).fill(root),
    firstChild: new Int32Array(size).fill(-1),
    nextSibling: new Int32Array(size).fill(-1),
    previousSibling: new Int32Array(size).fill(-1),
    depth: new Int32Array(size).fill(1),
    flow,
    potential: new Float64Array(size),
    stack: new Int32Array(size),
  };
  tree.parent[root] = -1;
  tree.depth[root] = 0;
  for (let node = 0; node < root; node++) attach(tree, node, root);
  refreshPotentials(tree, cost);
  return tree;
}

function attach(tree: Tree, node: number, parent: number): void {
  const { firstChild, nextSibling, previousSibling } = tree;
  const sibling = firstChild[parent];
  tree.parent[node] = parent;
  previousSibling[node] = -1;
  nextSibling[node] = sibling;
  if (sibling >= 0) previousSibling[sibling] = node;
  firstChild[parent] = node;
}

function detach(tree: Tree, node: number): void {
  const { firstChild, nextSibling, previousSibling } = tree;
  const [before, after] = [previousSibling[node], nextSibling[node]];
  if (before >= 0) nextSibling[before] = after;
  else firstChild[tree.parent[node]] = after;
  if (after >= 0) previousSibling[after] = before;
}

/** The column with the smallest `c_ij − v_j` in row i. */
function cheapestColumn(cost: Float64Array, tree: Tree, row: number, m: number): number {
  const { potential, n } = tree;
  const start = row * m;
  let least = Number.POSITIVE_INFINITY;
  let column = 0;
  for (let j = 0; j < m; j++) {
    const reduced = cost[start + j] - potential[n + j];
    if (reduced < least) {
      least = reduced;
      column = j;
    }
  }
  return column;
}

/** Brings the arc from a row to a column (as node numbers) into the tree, and the blocking arc out of it. */
function pivot(tree: Tree, row: number, column: number, reducedCost: number): void {
  const { n, parent, depth, flow } = tree;
  // Sending along the new arc takes flow off the arcs above rows on the row's side, and above columns on the other.
  // Of the arcs that block, the last one in the cycle's direction from the apex leaves: this keeps the tree strongly
  // feasible, and the method from cycling. It is the highest on the column's side, or else the lowest on the row's.
  let mass = Number.POSITIVE_INFINITY;
  let leaving = -1;
  let leavesOnRowSide = true;
  let p = row;
  let q = column;
  while (p !== q) {
    if (depth[p] >= depth[q]) {
      if (p < n && flow[p] < mass) {
        mass = flow[p];
        leaving = p;
        leavesOnRowSide = true;
      }
      p = parent[p];
    } else {
      if (q >= n && flow[q] <= mass) {
        mass = flow[q];
        leaving = q;
        leavesOnRowSide = false;
      }
      q = parent[q];
    }
  }
  const apex = p;
  for (p = row; p !== apex; p = parent[p]) flow[p] += p < n ? -mass : mass;
  for (q = column; q !== apex; q = parent[q]) flow[q] += q < n ? mass : -mass;
  const top = leavesOnRowSide ? row : column;
  const above = leavesOnRowSide ? column : row;
  hang(tree, top, above, leaving, mass);
  shiftSubtree(tree, top, depth[above] + 1, leavesOnRowSide ? reducedCost : -reducedCost);
}

/** Cuts the arc above `leaving`, turns the subtree round so that `top` is its root, and hangs it from `above`. */
function hang(tree: Tree, top: number, above: number, leaving: number, mass: number): void {
  let node = top;
  let newParent = above;
  let newFlow = mass;
  while (true) {
    const oldParent = tree.parent[node];
    const oldFlow = tree.flow[node];
    detach(tree, node);
    attach(tree, node, newParent);
    tree.flow[node] = newFlow;
    if (node === leaving) return;
    newParent = node;
    newFlow = oldFlow;
    node = oldParent;
  }
}

/** Sets the depths below `top` and adds `shift` to the rows' potentials, −`shift` to the columns'. */
function shiftSubtree(tree: Tree, top: number, depthOfTop: number, shift: number): void {
  const { n, depth, potential, firstChild, nextSibling, stack } = tree;
  depth[top] = depthOfTop;
  let height = 0;
  stack[height++] = top;
  while (height > 0) {
    const node = stack[--height];
    potential[node] += node < n ? shift : -shift;
    for (let child = firstChild[node]; child >= 0; child = nextSibling[child]) {
      depth[child] = depth[node] + 1;
      stack[height++] = child;
    }
  }
}

/** Computes all potentials from the tree: `u + v = c` on its arcs. */
function refreshPotentials(tree: Tree, cost: Float64Array): void {
  const { n, root, potential, firstChild, nextSibling, stack, artificialCost } = tree;
  const m = root - n;
  let height = 0;
  stack[height++] = root;
  potential[root] = 0;
  while (height > 0) {
    const node = stack[--height];
    for (let child = firstChild[node]; child >= 0; child = nextSibling[child]) {
      const arc = child < n ? child * m + node - n : node * m + child - n;
      potential[child] = (node === root ? artificialCost : cost[arc]) - potential[node];
      stack[height++] = child;
    }
  }
}

/** The flow without what rounding has left on arcs of the tree that carry nothing. */
function treeFlow({ n, root, parent, flow, potential }: Tree, rounding: number) {
  const nodes = Array.from({ length: root }, (_, node) => node).filter(
    (node) => parent[node] !== root && flow[node] > rounding,
  );
  return {
    from: Int32Array.from(nodes, (node) => (node < n ? node : parent[node])),
    to: Int32Array.from(nodes, (node) => (node < n ? parent[node] : node) - n),
    mass: Float64Array.from(nodes, (node) => flow[node]),
    u: potential.slice(0, n),
    v: potential.slice(n, root),
  };
}
