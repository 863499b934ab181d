import { attention } from '../field/attention.ts';
import { normalisation } from '../field/normalise.ts';
import type { Backend } from '../kernels/backend.ts';
import { rowsOf } from '../kernels/program.ts';
import { block, type Matrix } from '../numeric/matrix.ts';
import { mapTokens } from './map-tokens.ts';
import type { LoadedLayer } from './model.ts';
import { blockKey } from './weights.ts';

/** What one head of attention works on, token by token. */
export interface HeadView {
  /** n × k. */
  readonly queries: Matrix;
  readonly keys: Matrix;
  /** n × v. */
  readonly values: Matrix;
  /** β in `s_ij = β⟨q_i, k_j⟩`. */
  readonly scale: number;
  /** Keys j with `first(i) ≤ j < end(i)` are seen by token i. */
  first(i: number): number;
  end(i: number): number;
}

export interface AttentionView {
  /** The tokens as attention sees them, n × d: normalised, where the layer normalises before. */
  readonly seen: Matrix;
  readonly heads: readonly HeadView[];
}

/** Queries, keys and values of a layer's attention at given states, head by head; heads on shared keys have those of their group. */
export function attentionView(
  backend: Backend,
  { plan, field, parameters }: LoadedLayer,
  states: Matrix,
): AttentionView {
  const { dimension, order = 'pre', normalisation: common } = plan.options;
  const { attentionNormalisation: norm = common } = plan.options;
  const attend = attention({ ...plan.options.attention, dimension });
  const { heads, keyDimension, valueDimension, scale, causal, window } = attend.shape;
  const { keyHeads = heads } = plan.options.attention;
  const offsetOf = (key: string) =>
    field.parameters.blocks.find(({ name }) => blockKey(name) === key)?.offset ?? 0;
  const written = order === 'pre' && norm !== 'none' ? normalisation(dimension, norm) : undefined;
  const counts = [
    dimension,
    heads * keyDimension,
    keyHeads * keyDimension,
    keyHeads * valueDimension,
  ];
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const all = mapTokens(backend, states, parameters, rows, (builder, x, { slot }) => {
    const state = written?.write(builder, { slot, offset: offsetOf('attention.gain') }, x) ?? x;
    const theta = { slot, offset: offsetOf('attention.Q') };
    const { queries, keys, values } = attend.project(builder, { state, parameters: theta });
    const joined = builder.scratch(rows, x.columns);
    let from = 0;
    for (const part of [state, queries, keys, values]) {
      builder.copy(part, rowsOf(joined, from, part.rows));
      from += part.rows;
    }
    return joined;
  });
  const n = states.rows;
  const columns = (from: number, count: number) => block(all, 0, from, n, count);
  const [q, k, v] = [1, 2, 3].map((i) => counts.slice(0, i).reduce((sum, count) => sum + count, 0));
  return {
    seen: columns(0, dimension),
    heads: Array.from({ length: heads }, (_, h) => {
      const group = Math.floor((h * keyHeads) / heads);
      return {
        queries: columns(q + h * keyDimension, keyDimension),
        keys: columns(k + group * keyDimension, keyDimension),
        values: columns(v + group * valueDimension, valueDimension),
        scale,
        first: (i) => Math.max(0, i - (window ?? n)),
        end: (i) => Math.min(n, causal ? i + 1 : i + (window ?? n) + 1),
      };
    }),
  };
}
