import type { MatrixRef } from '../kernels/instruction.ts';
import { one, type ProgramBuilder } from '../kernels/program.ts';
import { requireCount } from './check.ts';
import {
  type Field,
  type FieldGradients,
  type FieldInput,
  type FieldTrace,
  type ParameterLayout,
  type ParameterRef,
  parameterLayout,
  parameterMatrix,
} from './field.ts';

export interface AffineOptions {
  /** d. */
  readonly dimension: number;
  /** Whether there is a bias b; default true. */
  readonly bias?: boolean;
}

/**
 * `f(h)_i = W h_i + b`, blocks W d×d and b d×1: the feed-forward part under which Gaussian token laws stay Gaussian
 * (arXiv 2606.07600).
 *
 * @throws MesoscopeError `invalid-value`
 */
export function affine(options: AffineOptions): Field {
  const { dimension, bias = true } = options;
  requireCount('dimension', dimension);
  const parameters = parameterLayout({
    W: [dimension, dimension],
    ...(bias ? { b: [dimension, 1, 0] as const } : {}),
  });
  const names = bias ? { matrix: 'W', bias: 'b' } : { matrix: 'W' };

  function trace(builder: ProgramBuilder, input: FieldInput): FieldTrace {
    const value = writeAffine(builder, parameters, input.parameters, names, input.state);
    return {
      value,
      pullback: (p: MatrixRef, gradients: FieldGradients) =>
        writeAffinePullback(
          builder,
          parameters,
          input.parameters,
          names,
          input.state,
          p,
          gradients,
        ),
    };
  }

  return { name: bias ? 'affine' : 'linear', dimension, parameters, trace };
}

/** Names of the blocks of one affine map. */
export interface AffineNames {
  readonly matrix: string;
  readonly bias?: string;
}

/** Writes `W x (+ b 1ᵀ)` into new scratch. */
export function writeAffine(
  builder: ProgramBuilder,
  layout: ParameterLayout,
  parameters: ParameterRef,
  names: AffineNames,
  x: MatrixRef,
): MatrixRef {
  const W = parameterMatrix(layout, parameters, names.matrix);
  const value = builder.scratch(W.rows, x.columns);
  if (names.bias !== undefined) {
    const b = parameterMatrix(layout, parameters, names.bias);
    builder.emit({ op: 'broadcast', b, c: value, accumulate: false });
  }
  builder.emit({
    op: 'product',
    a: W,
    transposeA: false,
    b: x,
    c: value,
    alpha: one,
    accumulate: names.bias !== undefined,
  });
  return value;
}

/** Writes `g_x += Wᵀp`, `g_W += p xᵀ`, `g_b += p 1`. */
export function writeAffinePullback(
  builder: ProgramBuilder,
  layout: ParameterLayout,
  parameters: ParameterRef,
  names: AffineNames,
  x: MatrixRef,
  p: MatrixRef,
  gradients: FieldGradients,
): void {
  if (gradients.state !== undefined) {
    builder.emit({
      op: 'product',
      a: parameterMatrix(layout, parameters, names.matrix),
      transposeA: true,
      b: p,
      c: gradients.state,
      alpha: one,
      accumulate: true,
    });
  }
  if (gradients.parameters === undefined) return;
  const gW = parameterMatrix(layout, gradients.parameters, names.matrix);
  builder.emit({ op: 'outer', a: p, b: x, c: gW, alpha: one, accumulate: true });
  if (names.bias === undefined) return;
  const gb = parameterMatrix(layout, gradients.parameters, names.bias);
  builder.emit({ op: 'rowSums', a: p, c: gb, alpha: one, accumulate: true });
}
