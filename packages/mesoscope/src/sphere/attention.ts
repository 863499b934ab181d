import { attention } from '../field/attention.ts';
import { evaluateField } from '../field/evaluate.ts';
import type { Field } from '../field/field.ts';
import { parametersFromMatrices } from '../field/parameters.ts';
import { tangent } from '../field/tangent.ts';
import { rk4 } from '../flow/scheme.ts';
import { type SimulatedFlow, simulate } from '../flow/simulate.ts';
import type { Scheme } from '../flow/types.ts';
import type { Backend } from '../kernels/backend.ts';
import { requireThat } from '../numeric/checks.ts';
import { onSphere, type Tokens } from './tokens.ts';

/** How scores become weights: `softmax` (SA) divides `e^{s_ij}` by its sum, `unnormalised` (USA) by the number of tokens. */
export type SphereKind = 'softmax' | 'unnormalised';

/** One head: scores `⟨Bx, y⟩` of query x and key y, `B = βKᵀQ`, and values V, both d × d. */
export interface SphereHead {
  readonly B: readonly (readonly number[])[];
  readonly V: readonly (readonly number[])[];
}

/** Attention on S^{d−1}, the sum of its heads. */
export interface SphereAttention {
  readonly kind: SphereKind;
  /** Whether token i sees tokens j ≤ i only. */
  readonly causal: boolean;
  readonly heads: readonly SphereHead[];
}

/** A square matrix with one number on its diagonal. */
export function multiple(d: number, factor: number): number[][] {
  return Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) => (i === j ? factor : 0)),
  );
}

/** Attention with `B = βI`, `V = I`: the model of arXiv 2312.10794. */
export function plainAttention(
  d: number,
  beta: number,
  kind: SphereKind = 'softmax',
  causal = false,
): SphereAttention {
  return { kind, causal, heads: [{ B: multiple(d, beta), V: multiple(d, 1) }] };
}

/** The largest score that is taken without a normaliser: beyond it `e^s` overflows. */
const largestExponent = 700;

/**
 * `f(x)_i = Σ_h V_h Σ_j P^h_ij x_j` in R^d, with its parameters.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value`
 */
export function ambientField({ kind, causal, heads }: SphereAttention): {
  readonly field: Field;
  readonly parameters: Float64Array;
} {
  const dimension = heads[0].V.length;
  const field = attention({ dimension, heads: heads.length, form: 'bilinear', kind, causal });
  const [B, V] = [heads.map((head) => head.B), heads.map((head) => head.V)];
  const size = Math.max(...B.map((one) => Math.sqrt(one.flat().reduce((s, b) => s + b * b, 0))));
  requireThat(
    kind === 'softmax' || size < largestExponent,
    'heads.B',
    size,
    `a matrix of norm below ${largestExponent} for unnormalised attention, since scores are exponentiated as they are`,
  );
  return { field, parameters: parametersFromMatrices(field, { B, V }) };
}

/**
 * The velocity `ẋ_i = P^⊥_{x_i} f(x)_i` of tokens on the sphere.
 *
 * @throws MesoscopeError as {@link ambientField}
 */
export function sphereVelocity(
  backend: Backend,
  attention: SphereAttention,
  tokens: Tokens,
): number[][] {
  const { field, parameters } = ambientField(attention);
  return evaluateField(backend, tangent(field), { tokens, parameters });
}

/** Tokens to be followed on the sphere. */
export interface SphereFlow {
  readonly attention: SphereAttention;
  /** Only their directions count. */
  readonly tokens: Tokens;
  readonly horizon: number;
  /** Of equal length. */
  readonly steps: number;
  /** Default the classical Runge–Kutta scheme. */
  readonly scheme?: Scheme;
}

/**
 * Tokens along `ẋ_i = P^⊥_{x_i} f(x)_i` (arXiv 2312.10794), by a Runge–Kutta scheme whose every step ends on the sphere.
 *
 * @throws MesoscopeError as {@link ambientField}; `shape-mismatch` if tokens and heads differ in dimension
 */
export function followTokens(backend: Backend, flow: SphereFlow): SimulatedFlow {
  const { attention, horizon, steps, scheme = rk4 } = flow;
  const { field, parameters } = ambientField(attention);
  const tokens = onSphere(flow.tokens);
  return simulate(backend, {
    ...{ field: tangent(field), parameters, tokens, horizon, steps, scheme },
    sphere: true,
  });
}
