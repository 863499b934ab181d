import { type AttentionKind, type AttentionShape, alibiSlope } from '../instruction.ts';
import { add, at, type Frame, forEachEntry, type Matrix, type Of, set, sum } from './matrix.ts';

/** `out_i = α Σ_j P_ij v_j` for every head; heads are summed where `out` has the rows of one. */
export function attention(instruction: Of<'attention'>, frame: Frame): void {
  const out = frame.matrix(instruction.out);
  const normaliser = frame.matrix(instruction.normaliser);
  forEachEntry(out, (r, i) => set(out, r, i, 0));
  for (let head = 0; head < instruction.heads; head++) {
    const { queries, keys, values, weight } = headOperands(instruction, frame, head);
    const outOfHead = rowsOfHead(out, instruction.valueDimension, head, instruction.heads);
    for (let i = 0; i < queries.columns; i++) {
      const row = attentionRow(instruction, head, queries, keys, weight, i);
      set(normaliser, head, i, row.normaliser);
      for (let j = 0; j < row.visible; j++) {
        if (row.weights[j] === 0) continue;
        const p = instruction.alpha * row.weights[j];
        for (let r = 0; r < values.rows; r++) add(outOfHead, r, i, p * at(values, r, j));
      }
    }
  }
}

/**
 * Pulls the costate p back through `attention`. With `dP_ij = α⟨p_i, v_j⟩`:
 * `gv_j += α Σ_i P_ij p_i` and, through the derivative `dS_ij` by the score,
 * `gq_i += Σ_j dS_ij ∂s_ij/∂q_i`, `gk_j += Σ_i dS_ij ∂s_ij/∂k_j`.
 */
export function attentionPullback(instruction: Of<'attentionPullback'>, frame: Frame): void {
  const { alpha, keyDimension, valueDimension } = instruction;
  const p = frame.matrix(instruction.p);
  const gQueries = frame.matrix(instruction.gQueries);
  const gKeys = frame.matrix(instruction.gKeys);
  const gValues = frame.matrix(instruction.gValues);
  for (let head = 0; head < instruction.heads; head++) {
    const { queries, keys, values, weight } = headOperands(instruction, frame, head);
    const pOfHead = rowsOfHead(p, valueDimension, head, instruction.heads);
    const gq = rowsOfHead(gQueries, keyDimension, head, instruction.heads);
    const gk = rowsOfHead(gKeys, keyDimension, head, instruction.heads);
    const gv = rowsOfHead(gValues, valueDimension, head, instruction.heads);
    for (let i = 0; i < queries.columns; i++) {
      const row = attentionRow(instruction, head, queries, keys, weight, i);
      const dP = new Float64Array(row.visible);
      for (let j = 0; j < row.visible; j++) {
        if (!row.sees(j)) continue;
        dP[j] = alpha * sum(valueDimension, (r) => at(pOfHead, r, i) * at(values, r, j));
        for (let r = 0; r < valueDimension; r++) {
          add(gv, r, j, alpha * row.weights[j] * at(pOfHead, r, i));
        }
      }
      const mean = sum(row.visible, (j) => row.weights[j] * dP[j]);
      for (let j = 0; j < row.visible; j++) {
        if (!row.sees(j)) continue;
        const derivative = scoreDerivative(instruction, row.weights[j], weight(j), dP[j], mean);
        const dS = derivative * row.capDerivative(j);
        for (let r = 0; r < keyDimension; r++) {
          const q = at(queries, r, i);
          const k = at(keys, r, j);
          const [byQuery, byKey] = instruction.kind === 'l2' ? [-2 * (q - k), 2 * (q - k)] : [k, q];
          add(gq, r, i, dS * instruction.scale * byQuery);
          add(gk, r, j, dS * instruction.scale * byKey);
        }
      }
    }
  }
}

/** `Σ_j' ∂P_ij'/∂s_ij dP_ij'`. */
function scoreDerivative(
  { kind }: AttentionShape,
  P: number,
  weight: number,
  dP: number,
  mean: number,
): number {
  switch (kind) {
    case 'softmax':
    case 'l2':
      return P * (dP - mean);
    case 'unnormalised':
      return P * dP;
    case 'linear':
      return weight * dP;
    case 'hardmax':
      return 0;
  }
}

