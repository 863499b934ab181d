import { type CloudSeries, powerAt, seriesOf } from '../gaussian/practice/cloud-series.ts';
import { gaussianInput } from '../gaussian/practice/measure-source.ts';
import type { TokenCloudSource } from '../gaussian/practice/token-cloud.ts';
import type { Backend } from '../kernels/backend.ts';
import type { Matrix } from '../numeric/matrix.ts';
import { attentionView } from './attention-view.ts';
import { hiddenStates } from './hidden-states.ts';
import type { Model } from './model.ts';
import { type Overwrite, overwritten } from './overwrite.ts';
import { spread } from './statistics/cloud.ts';
import { headTilt } from './statistics/heads.ts';

/** The clouds of a model on the way of one input, with the largest tilt of the heads that see them. */
export function modelClouds(backend: Backend, model: Model, initial: Matrix): TokenCloudSource {
  const { layers } = model.blueprint;
  async function* clouds() {
    for await (const { states, depth, next } of hiddenStates(backend, model, [initial])) {
      if (depth > layers) return;
      const [points] = states;
      const bound = Math.sqrt(2 * Math.log(points.rows));
      const heads = next === undefined ? [] : attentionView(backend, next, points).heads;
      const tilt = heads.reduce((most, head) => Math.max(most, headTilt(head).tilt * bound), 0);
      yield { layer: depth, points, tilt: next === undefined ? null : tilt };
    }
  }
  return { name: model.source, layers, clouds };
}

/** The clouds of a model measured against Gaussians; with the power of that measurement for the shape of the input. */
export async function measureModelClouds(
  backend: Backend,
  model: Model,
  initial: Matrix,
  options: Parameters<typeof seriesOf>[2] & { readonly seed: number },
): Promise<CloudSeries> {
  const measured = await seriesOf(backend, modelClouds(backend, model, initial), options);
  const power = powerAt(backend, initial, options.seed);
  return { ...measured, power, beyondClosure: beyondClosure(model) };
}

/** Why a token does not see all others by one law; empty where it does. */
export function beyondClosure({ blueprint }: Pick<Model, 'blueprint'>): string {
  const {
    causal = false,
    rotary,
    window,
  } = blueprint.layer(blueprint.layers - 1).options.attention;
  const reasons = [
    causal ? 'a causal mask' : '',
    window === undefined ? '' : 'windows',
    rotary === undefined ? '' : 'rotary positions',
  ];
  return reasons.filter((reason) => reason !== '').join(', ');
}

/** The signs of K = ±Q, V = ±I. */
export const signs = (['Q', '-Q'] as const).flatMap((K) =>
  (['I', '-I'] as const).map((V) => ({ K, V })),
);

/** `K = −Q, V = I`. */
export function signsInWords({ K, V }: (typeof signs)[number]): string {
  return `K = ${K}, V = ${V}`.replaceAll('-', '−');
}

/**
 * `tr Σ/d` from standard normal tokens on, for each of {@link signs}, on the queries of a model, without normalisation and without
 * feed-forward parts.
 */
export async function prescribedTraces(
  backend: Backend,
  model: Model,
  { tokens, seed }: { readonly tokens: number; readonly seed: number },
  progress: (share: number) => void | Promise<void>,
): Promise<number[][]> {
  const { dimension, layers } = model.blueprint;
  const initial = gaussianInput(seed, tokens, dimension);
  const traces: number[][] = [];
  for (const [i, own] of signs.entries()) {
    const changes: Overwrite = { ...own, norm: 'off', feedForward: 'off' };
    const along: number[] = [];
    const subject = overwritten(model, changes);
    for await (const { states, depth } of hiddenStates(backend, subject, [initial])) {
      if (depth > layers) break;
      along.push(spread(states[0]) / dimension);
      await progress((i + depth / layers) / signs.length);
    }
    traces.push(along);
  }
  return traces;
}
