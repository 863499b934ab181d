import type { Field } from '../../field/field.ts';
import { parameterMatrix } from '../../field/field.ts';
import { prenormalise } from '../../field/prenormalise.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride, type NormalisationKind } from '../../kernels/instruction.ts';
import { one, ProgramBuilder, stateLength } from '../../kernels/program.ts';
import { type Matrix, zeros } from '../../numeric/matrix.ts';
import type { TokenCloud, TokenCloudSource } from './token-cloud.ts';

/** Blocks `x ← x + f_1(norm x), x ← x + f_2(norm x), …`, repeated L times with weights of their own. */
export interface BlockStack {
  readonly name: string;
  readonly layers: number;
  /** H, and k of one head. */
  readonly heads: number;
  readonly keyDimension: number;
  /** Of what every part of a block sees; `none`: the tokens as they are. */
  readonly normalisation: NormalisationKind | 'none';
  /** The parts of a block; the first is attention, with blocks Q and K. */
  readonly parts: readonly Field[];
  /** The parameters of each part of one layer. */
  parametersOf(layer: number): readonly ArrayLike<number>[];
}

/**
 * The token clouds of a stack of blocks fed with given tokens.
 *
 * @param input - n × d, one token a row
 */
export function blockClouds(backend: Backend, stack: BlockStack, input: Matrix): TokenCloudSource {
  async function* clouds(): AsyncGenerator<TokenCloud> {
    let points = input;
    for (let layer = 0; layer < stack.layers; layer++) {
      const next = backend.scoped(() => passBlock(backend, stack, layer, points));
      yield { layer, points, tilt: next.tilt };
      points = next.points;
    }
    yield { layer: stack.layers, points, tilt: null };
  }
  return { name: stack.name, layers: stack.layers, clouds };
}

/** One block: the tokens after it, and the tilt of its attention. */
function passBlock(backend: Backend, stack: BlockStack, layer: number, points: Matrix) {
  const { heads, keyDimension, normalisation, parts } = stack;
  const [n, d] = [points.rows, points.columns];
  const builder = new ProgramBuilder();
  const x = builder.state('sample', 'x', d, n);
  const queries = builder.state('sample', 'queries', heads * keyDimension, n);
  const keys = builder.state('sample', 'keys', heads * keyDimension, n);
  const buffers: Record<string, FloatArray> = {
    x: backend.allocate(stateLength(d, n)),
    queries: backend.allocate(stateLength(heads * keyDimension, n)),
    keys: backend.allocate(stateLength(heads * keyDimension, n)),
  };
  const parameters = stack.parametersOf(layer);
  parts.forEach((part, p) => {
    const slot = builder.slot('shared', `part ${p}`, part.parameters.length);
    buffers[`part ${p}`] = backend.allocate(part.parameters.length);
    buffers[`part ${p}`].set(parameters[p]);
    const field = normalisation === 'none' ? part : prenormalise(part, { kind: normalisation });
    const ref = { slot, offset: 0 };
    if (p === 0) {
      let seen = x;
      if (normalisation !== 'none') {
        seen = builder.scratch(d, n);
        builder.emit({ op: 'normalise', kind: normalisation, epsilon: 1e-5, x, y: seen });
      }
      for (const [name, into] of [
        ['Q', queries],
        ['K', keys],
      ] as const) {
        const a = parameterMatrix(part.parameters, ref, name);
        builder.emit({
          op: 'product',
          a,
          transposeA: false,
          b: seen,
          c: into,
          alpha: one,
          accumulate: false,
        });
      }
    }
    const value = field.trace(builder, { state: x, parameters: ref });
    builder.emit({ op: 'axpy', x: value, y: x, alpha: one, accumulate: true });
  });
  const stride = columnStride(n);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < d; a++) buffers.x[a * stride + i] = points.data[i * d + a];
  }
  backend.compile(builder.program())({ samples: 1, buffers });
  const after = zeros(n, d);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < d; a++) after.data[i * d + a] = buffers.x[a * stride + i];
  }
  return { points: after, tilt: largestTilt(buffers.queries, buffers.keys, stack, n) };
}

/** `max_h (mean over i of q_iᵀ Cov(k) q_i)^{1/2}/√k`, from queries and keys of (H·k) × n. */
function largestTilt(
  queries: FloatArray,
  keys: FloatArray,
  { heads, keyDimension: k }: BlockStack,
  n: number,
): number {
  const stride = columnStride(n);
  const moment = (rows: FloatArray, a: number, b: number, centred: boolean) => {
    let product = 0;
    let sumA = 0;
    let sumB = 0;
    for (let i = 0; i < n; i++) {
      const [u, v] = [rows[a * stride + i], rows[b * stride + i]];
      product += u * v;
      sumA += u;
      sumB += v;
    }
    return product / n - (centred ? (sumA / n) * (sumB / n) : 0);
  };
  let largest = 0;
  for (let h = 0; h < heads; h++) {
    let square = 0;
    for (let a = h * k; a < (h + 1) * k; a++) {
      for (let b = h * k; b <= a; b++) {
        const weight = a === b ? 1 : 2;
        square += weight * moment(queries, a, b, false) * moment(keys, a, b, true);
      }
    }
    largest = Math.max(largest, square / k);
  }
  return Math.sqrt(largest);
}
