// The vector–Jacobian product of attention. P is recomputed panel by panel, with its normalisation, so that neither P
// nor the forward pass's normaliser is needed. Sums over keys are finished panel by panel, sums over queries after a
// block of panels.
import { AttentionKind, AttentionPullback } from './generated/layout';
import { headRows, queryPanel, scorePanel } from './attention';
import { lanes, loadSplat, madd, splat, sumLanes, VECTOR } from './lanes';
import {
  address, columns, flag, integer, padded, parameter, present, rows, stride, workspace,
} from './operands';
import { outerRows } from './outer';
import {
  combine, copyPanel, hideFuture, innerProducts, largestNorm, PANEL, panelWidth, scaleRow, scoreScale, weigh,
} from './panel';
import { LOG2_E } from './powers';
import { hideBeyond, scaleByCapSlope } from './scores';

export function attentionPullback<T>(at: usize): void {
  const k = integer(at, AttentionPullback.keyDimension);
  const v = integer(at, AttentionPullback.valueDimension);
  const n = columns(at, AttentionPullback.queries);
  const m = columns(at, AttentionPullback.keys);
  const block = integer(at, AttentionPullback.block);
  const queryBytes = <usize>k * PANEL;
  const costateBytes = <usize>v * PANEL;
  const keyBytes = <usize>m * PANEL;
  const scale = workspace();
  const query = scale + PANEL;
  const costate = query + <usize>block * queryBytes;
  const P = costate + <usize>block * costateBytes;
  const dS = P + <usize>block * keyBytes;
  const width = panelWidth<T>();
  for (let head = 0; head < integer(at, AttentionPullback.heads); head++) {
    const keyNorm = largestNorm<T>(headRows(at, AttentionPullback.keys, k, head), stride(at, AttentionPullback.keys), k, m);
    for (let first = 0; first < n; first += block * width) {
      const panels = min(block, (n - first + width - 1) / width);
      const seen = flag(at, AttentionPullback.causal) ? min(m, first + panels * width) : m;
      for (let panel = 0; panel < panels; panel++) {
        const u = <usize>panel;
        pullPanel<T>(
          at, head, first + panel * width, seen, keyNorm, scale,
          query + u * queryBytes, costate + u * costateBytes, P + u * keyBytes, dS + u * keyBytes,
          dS + <usize>block * keyBytes,
        );
      }
      outerRows<T>(
        costate, PANEL, costateBytes, v, P, PANEL, keyBytes, seen, 2 * panels, 0,
        headRows(at, AttentionPullback.gValues, v, head), stride(at, AttentionPullback.gValues), 1, true, false,
      );
      if (integer(at, AttentionPullback.kind) != AttentionKind.hardmax) pullKeys<T>(at, head, query, queryBytes, dS, keyBytes, seen, panels);
    }
  }
}

/**
 * For the panel of queries that starts at i: the queries, α · costate, P and dS (the derivative by the scores), the
 * latter two for `seen` keys; adds the panel's part of the queries' gradient. `uncapped` is room for scores where they are capped.
 */
function pullPanel<T>(
  at: usize, head: i32, i: i32, seen: i32, keyNorm: f64, scale: usize,
  query: usize, costate: usize, P: usize, dS: usize, uncapped: usize,
): void {
  const kind = integer(at, AttentionPullback.kind);
  const k = integer(at, AttentionPullback.keyDimension);
  const v = integer(at, AttentionPullback.valueDimension);
  const m = columns(at, AttentionPullback.keys);
  const left = columns(at, AttentionPullback.queries) - i;
  const shift = <usize>i * sizeof<T>();
  const weights = present(at, AttentionPullback.weights) ? address(at, AttentionPullback.weights) : 0;
  const moderate = queryPanel<T>(at, head, i, query, keyNorm);
  const visible = scorePanel<T>(at, head, i, query, P, moderate, scale);
  weigh<T>(kind, parameter(at, AttentionPullback.scale), moderate, P, weights, visible, m, scale, 0, 0, false);
  copyPanel<T>(headRows(at, AttentionPullback.p, v, head) + shift, stride(at, AttentionPullback.p), costate, v, parameter(at, AttentionPullback.alpha), left);
  clear(P + <usize>visible * PANEL, seen - visible);
  if (kind == AttentionKind.hardmax) {
    scalePanel<T>(P, visible, scale);
    return;
  }
  innerProducts<T>(headRows(at, AttentionPullback.values, v, head), stride(at, AttentionPullback.values), costate, v, dS, visible);
  clear(dS + <usize>visible * PANEL, seen - visible);
  if (kind == AttentionKind.linear) {
    scalePanel<T>(P, visible, scale);
    weighLinear<T>(dS, weights, m, visible);
    if (flag(at, AttentionPullback.causal)) hideFuture<T>(dS, i, visible, 0);
    hideBeyond<T>(dS, i, visible, parameter(at, AttentionPullback.window), 0);
  } else {
    differentiate<T>(P, dS, visible, scale, kind != AttentionKind.unnormalised);
    const cap = parameter(at, AttentionPullback.softCap);
    if (isFinite(cap)) {
      innerProducts<T>(headRows(at, AttentionPullback.keys, k, head), stride(at, AttentionPullback.keys), query, k, uncapped, visible);
      scaleByCapSlope<T>(uncapped, dS, visible, cap * LOG2_E);
    }
  }
  const beta = splat<T>(kind == AttentionKind.l2 ? 2 * parameter(at, AttentionPullback.scale) : parameter(at, AttentionPullback.scale));
  v128.store(scale, beta);
  v128.store(scale, beta, VECTOR);
  combine<T>(
    headRows(at, AttentionPullback.keys, k, head), stride(at, AttentionPullback.keys), dS, visible,
    headRows(at, AttentionPullback.gQueries, k, head) + shift, stride(at, AttentionPullback.gQueries), k, scale, true, left, padded<T>(at, AttentionPullback.gQueries),
  );
}

