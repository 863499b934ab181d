import type { ParameterRef } from '../field/field.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import type { MatrixRef } from '../kernels/instruction.ts';
import { ProgramBuilder, stateLength } from '../kernels/program.ts';
import { packRows, unpackRows } from '../kernels/tokens.ts';
import type { Matrix } from '../numeric/matrix.ts';

/** What is done to a state of n tokens, given where the parameters begin; returns the tokens after it. */
export type TokenMap = (builder: ProgramBuilder, x: MatrixRef, theta: ParameterRef) => MatrixRef;

/** A map of tokens that is no layer, on the kernels: n × width in, n × `rows` out. */
export function mapTokens(
  backend: Backend,
  points: Matrix,
  parameters: Float64Array,
  rows: number,
  write: TokenMap,
): Matrix {
  return backend.scoped(() => {
    const { rows: n, columns: width } = points;
    const builder = new ProgramBuilder();
    const x = builder.state('sample', 'x', width, n);
    const slot = builder.slot('shared', 'theta', parameters.length);
    builder.copy(write(builder, x, { slot, offset: 0 }), builder.state('sample', 'y', rows, n));
    const buffers: Record<string, FloatArray> = {
      x: packRows(points, backend.allocate(stateLength(width, n))),
      y: backend.allocate(stateLength(rows, n)),
      theta: backend.allocate(parameters.length),
    };
    buffers.theta.set(parameters);
    backend.compile(builder.program())({ samples: 1, buffers });
    return unpackRows(buffers.y, n, rows);
  });
}
