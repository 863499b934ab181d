import type { Backend } from '../kernels/backend.ts';
import type { Matrix } from '../numeric/matrix.ts';
import type { ModelInput } from './embed.ts';
import { hiddenStates } from './hidden-states.ts';
import type { Model } from './model.ts';

/** Hidden states that another implementation computed. */
export interface GoldenStates {
  readonly input: ModelInput;
  /** By name: `h0` … `hL`, `final`, `logits`; n × d. */
  readonly states: ReadonlyMap<string, Matrix>;
}

export interface ParityError {
  readonly name: string;
  /** `max |x − y|` over the root mean square of the golden state y. */
  readonly error: number;
}

/**
 * How far the states of a model are from golden ones, state by state. Parity is at most 1e-12 in f64 against an f64 reference on the same
 * f32 weights, and 1e-5 against or in f32.
 *
 * @throws MesoscopeError as {@link hiddenStates}
 */
export async function parityErrors(
  backend: Backend,
  model: Model,
  { input, states: golden }: GoldenStates,
): Promise<ParityError[]> {
  const errors: ParityError[] = [];
  const compare = (name: string, found: Matrix) => {
    const expected = golden.get(name);
    if (expected !== undefined) errors.push({ name, error: relativeError(found, expected) });
  };
  const initial = await model.embed(backend, input);
  for await (const { name, states } of hiddenStates(backend, model, [initial])) {
    const [found] = states;
    compare(name, found);
    if (name !== 'final' || !golden.has('logits')) continue;
    const logits = await model.logits(backend, found);
    if (logits !== undefined) compare('logits', logits);
  }
  const reached = new Set(errors.map(({ name }) => name));
  const missed = [...golden.keys()].filter((name) => !reached.has(name));
  return [...errors, ...missed.map((name) => ({ name, error: Number.POSITIVE_INFINITY }))];
}

/** `max |x − y| / rms y`, infinite for other shapes and where anything is no number. */
export function relativeError(x: Matrix, y: Matrix): number {
  if (x.rows !== y.rows || x.columns !== y.columns) return Number.POSITIVE_INFINITY;
  let square = 0;
  let largest = 0;
  for (let k = 0; k < y.data.length; k++) {
    square += y.data[k] ** 2;
    const error = Math.abs(x.data[k] - y.data[k]);
    if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, error);
  }
  return largest / Math.sqrt(square / y.data.length);
}