/** P ← scale ∘ P; dS (holding dP) ← P ∘ (dP − Σ_j P_j dP_j), without the sum unless `normalised`. */
function differentiate<T>(P: usize, dS: usize, count: i32, scale: usize, normalised: bool): void {
  const scale0 = v128.load(scale);
  const scale1 = v128.load(scale, VECTOR);
  let mean0 = splat<T>(0);
  let mean1 = mean0;
  const bytes = <usize>count * PANEL;
  for (let j: usize = 0; j < bytes; j += PANEL) {
    const p0 = v128.mul<T>(scale0, v128.load(P + j));
    const p1 = v128.mul<T>(scale1, v128.load(P + j, VECTOR));
    v128.store(P + j, p0);
    v128.store(P + j, p1, VECTOR);
    mean0 = madd<T>(p0, v128.load(dS + j), mean0);
    mean1 = madd<T>(p1, v128.load(dS + j, VECTOR), mean1);
  }
  if (!normalised) {
    mean0 = splat<T>(0);
    mean1 = mean0;
  }
  for (let j: usize = 0; j < bytes; j += PANEL) {
    const d0 = v128.sub<T>(v128.load(dS + j), mean0);
    const d1 = v128.sub<T>(v128.load(dS + j, VECTOR), mean1);
    v128.store(dS + j, v128.mul<T>(v128.load(P + j), d0));
    v128.store(dS + j, v128.mul<T>(v128.load(P + j, VECTOR), d1), VECTOR);
  }
}

/** dS (holding dP) ← w_j dP. */
function weighLinear<T>(dS: usize, weights: usize, m: i32, count: i32): void {
  for (let j = 0; j < count; j++) {
    const weight = weights == 0 ? splat<T>(1 / <f64>m) : loadSplat<T>(weights + <usize>j * sizeof<T>());
    const row = dS + <usize>j * PANEL;
    v128.store(row, v128.mul<T>(weight, v128.load(row)));
    v128.store(row, v128.mul<T>(weight, v128.load(row, VECTOR)), VECTOR);
  }
}

/** Multiplies every row of a panel by `scale`, entrywise. */
function scalePanel<T>(panel: usize, count: i32, scale: usize): void {
  const scale0 = v128.load(scale);
  const scale1 = v128.load(scale, VECTOR);
  for (let j = count; j > 0; j--) {
    v128.store(panel, v128.mul<T>(scale0, v128.load(panel)));
    v128.store(panel, v128.mul<T>(scale1, v128.load(panel, VECTOR)), VECTOR);
    panel += PANEL;
  }
}

function clear(panel: usize, count: i32): void {
  memory.fill(panel, 0, <usize>count * PANEL);
}

/** Adds the block's part of the keys' gradient. */
function pullKeys<T>(
  at: usize, head: i32, query: usize, queryBytes: usize, dS: usize, keyBytes: usize, seen: i32, panels: i32,
): void {
  const kind = integer(at, AttentionPullback.kind);
  const k = integer(at, AttentionPullback.keyDimension);
  const beta = parameter(at, AttentionPullback.scale);
  const gradient = headRows(at, AttentionPullback.gKeys, k, head);
  // The panels hold the queries times the scores' scale, but for distances the queries themselves.
  const factor = kind == AttentionKind.l2 ? 2 * beta : beta / scoreScale(kind, beta);
  outerRows<T>(
    query, PANEL, queryBytes, k, dS, PANEL, keyBytes, seen, 2 * panels, 0, gradient, stride(at, AttentionPullback.gKeys), factor, true, false,
  );
  if (kind != AttentionKind.l2) return;
  const keys = headRows(at, AttentionPullback.keys, k, head);
  for (let j = 0; j < seen; j++) {
    let sum = splat<T>(0);
    for (let panel = 0; panel < panels; panel++) {
      const row = dS + <usize>panel * keyBytes + <usize>j * PANEL;
      sum = v128.add<T>(sum, v128.add<T>(v128.load(row), v128.load(row, VECTOR)));
    }
    const weight = <T>(<T>factor * sumLanes<T>(sum));
    const shift = <usize>j * sizeof<T>();
    for (let c = 0; c < k; c++) {
      const to = gradient + <usize>c * stride(at, AttentionPullback.gKeys) + shift;
      store<T>(to, <T>(load<T>(to) - weight * load<T>(keys + <usize>c * stride(at, AttentionPullback.keys) + shift)));
    }
  }
}
