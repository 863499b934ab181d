import type { FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { singularValueDecomposition } from '../../numeric/decompositions.ts';
import { type Matrix, multiply, subtract, transpose } from '../../numeric/matrix.ts';
import type { ControlModel } from '../control-model.ts';
import { createFieldEvaluation } from '../field-evaluation.ts';
import { partOf } from '../parameters.ts';
import type { ControlTrace } from '../problem.ts';

/** What attention and activation contribute to a layer's field, as shares of its size. */
export interface Activity {
  /** `|f(h, θ) − f(h, θ with Q = 0)| / |f|`: what is lost if every token attends to all others alike. */
  readonly attention: number;
  /** Distance of the feed-forward part at the tokens seen to its best affine map of them, over |f|. */
  readonly activation: number;
}

/**
 * How far a transformer block acts as one along its flow: root mean squares over layers, samples and tokens. 0 where the
 * controls have made it a linear map of the mean, where tokens are too few to tell from an affine map (at most d + 1),
 * and where the field has no such part.
 */
export function measureActivity(model: ControlModel, trace: ControlTrace): Activity {
  const { problem, parameters, batch } = model;
  const { backend, field, layout } = problem;
  const { samples } = batch;
  const P = layout.parametersPerLayer;
  const nodes = partOf(layout, parameters, 'controls');
  return backend.scoped(() => {
    const evaluation = createFieldEvaluation(problem, samples);
    const [whole, part] = [0, 1].map(() => backend.allocate(samples * problem.stateLength));
    const theta = backend.allocate(P);
    const matrixOf = (state: FloatArray) => tokenMatrix(model, state);
    const squares = { field: 0, attention: 0, activation: 0 };
    for (let k = 0; k < layout.layers; k++) {
      const state = trace.states.state(k);
      const own = nodes.subarray(k * P, (k + 1) * P);
      evaluation.evaluate(state, own, whole);
      const f = matrixOf(whole);
      /** What the field loses without the block of that name. */
      const lost = (name: string): Matrix => {
        theta.set(own);
        const block = field.parameters.blocks.find((one) => one.name === name);
        if (block !== undefined) {
          theta.fill(0, block.offset, block.offset + block.rows * block.columns);
        }
        evaluation.evaluate(state, theta, part);
        return subtract(f, matrixOf(part));
      };
      squares.field += squareOf(f);
      squares.attention += squareOf(lost('attention.Q'));
      squares.activation += affineResidual(matrixOf(state), lost('feedForward.W2'));
    }
    const share = (square: number) => (square === 0 ? 0 : Math.sqrt(square / squares.field));
    return { attention: share(squares.attention), activation: share(squares.activation) };
  });
}

/** The tokens of all samples as rows. */
function tokenMatrix({ problem, batch }: ControlModel, state: FloatArray): Matrix {
  const { field, tokens, stateLength } = problem;
  const d = field.dimension;
  const stride = columnStride(tokens);
  const rows = batch.samples * tokens;
  const data = Float64Array.from({ length: rows * d }, (_, e) => {
    const row = Math.floor(e / d);
    const sample = Math.floor(row / tokens);
    return state[sample * stateLength + (e % d) * stride + (row % tokens)];
  });
  return { rows, columns: d, data };
}

/** `min_{A,c} Σ_i |g_i − A h_i − c|²` over rows. */
function affineResidual(h: Matrix, g: Matrix): number {
  const columns = h.columns + 1;
  const data = Float64Array.from({ length: h.rows * columns }, (_, e) =>
    e % columns === h.columns ? 1 : h.data[Math.floor(e / columns) * h.columns + (e % columns)],
  );
  const { left, values } = singularValueDecomposition({ rows: h.rows, columns, data });
  const seen = left.data.map((x, e) => (values[e % left.columns] > 1e-12 * values[0] ? x : 0));
  const basis = { ...left, data: seen };
  return squareOf(subtract(g, multiply(basis, transpose(basis), g)));
}

function squareOf({ data }: Matrix): number {
  return data.reduce((sum, x) => sum + x * x, 0);
}
