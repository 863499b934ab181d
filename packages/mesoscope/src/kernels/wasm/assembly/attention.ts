// Attention. A panel of queries is carried through scores, weights and the mean over values; whole columns are held, so
// nothing is rescaled, and no n × n matrix is ever in memory.
import { Attention, AttentionKind } from './generated/layout';
import {
  address, columns, flag, integer, padded, parameter, present, rows, stride, workspace,
} from './operands';
import {
  combine, copyPanel, distances, hiddenScore, hideFuture, hideWeightless, innerProducts, isModerate, largestNorm,
  largestOfColumns, PANEL, panelWidth, scaleRow, scoreScale, shiftedProducts, weigh,
} from './panel';
import { LOG2_E } from './powers';
import { alibiSlope, biasByDistance, capScores, hideBeyond } from './scores';

export function attention<T>(at: usize): void {
  const k = integer(at, Attention.keyDimension);
  const v = integer(at, Attention.valueDimension);
  const n = columns(at, Attention.queries);
  const m = columns(at, Attention.keys);
  const summed = rows(at, Attention.out) == v;
  const scale = workspace();
  const query = scale + PANEL;
  const scores = query + <usize>k * PANEL;
  for (let head = 0; head < integer(at, Attention.heads); head++) {
    const values = headRows(at, Attention.values, v, head);
    const out = headRows(at, Attention.out, v, head);
    const normaliser = address(at, Attention.normaliser) + <usize>head * stride(at, Attention.normaliser);
    const keyNorm = largestNorm<T>(headRows(at, Attention.keys, k, head), stride(at, Attention.keys), k, m);
    for (let i = 0; i < n; i += panelWidth<T>()) {
      const shift = <usize>i * sizeof<T>();
      const moderate = queryPanel<T>(at, head, i, query, keyNorm);
      const visible = scorePanel<T>(at, head, i, query, scores, moderate, scale);
      const weights = present(at, Attention.weights) ? address(at, Attention.weights) : 0;
      weigh<T>(
        integer(at, Attention.kind), parameter(at, Attention.scale), moderate, scores, weights, visible, m, scale,
        normaliser + shift, n - i, padded<T>(at, Attention.normaliser),
      );
      scaleRow<T>(scale, parameter(at, Attention.alpha));
      combine<T>(
        values, stride(at, Attention.values), scores, visible, out + shift, stride(at, Attention.out), v,
        scale, summed && head > 0, n - i, padded<T>(at, Attention.out),
      );
    }
  }
}

/** First row of what a head uses of matrix `i`: one of its parts of `count` rows, each of which as many heads share. */
// @ts-ignore: decorator
@inline
export function headRows(at: usize, i: i32, count: i32, head: i32): usize {
  const all = rows(at, i);
  if (all == count) return address(at, i);
  const heads = integer(at, Attention.heads);
  const part = all == heads * count ? head : (head * (all / count)) / heads;
  return address(at, i) + <usize>(part * count) * stride(at, i);
}

/**
 * Copies the panel of queries that starts at i, times the scores' scale (but for distances), for an instruction whose first
 * operands are those of `attention`. Returns whether its scores are moderate.
 */
export function queryPanel<T>(at: usize, head: i32, i: i32, query: usize, keyNorm: f64): bool {
  const kind = integer(at, Attention.kind);
  const k = integer(at, Attention.keyDimension);
  const scale = scoreScale(kind, parameter(at, Attention.scale));
  const queries = headRows(at, Attention.queries, k, head) + <usize>i * sizeof<T>();
  copyPanel<T>(queries, stride(at, Attention.queries), query, k, kind == AttentionKind.l2 ? 1 : scale, columns(at, Attention.queries) - i);
  return parameter(at, Attention.alibi) == 0 && isModerate<T>(kind, scale, query, k, keyNorm);
}

/**
 * Scores of a panel of queries, less `base` (one row, written here); returns the number of keys: those that some query of the
 * panel sees. The base is 0 but for large scores in single precision: these are formed twice, the second time less the largest of
 * the first, so that what differs between keys is not lost in what they share.
 */
export function scorePanel<T>(
  at: usize, head: i32, i: i32, query: usize, scores: usize, moderate: bool, base: usize,
): i32 {
  const kind = integer(at, Attention.kind);
  const k = integer(at, Attention.keyDimension);
  const m = columns(at, Attention.keys);
  const keys = headRows(at, Attention.keys, k, head);
  const step = stride(at, Attention.keys);
  const visible = flag(at, Attention.causal) ? min(m, i + panelWidth<T>()) : m;
  memory.fill(base, 0, PANEL);
  if (kind == AttentionKind.l2) {
    distances<T>(keys, step, query, k, scores, visible, scoreScale(kind, parameter(at, Attention.scale)));
  } else {
    innerProducts<T>(keys, step, query, k, scores, visible);
  }
  const cap = parameter(at, Attention.softCap);
  if (isFinite(cap)) capScores<T>(scores, visible, cap * LOG2_E);
  biasAndHide<T>(at, head, i, scores, visible, moderate);
  if (sizeof<T>() == 4) {
    if (kind == AttentionKind.softmax && !moderate && !isFinite(cap)) {
      largestOfColumns<T>(scores, visible, base);
      shiftedProducts(keys, step, query, k, base, scores, visible);
      biasAndHide<T>(at, head, i, scores, visible, moderate);
    }
  }
  return visible;
}

/** What a score has besides its inner product, and the score of a key that is hidden. */
function biasAndHide<T>(at: usize, head: i32, i: i32, scores: usize, visible: i32, moderate: bool): void {
  const alibi = parameter(at, Attention.alibi);
  if (alibi != 0) {
    biasByDistance<T>(scores, i, visible, alibi * alibiSlope(head, integer(at, Attention.heads)) * LOG2_E);
  }
  const hidden = hiddenScore<T>(integer(at, Attention.kind), moderate && integer(at, Attention.kind) != AttentionKind.hardmax);
  if (present(at, Attention.weights)) hideWeightless<T>(scores, address(at, Attention.weights), visible, hidden);
  if (flag(at, Attention.causal)) hideFuture<T>(scores, i, visible, hidden);
  hideBeyond<T>(scores, i, visible, parameter(at, Attention.window), hidden);
}
