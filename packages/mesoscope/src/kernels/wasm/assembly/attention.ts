// Attention. A panel of queries is carried through scores, weights and the mean over values; whole columns are held, so
// nothing is rescaled, and no n × n matrix is ever in memory.
import { HARDMAX, L2 } from '../opcode';
import {
  address, columns, flag, integer, padded, parameter, present, rows, stride, workspace,
} from './operands';
import {
  combine, copyPanel, distances, hiddenScore, hideFuture, hideWeightless, innerProducts, isModerate, largestNorm, PANEL,
  panelWidth, scaleRow, scoreScale, weigh,
} from './panel';

export function attention<T>(at: usize): void {
  const k = integer(at, 3);
  const v = integer(at, 4);
  const n = columns(at, 0);
  const m = columns(at, 1);
  const summed = rows(at, 4) == v;
  const scale = workspace();
  const query = scale + PANEL;
  const scores = query + <usize>k * PANEL;
  for (let head = 0; head < integer(at, 2); head++) {
    const values = headRows(at, 2, v, head);
    const out = headRows(at, 4, v, head);
    const normaliser = address(at, 5) + <usize>head * stride(at, 5);
    const keyNorm = largestNorm<T>(headRows(at, 1, k, head), stride(at, 1), k, m);
    for (let i = 0; i < n; i += panelWidth<T>()) {
      const shift = <usize>i * sizeof<T>();
      const moderate = queryPanel<T>(at, head, i, query, keyNorm);
      const visible = scorePanel<T>(at, head, i, query, scores, moderate);
      const weights = present(at, 3) ? address(at, 3) : 0;
      weigh<T>(
        integer(at, 0), parameter(at, 5), moderate, scores, weights, visible, m, scale,
        normaliser + shift, n - i, padded<T>(at, 5),
      );
      scaleRow<T>(scale, parameter(at, 6));
      combine<T>(
        values, stride(at, 2), scores, visible, out + shift, stride(at, 4), v,
        scale, summed && head > 0, n - i, padded<T>(at, 4),
      );
    }
  }
}

/** First row of a head's part of matrix `i`, which has `count` rows a head, or `count` rows shared by all heads. */
// @ts-ignore: decorator
@inline
export function headRows(at: usize, i: i32, count: i32, head: i32): usize {
  return address(at, i) + (rows(at, i) == count ? 0 : <usize>(head * count) * stride(at, i));
}

/**
 * Copies the panel of queries that starts at i, times the scores' scale (but for distances), for an instruction whose first
 * operands are those of `attention`. Returns whether its scores are moderate.
 */
export function queryPanel<T>(at: usize, head: i32, i: i32, query: usize, keyNorm: f64): bool {
  const kind = integer(at, 0);
  const k = integer(at, 3);
  const scale = scoreScale(kind, parameter(at, 5));
  const queries = headRows(at, 0, k, head) + <usize>i * sizeof<T>();
  copyPanel<T>(queries, stride(at, 0), query, k, kind == L2 ? 1 : scale, columns(at, 0) - i);
  return isModerate<T>(kind, scale, query, k, keyNorm);
}

/** Scores of a panel of queries; returns the number of keys: those that some query of the panel sees. */
export function scorePanel<T>(at: usize, head: i32, i: i32, query: usize, scores: usize, moderate: bool): i32 {
  const kind = integer(at, 0);
  const causal = flag(at, 1);
  const k = integer(at, 3);
  const m = columns(at, 1);
  const keys = headRows(at, 1, k, head);
  const visible = causal ? min(m, i + panelWidth<T>()) : m;
  if (kind == L2) {
    distances<T>(keys, stride(at, 1), query, k, scores, visible, scoreScale(kind, parameter(at, 5)));
  } else {
    innerProducts<T>(keys, stride(at, 1), query, k, scores, visible);
  }
  const hidden = hiddenScore<T>(kind, moderate && kind != HARDMAX);
  if (present(at, 3)) hideWeightless<T>(scores, address(at, 3), visible, hidden);
  if (causal) hideFuture<T>(scores, i, visible, hidden);
  return visible;
}
