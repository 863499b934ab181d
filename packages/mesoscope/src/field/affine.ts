import type { MatrixRef } from '../kernels/instruction.ts';
import type { ProgramBuilder } from '../kernels/program.ts';
import { requireCount } from './check.ts';
import { type Field, parameterLayout, parameterMatrix } from './field.ts';

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
    b: bias ? [dimension, 1, 0] : undefined,
  });
  return {
    name: bias ? 'affine' : 'linear',
    dimension,
    parameters,
    trace(builder, { state, parameters: theta }) {
      const W = parameterMatrix(parameters, theta, 'W');
      const b = bias ? parameterMatrix(parameters, theta, 'b') : undefined;
      return affineMap(builder, W, b, state);
    },
  };
}

/** `W x (+ b 1ᵀ)`. */
export function affineMap(
  builder: ProgramBuilder,
  W: MatrixRef,
  b: MatrixRef | undefined,
  x: MatrixRef,
): MatrixRef {
  if (b === undefined) return builder.product(W, x);
  return builder.product(W, x, { into: builder.broadcast(b, x.columns), add: true });
}
