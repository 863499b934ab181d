import type { Backend } from '../kernels/backend.ts';
import type { Matrix } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { attentionView, type HeadView } from './attention-view.ts';
import { hiddenStates } from './hidden-states.ts';
import type { Model } from './model.ts';
import { overwritten } from './overwrite.ts';
import {
  type ClosureError,
  type ClosureLaw,
  closureErrors,
  closureLaw,
} from './statistics/closure.ts';
import { gaussianTwin } from './statistics/cloud.ts';

/** One head against its closure, at increasing numbers n of tokens. */
export interface HeadScales {
  readonly layer: number;
  readonly head: number;
  /** `rms_i σ_i` at the largest n. */
  readonly deviation: number;
  /** `rms_i |y_i − (v̄ + A q_i)|/√tr Σ_v`, for each n. */
  readonly errors: readonly number[];
  /** The tokens of small tilt, for each n. */
  readonly mild: readonly MildTokens[];
}

/** Sums over the tokens whose tilt is small. */
export interface MildTokens {
  readonly count: number;
  /** `Σ_i |error_i|²/predicted_i`. */
  readonly ratio: number;
  /** `Σ_i e^{−σ_i²}`: what the ratio would be if tilts did not widen the error. */
  readonly untilted: number;
}

export interface ClosureScales {
  /** Numbers of tokens. */
  readonly scales: readonly number[];
  /** Independent samples of each number. */
  readonly repetitions: number;
  /** Layers whose heads are measured. */
  readonly layers: readonly number[];
  /** The deviation of scores up to which a token counts as mildly tilted. */
  readonly mild: number;
  readonly seed: number;
}

/**
 * The heads of some layers at Gaussian tokens with the moments of what their attention sees on the way of an input: how far each is from
 * its closure at n tokens.
 */
export async function closureScales(
  backend: Backend,
  model: Model,
  initial: Matrix,
  { scales, repetitions, layers, mild, seed }: ClosureScales,
): Promise<HeadScales[]> {
  const bare = overwritten(model, { norm: 'off' });
  const found: HeadScales[] = [];
  const last = Math.max(...layers);
  for await (const { states, depth, next } of hiddenStates(backend, model, [initial])) {
    if (next === undefined || depth > last) break;
    if (!layers.includes(depth)) continue;
    const { seen } = attentionView(backend, next, states[0]);
    const layer = await bare.layer(depth);
    const headsAt = (points: Matrix): readonly HeadView[] =>
      attentionView(backend, layer, points).heads;
    const laws = headsAt(seen).map(closureLaw);
    const byScale = scales.map((n) => {
      const random = randomStream(seed, `Gaussian tokens at depth ${depth}`, n);
      const samples = Array.from({ length: repetitions }, () =>
        headsAt(gaussianTwin(seen, random, n)),
      );
      return laws.map((law, h) => samples.flatMap((heads) => closureErrors(law, heads[h])));
    });
    found.push(
      ...laws.map((law, head) =>
        headScales(
          { layer: depth, head },
          law,
          byScale.map((all) => all[head]),
          mild,
        ),
      ),
    );
  }
  return found;
}

function headScales(
  place: Pick<HeadScales, 'layer' | 'head'>,
  { spread }: ClosureLaw,
  byScale: readonly (readonly ClosureError[])[],
  mild: number,
): HeadScales {
  const meanOf = (all: readonly ClosureError[], of: (one: ClosureError) => number) =>
    all.reduce((sum, one) => sum + of(one), 0) / all.length;
  return {
    ...place,
    deviation: Math.sqrt(meanOf(byScale[byScale.length - 1], ({ deviation }) => deviation ** 2)),
    errors: byScale.map((all) => Math.sqrt(meanOf(all, ({ square }) => square) / spread)),
    mild: byScale.map((all) => {
      const few = all.filter(({ deviation }) => deviation < mild);
      return {
        count: few.length,
        ratio: few.reduce((sum, one) => sum + one.square / one.predicted, 0),
        untilted: few.reduce((sum, one) => sum + Math.exp(-(one.deviation ** 2)), 0),
      };
    }),
  };
}
