import { requireFields } from '../configuration/tree.ts';
import { MesoscopeError } from '../errors.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import type { MatrixRef } from '../kernels/instruction.ts';
import { ProgramBuilder, stateLength } from '../kernels/program.ts';
import { pullBack } from '../kernels/pullback.ts';
import { packTokens, unpackTokens } from '../kernels/tokens.ts';
import { refuse, requireFinite } from '../numeric/checks.ts';
import type { Field } from './field.ts';

/** One evaluation of a field on plain arrays. */
export interface FieldArguments {
  /** h, n × d: one row per token. */
  readonly tokens: readonly (readonly number[])[];
  /** θ, laid out as `field.parameters` says. */
  readonly parameters: ArrayLike<number>;
  /** n weights ≥ 0 of the tokens as keys; default 1/n each. */
  readonly weights?: readonly number[] | undefined;
}

/** `D_hf(h,θ)ᵀ p`, n × d, and `D_θf(h,θ)ᵀ p`, laid out like the parameters. */
export interface FieldPullback {
  readonly state: number[][];
  readonly parameters: Float64Array;
}

/**
 * `f(h, θ)` on plain arrays, n × d: for looking at a field and for tests. A flow writes the field into its own program.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value`; `invalid-configuration` for a wrong key
 */
export function evaluateField(backend: Backend, field: Field, given: FieldArguments): number[][] {
  const d = field.dimension;
  return backend.scoped(() => {
    const { builder, input, buffers, n } = bind(backend, field, given);
    builder.copy(field.trace(builder, input), builder.state('sample', 'value', d, n));
    buffers.value = backend.allocate(stateLength(d, n));
    backend.compile(builder.program())({ samples: 1, buffers });
    return unpackTokens(buffers.value, { samples: 1, tokens: n, dimension: d })[0];
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
    const gradient = builder.parameters('accumulator', 'parameterGradient', 1, length);
    buffers.parameterGradient = backend.allocate(length);
    pullBack(builder, {
      value: field.trace(builder, input),
      costate: p,
      gradients: [
        { of: input.state, into: state, add: false },
        { of: input.parameters, into: gradient, add: true },
      ],
    });
    backend.compile(builder.program())({ samples: 1, buffers });
    return {
      state: unpackTokens(buffers.stateGradient, { samples: 1, tokens: n, dimension: d })[0],
      parameters: Float64Array.from(buffers.parameterGradient),
    };
  });
}

function bind(backend: Backend, field: Field, given: FieldArguments) {
  requireFields('the field’s arguments', given, {
    needed: ['tokens', 'parameters'],
    optional: ['weights'],
  });
  const { tokens, parameters, weights } = given;
  const d = field.dimension;
  const n = tokens.length;
  if (n === 0) throw mismatch('tokens', [0, d], ['n ≥ 1', d]);
  if (parameters.length !== field.parameters.length) {
    throw mismatch('parameters', [parameters.length], [field.parameters.length]);
  }
  requireFinite('parameters', parameters);
  const builder = new ProgramBuilder();
  const buffers: Record<string, FloatArray> = {};
  const state = builder.state('sample', 'state', d, n);
  buffers.state = stateBuffer(backend, 'tokens', tokens, d, n);
  const theta = builder.parameters('shared', 'parameters', 1, parameters.length);
  buffers.parameters = backend.allocate(parameters.length);
  buffers.parameters.set(parameters);
  let weightsRef: MatrixRef | undefined;
  if (weights !== undefined) {
    const negative = weights.find((w) => w < 0);
    if (negative !== undefined) {
      refuse('weights', negative, 'numbers ≥ 0');
    }
    weightsRef = builder.state('sample', 'weights', 1, n);
    buffers.weights = stateBuffer(
      backend,
      'weights',
      weights.map((w) => [w]),
      1,
      n,
    );
  }
  const input = { state, parameters: theta, weights: weightsRef };
  return { builder, input, buffers, n };
}

/** Rows of tokens (n × d) as a padded d × n state, once their shape and entries are checked. */
function stateBuffer(
  backend: Backend,
  path: string,
  tokens: readonly (readonly number[])[],
  d: number,
  n: number,
): FloatArray {
  if (tokens.length !== n) throw mismatch(path, [tokens.length, d], [n, d]);
  tokens.forEach((token, i) => {
    if (token.length !== d) throw mismatch(`${path}[${i}]`, [token.length], [d]);
    requireFinite(`${path}[${i}]`, token);
  });
  return packTokens([tokens], backend.allocate(stateLength(d, n)));
}

function mismatch(
  path: string,
  received: readonly number[],
  expected: readonly (number | string)[],
): MesoscopeError {
  return new MesoscopeError({ code: 'shape-mismatch', path, received, expected });
}