interface AttentionRow {
  /** P_ij for the keys up to the last that query i sees. */
  readonly weights: Float64Array;
  readonly visible: number;
  readonly normaliser: number;
  readonly sees: (j: number) => boolean;
  /** The derivative of a score by the score before it is capped. */
  readonly capDerivative: (j: number) => number;
}

/** Row i of P and its normaliser, for one head. */
function attentionRow(
  shape: AttentionShape,
  head: number,
  queries: Matrix,
  keys: Matrix,
  weight: (j: number) => number,
  i: number,
): AttentionRow {
  const { kind, causal, heads, scale } = shape;
  const {
    window = Number.POSITIVE_INFINITY,
    alibi = 0,
    softCap = Number.POSITIVE_INFINITY,
  } = shape;
  const visible = causal ? i + 1 : keys.columns;
  const sees = (j: number) => weight(j) !== 0 && Math.abs(i - j) <= window;
  const cap = (score: number) =>
    softCap === Number.POSITIVE_INFINITY ? score : softCap * Math.tanh(score / softCap);
  const scores = new Float64Array(visible);
  const capped = new Float64Array(visible);
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < visible; j++) {
    if (!sees(j)) continue;
    capped[j] = cap(
      scale * (kind === 'l2' ? -distance(queries, i, keys, j) : inner(queries, i, keys, j)),
    );
    scores[j] = capped[j] - alibi * alibiSlope(head, heads) * Math.abs(i - j);
    largest = Math.max(largest, scores[j]);
  }
  const common = { visible, sees, capDerivative: (j: number) => 1 - (capped[j] / softCap) ** 2 };
  const P = scores.map((score, j) => (sees(j) ? weight(j) * factor(kind, score, largest) : 0));
  if (kind === 'unnormalised' || kind === 'linear') return { ...common, weights: P, normaliser: 0 };
  const total = sum(visible, (j) => P[j]);
  return {
    ...common,
    weights: total === 0 ? P : P.map((p) => p / total),
    normaliser: kind === 'hardmax' ? largest : largest + Math.log(total),
  };
}

/** P_ij / w_j, up to the normalisation of the row. */
function factor(kind: AttentionKind, score: number, largest: number): number {
  switch (kind) {
    case 'softmax':
    case 'l2':
      return Math.exp(score - largest);
    case 'hardmax':
      return score === largest ? 1 : 0;
    case 'unnormalised':
      return Math.exp(score);
    case 'linear':
      return score;
  }
}

/** ⟨q_i, k_j⟩. */
function inner(queries: Matrix, i: number, keys: Matrix, j: number): number {
  return sum(queries.rows, (r) => at(queries, r, i) * at(keys, r, j));
}

/** |q_i − k_j|². */
function distance(queries: Matrix, i: number, keys: Matrix, j: number): number {
  return sum(queries.rows, (r) => (at(queries, r, i) - at(keys, r, j)) ** 2);
}

function headOperands(
  instruction: Of<'attention'> | Of<'attentionPullback'>,
  frame: Frame,
  head: number,
) {
  const { heads, keyDimension, valueDimension } = instruction;
  const keys = frame.matrix(instruction.keys);
  const weights = instruction.weights && frame.matrix(instruction.weights);
  return {
    queries: rowsOfHead(frame.matrix(instruction.queries), keyDimension, head, heads),
    keys: rowsOfHead(keys, keyDimension, head, heads),
    values: rowsOfHead(frame.matrix(instruction.values), valueDimension, head, heads),
    weight: (j: number) => (weights === undefined ? 1 / keys.columns : at(weights, 0, j)),
  };
}

/** The rows that a head uses, of an operand that has parts of `rows` rows for as many groups of heads. */
function rowsOfHead(A: Matrix, rows: number, head: number, heads: number): Matrix {
  const part = Math.floor((head * A.rows) / (rows * heads));
  return { ...A, rows, start: A.start + part * rows * A.stride };
}
