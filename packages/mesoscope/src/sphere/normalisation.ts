import type { Field } from '../field/field.ts';
import { prenormalise } from '../field/normalise.ts';
import { createAdaptiveFlow } from '../flow/adaptive.ts';
import { piecewiseConstantControls } from '../flow/controls.ts';
import { uniformGrid } from '../flow/grid.ts';
import type { Backend } from '../kernels/backend.ts';
import { literal, stateLength } from '../kernels/program.ts';
import { packTokens, unpackTokens } from '../kernels/tokens.ts';
import type { RandomStream } from '../numeric/random.ts';
import { norm } from '../numeric/vector.ts';
import { ambientField, plainAttention } from './attention.ts';
import { decayRate, followGathering } from './consensus.ts';
import { angularDiameter } from './observables.ts';
import { onSphere, type Tokens } from './tokens.ts';

/** Where a layer normalises: its input (`pre`), its input and its output (`peri`), or the tokens themselves (`post`). */
export type Placement = 'pre' | 'peri' | 'post';

/** ε of the norms: it keeps 0 apart from NaN, and is nothing beside tokens of size 1. */
const epsilon = 1e-30;

/**
 * `ẋ = f(x/|x|)` (pre) or `ẋ = f(x/|x|)/|f(x/|x|)|` (peri) in R^d, f attention with `B = βI`, `V = vI`. The root mean square that a layer
 * divides by is |x|/√d.
 */
export function normalisedField(d: number, beta: number, v: number, placement: 'pre' | 'peri') {
  const plain = plainAttention(d, beta / d);
  const V = plain.heads[0].V.map((row) => row.map((entry) => (entry * v) / Math.sqrt(d)));
  const { field, parameters } = ambientField({ ...plain, heads: [{ ...plain.heads[0], V }] });
  const pre = prenormalise(field, { kind: 'rms', epsilon });
  const unit = literal(1 / Math.sqrt(d));
  const peri: Field = {
    ...pre,
    trace: (builder, input) =>
      builder.scale(builder.normalise('rms', epsilon, pre.trace(builder, input)), { alpha: unit }),
  };
  return { field: placement === 'pre' ? pre : peri, parameters };
}

/** How tokens grow and gather over depth, for each placement of the norm. */
export interface NormalisationRecord {
  readonly times: readonly number[];
  /** Largest angle between two tokens, by placement. */
  readonly angles: Readonly<Record<'pre' | 'peri', readonly number[]>>;
  /** Smallest |x_i|. */
  readonly sizes: Readonly<Record<'pre' | 'peri', readonly number[]>>;
  /** Of angles, and of sizes: the difference to a run with a hundred times the tolerance. */
  readonly accuracy: Readonly<
    Record<'pre' | 'peri', { readonly angle: number; readonly size: number }>
  >;
  /** Rate at which angles fall where tokens stay on the sphere, over v. */
  readonly post: { readonly measured: number; readonly open: number } | null;
  readonly completed: boolean;
  readonly still: boolean;
}

/** Follows the same start under all three placements. */
export function measureNormalisation(
  backend: Backend,
  given: {
    readonly beta: number;
    readonly value: number;
    readonly tokens: Tokens;
    readonly times: readonly number[];
  },
  fieldOf = normalisedField,
): NormalisationRecord {
  const { beta, value, tokens, times } = given;
  const d = tokens[0].length;
  const run = (placement: 'pre' | 'peri', relativeTolerance: number) =>
    backend.scoped(() => {
      const { field, parameters } = fieldOf(d, beta, value, placement);
      const shape = { samples: 1, tokens: tokens.length, dimension: d };
      const nodes = backend.allocate(parameters.length);
      nodes.set(parameters);
      const horizon = times[times.length - 1];
      const flow = createAdaptiveFlow(backend, { field, ...shape }).integrate({
        ...{ horizon, relativeTolerance, absoluteTolerance: relativeTolerance },
        controls: piecewiseConstantControls(uniformGrid(horizon, 1), parameters.length, nodes),
        initial: packTokens([tokens], backend.allocate(stateLength(d, tokens.length))),
      });
      const completed = flow.status.kind === 'completed';
      const out = backend.allocate(flow.last.length);
      const states = (completed ? times : []).map((t) => {
        flow.at(t, out);
        return unpackTokens(out, shape)[0];
      });
      return {
        completed,
        angles: states.map((x) => angularDiameter(onSphere(x))),
        sizes: states.map((x) => Math.min(...x.map(norm))),
      };
    });
  const both = (placement: 'pre' | 'peri') => {
    const [fine, rough] = [run(placement, 1e-11), run(placement, 1e-9)];
    const apart = (of: (one: typeof fine) => readonly number[]) =>
      Math.max(0, ...of(fine).map((value, k) => Math.abs(value - of(rough)[k])));
    return {
      ...fine,
      accuracy: { angle: apart((one) => one.angles), size: apart((one) => one.sizes) },
    };
  };
  const [pre, peri] = [both('pre'), both('peri')];
  const plain = plainAttention(d, beta);
  const heads = plain.heads.map(({ B, V }) => ({
    B,
    V: V.map((row) => row.map((entry) => entry * value)),
  }));
  const sphere = followGathering(backend, { ...plain, heads }, tokens, 200 / Math.abs(value || 1));
  const rate = decayRate(sphere.times, sphere.diameters);
  return {
    times,
    angles: { pre: pre.angles, peri: peri.angles },
    sizes: { pre: pre.sizes, peri: peri.sizes },
    accuracy: { pre: pre.accuracy, peri: peri.accuracy },
    post: rate && { measured: rate.measured / value, open: rate.open / value },
    completed: pre.completed && peri.completed && sphere.completed,
    still: sphere.still,
  };
}

/** Tokens of sizes near 1 that lean to one side, so that they gather before the first time. */
export function randomLeaning(stream: RandomStream) {
  const d = 3 + stream.integer(3);
  const tokens = Array.from({ length: 5 + stream.integer(4) }, () =>
    Array.from({ length: d }, (_, a) => (a === 0 ? 1 : 0) + 0.5 * stream.normal()),
  );
  return { beta: 2 * stream.uniform(), value: 0.5 + stream.uniform(), tokens };
}
