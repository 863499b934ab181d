import { createLayerStep, type LayerStep } from '../flow/layer-step.ts';
import type { Backend } from '../kernels/backend.ts';
import type { Matrix } from '../numeric/matrix.ts';
import type { LoadedLayer, Model } from './model.ts';

/** The states of all inputs at one depth. */
export interface StatesAtDepth {
  /** `h0` after the embedding, `h1` … `hL` after a layer, `final` after the last normalisation. */
  readonly name: string;
  /** l, and L + 1 for `final`. */
  readonly depth: number;
  /** n × d for each input. */
  readonly states: readonly Matrix[];
  /** The layer that comes next, loaded; undefined after the last. */
  readonly next: LoadedLayer | undefined;
}

/**
 * The hidden states of a model from given h⁰ on, depth by depth: `h^{l+1} = h^l + f_l(h^l)`, one layer in memory at a time, every input
 * through it before the next is read.
 *
 * @param initial - h⁰ of each input, n × d; see {@link Model.embed}
 * @throws MesoscopeError as {@link Model.layer}; `out-of-memory`
 */
export async function* hiddenStates(
  backend: Backend,
  model: Model,
  initial: readonly Matrix[],
): AsyncGenerator<StatesAtDepth> {
  const { layers } = model.blueprint;
  let states = initial;
  for (let l = 0; l < layers; l++) {
    const next = await model.layer(l);
    yield { name: `h${l}`, depth: l, states, next };
    states = backend.scoped(() => throughLayer(backend, next, states));
  }
  yield { name: `h${layers}`, depth: layers, states, next: undefined };
  const finished: Matrix[] = [];
  for (const one of states) finished.push(await model.finish(backend, one));
  yield { name: 'final', depth: layers + 1, states: finished, next: undefined };
}

/** All inputs after one layer. Inputs of one length share their programs, all share the parameters. */
export function throughLayer(
  backend: Backend,
  { field, parameters: numbers }: LoadedLayer,
  states: readonly Matrix[],
  steps = 1,
): Matrix[] {
  const parameters = backend.allocate(numbers.length);
  parameters.set(numbers);
  const byLength = new Map<number, LayerStep>();
  return states.map((points) => {
    const tokens = points.rows;
    const layer =
      byLength.get(tokens) ?? createLayerStep(backend, { field, tokens, parameters, steps });
    byLength.set(tokens, layer);
    return layer.step(points);
  });
}
