// Attention. A panel of queries is carried through scores, weights and the mean over values; whole columns are held, so
// nothing is rescaled, and no n × n matrix is ever in memory.
import { L2, LINEAR } from '../opcode';
import {
  address, columns, flag, integer, padded, parameter, present, rows, stride, workspace,
} from './operands';
import {
  combine, copyPanel, distances, hideFuture, hideWeightless, innerProducts, PANEL, panelWidth,
  scaleRow, scoreScale, weigh,
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
    for (let i = 0; i < n; i += panelWidth<T>()) {
      const shift = <usize>i * sizeof<T>();
      const visible = scorePanel<T>(at, head, i, query, scores);
      const weights = present(at, 3) ? address(at, 3) : 0;
      weigh<T>(
        integer(at, 0), parameter(at, 5), scores, weights, visible, m, scale,
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
 * Scores of the panel of queries that starts at i, for an instruction whose first operands are those of `attention`;
 * `query` receives the queries. Returns the number of keys: those that some query of the panel sees.
 */
export function scorePanel<T>(at: usize, head: i32, i: i32, query: usize, scores: usize): i32 {
  const kind = integer(at, 0);
  const causal = flag(at, 1);
  const k = integer(at, 3);
  const m = columns(at, 1);
  const scale = scoreScale(kind, parameter(at, 5));
  const keys = headRows(at, 1, k, head);
  const queries = headRows(at, 0, k, head) + <usize>i * sizeof<T>();
  const visible = causal ? min(m, i + panelWidth<T>()) : m;
  copyPanel<T>(queries, stride(at, 0), query, k, kind == L2 ? 1 : scale, columns(at, 0) - i);
  if (kind == L2) distances<T>(keys, stride(at, 1), query, k, scores, visible, scale);
  else innerProducts<T>(keys, stride(at, 1), query, k, scores, visible);
  const hidden = kind == LINEAR ? 0 : -Infinity;
  if (present(at, 3)) hideWeightless<T>(scores, address(at, 3), visible, hidden);
  if (causal) hideFuture<T>(scores, i, visible, hidden);
  return visible;
}
