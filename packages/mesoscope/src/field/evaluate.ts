import { MesoscopeError } from '../errors.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { columnStride, type MatrixRef } from '../kernels/instruction.ts';
import { one, ProgramBuilder, stateLength } from '../kernels/program.ts';
import type { Field } from './field.ts';

/** One evaluation of a field on plain arrays. */
export interface FieldArguments {
  /** h, n × d: one row per token. */
  readonly tokens: readonly (readonly number[])[];
  /** θ, laid out as `field.parameters` says. */
  readonly parameters: ArrayLike<number>;
  /** n weights ≥ 0 of the tokens as keys; default 1/n each. */
  readonly weights?: readonly number[];
}

/** `D_hf(h,θ)ᵀ p`, n × d, and `D_θf(h,θ)ᵀ p`, laid out like the parameters. */
export interface FieldPullback {
  readonly state: number[][];
  readonly parameters: Float64Array;
}

/**
 * `f(h, θ)` on plain arrays, n × d: for looking at a field and for tests. A flow writes the field into its own program.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value`
 */
export function evaluateField(backend: Backend, field: Field, given: FieldArguments): number[][] {
  return backend.scoped(() => {
    const { builder, input, buffers, n } = bind(backend, field, given);
    const trace = field.trace(builder, input);
    const value = builder.state('sample', 'value', field.dimension, n);
    builder.emit({ op: 'axpy', x: trace.value, y: value, alpha: one, accumulate: false });
    buffers.value = backend.allocate(stateLength(field.dimension, n));
    backend.compile(builder.program())({ samples: 1, buffers });
    return tokensOf(buffers.value, field.dimension, n);
  });
}

/**
 * Both vector–Jacobian products of a field at a costate p (n × d) on plain arrays.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value`
 */
export function pullbackField(
  backend: Backend,
  field: Field,
  given: FieldArguments,
  costate: readonly (readonly number[])[],
): FieldPullback {
  const d = field.dimension;
  return backend.scoped(() => {
    const { builder, input, buffers, n } = bind(backend, field, given);
    const p = builder.state('sample', 'costate', d, n);
    buffers.costate = stateBuffer(backend, 'costate', costate, d, n);
    const state = builder.state('sample', 'stateGradient', d, n);
    buffers.stateGradient = backend.allocate(stateLength(d, n));
    const length = field.parameters.length;
    const slot = builder.slot('accumulator', 'parameterGradient', length);
    buffers.parameterGradient = backend.allocate(length);
    field.trace(builder, input).pullback(p, { state, parameters: { slot, offset: 0 } });
    backend.compile(builder.program())({ samples: 1, buffers });
    return {
      state: tokensOf(buffers.stateGradient, d, n),
      parameters: Float64Array.from(buffers.parameterGradient),
    };
  });
}

function bind(backend: Backend, field: Field, { tokens, parameters, weights }: FieldArguments) {
  const d = field.dimension;
  const n = tokens.length;
  if (n === 0) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'tokens',
      received: [0],
      expected: ['n ≥ 1', d],
    });
  }
  if (parameters.length !== field.parameters.length) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'parameters',
      received: [parameters.length],
      expected: [field.parameters.length],
    });
  }
  const builder = new ProgramBuilder();
  const buffers: Record<string, FloatArray> = {};
  const state = builder.state('sample', 'state', d, n);
  buffers.state = stateBuffer(backend, 'tokens', tokens, d, n);
  const slot = builder.slot('shared', 'parameters', parameters.length);
  buffers.parameters = backend.allocate(parameters.length);
  for (let i = 0; i < parameters.length; i++) {
    buffers.parameters[i] = finite('parameters', i, parameters[i]);
  }
  let weightsRef: MatrixRef | undefined;
  if (weights !== undefined) {
    weightsRef = builder.state('sample', 'weights', 1, n);
    buffers.weights = weightsBuffer(backend, weights, n);
  }
  const input = {
    state,
    parameters: { slot, offset: 0 },
    ...(weightsRef === undefined ? {} : { weights: weightsRef }),
  };
  return { builder, input, buffers, n };
}

/** Rows of tokens (n × d) as a padded d × n state. */
function stateBuffer(
  backend: Backend,
  path: string,
  tokens: readonly (readonly number[])[],
  d: number,
  n: number,
): FloatArray {
  if (tokens.length !== n) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path,
      received: [tokens.length],
      expected: [n, d],
    });
  }
  const buffer = backend.allocate(stateLength(d, n));
  tokens.forEach((token, i) => {
    if (token.length !== d) {
      throw new MesoscopeError({
        code: 'shape-mismatch',
        path: `${path}[${i}]`,
        received: [token.length],
        expected: [d],
      });
    }
    token.forEach((x, a) => {
      buffer[a * columnStride(n) + i] = finite(`${path}[${i}]`, a, x);
    });
  });
  return buffer;
}

function weightsBuffer(backend: Backend, weights: readonly number[], n: number): FloatArray {
  const buffer = stateBuffer(
    backend,
    'weights',
    [...weights].map((w) => [w]),
    1,
    n,
  );
  const negative = weights.find((w) => w < 0);
  if (negative !== undefined) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'weights',
      received: negative,
      expected: 'numbers ≥ 0',
    });
  }
  return buffer;
}

function finite(path: string, index: number, value: number): number {
  if (!Number.isFinite(value)) {
    throw new MesoscopeError({ code: 'not-finite', path, index, received: value });
  }
  return value;
}

function tokensOf(buffer: FloatArray, d: number, n: number): number[][] {
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: d }, (_, a) => buffer[a * columnStride(n) + i]),
  );
}
