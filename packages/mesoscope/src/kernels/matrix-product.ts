import { type Matrix, zeros } from '../numeric/matrix.ts';
import type { Backend, FloatArray } from './backend.ts';
import { columnStride } from './instruction.ts';
import { ProgramBuilder, stateLength } from './program.ts';

/** A product of dense matrices of one shape, on the kernels. */
export interface KernelProduct {
  /** The left factor, row-major; it stays until it is overwritten. */
  readonly left: FloatArray;
  /** `left · right`; `left` is replaced first if it is given. */
  multiply(right: Matrix, left?: ArrayLike<number>): Matrix;
}

/**
 * Compiles `C = A B`, A of rows × inner, B of inner × columns. Its memory lives in the scope of the backend in which it was
 * made.
 *
 * @throws MesoscopeError `out-of-memory`
 */
export function kernelProduct(
  backend: Backend,
  {
    rows,
    inner,
    columns,
  }: { readonly rows: number; readonly inner: number; readonly columns: number },
): KernelProduct {
  const builder = new ProgramBuilder();
  builder.product(
    builder.parameters('shared', 'left', rows, inner),
    builder.state('shared', 'right', inner, columns),
    { into: builder.state('sample', 'product', rows, columns) },
  );
  const execute = backend.compile(builder.program());
  const left = backend.allocate(rows * inner);
  const right = backend.allocate(stateLength(inner, columns));
  const product = backend.allocate(stateLength(rows, columns));
  const stride = columnStride(columns);
  return {
    left,
    multiply({ data }, replaced) {
      if (replaced !== undefined) left.set(replaced);
      for (let i = 0; i < inner; i++) {
        right.set(data.subarray(i * columns, (i + 1) * columns), i * stride);
      }
      execute({ samples: 1, buffers: { left, right, product } });
      const result = zeros(rows, columns);
      for (let i = 0; i < rows; i++) {
        result.data.set(product.subarray(i * stride, i * stride + columns), i * columns);
      }
      return result;
    },
  };
}
